package node

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// slowDisks makes every write to a log take the given time.
func (l *lab) slowDisks(takes time.Duration) {
	for _, d := range l.disks {
		d.slow.mu.Lock()
		d.slow.takes = takes
		d.slow.mu.Unlock()
	}
}

// The waiting calls take many times the write time-out in total. Because the line keeps moving,
// nobody is refused, and nobody waits much longer than another.
func TestABusyLineRefusesNobody(t *testing.T) {
	for _, c := range []struct{ clients, bytes int }{{300, 64 << 10}, {40, 600 << 10}} {
		for _, where := range []string{"leader", "follower"} {
			t.Run(fmt.Sprintf("%s/%d", where, c.clients), func(t *testing.T) {
				inBubble(t, 3, func(c *Config) { c.WriteTimeout = 300 * time.Millisecond }, func(t *testing.T, l *lab) {
					n := l.leader()
					if where == "follower" {
						n = l.followers()[0]
					}
					l.slowDisks(20 * time.Millisecond)
					value := strings.Repeat("v", c.bytes)
					var mu sync.Mutex
					var took []time.Duration
					var clients sync.WaitGroup
					for range c.clients {
						clients.Go(func() {
							for range 2 {
								begun := time.Now()
								l.want(write(n, "set", "k", value), reply.OK)
								mu.Lock()
								took = append(took, time.Since(begun))
								mu.Unlock()
							}
						})
					}
					clients.Wait()
					var sum, longest time.Duration
					for _, d := range took {
						sum += d
						longest = max(longest, d)
					}
					mean := sum / time.Duration(len(took))
					// First in, first out, the longest takes some 4/3 of the mean; in any other order
					// more than 5/2.
					if mean < n.cfg.WriteTimeout || longest > 2*mean {
						t.Errorf("a write took %v, and %v at most", mean, longest)
					}
				})
			})
		}
	}
}

// A line that has stopped answers everybody one write time-out after its last progress, or after
// the call arrived. What was sent may be applied, the rest is not.
func TestAStuckLineAnswersAfterTheWriteTimeout(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		l.want(write(leader, "set", "k", "v"), reply.OK)
		release := l.disks[leader.cfg.Session.Server].slow.hold()
		defer release()
		for _, f := range l.followers() {
			defer l.disks[f.cfg.Session.Server].slow.hold()()
		}
		var clients sync.WaitGroup
		answers := map[string]int{}
		var mu sync.Mutex
		for i := range 20 { // of which an entry holds two
			clients.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				begun := time.Now()
				answer := write(leader, "append", "k", strings.Repeat("v", 200<<10))
				if took := time.Since(begun); took < leader.cfg.WriteTimeout || took > leader.cfg.WriteTimeout+2*expiryTick {
					t.Errorf("client %d was answered %q after %v", i, answer.Bytes, took)
				}
				mu.Lock()
				answers[string(answer.Bytes)]++
				mu.Unlock()
			})
		}
		clients.Wait()
		refused := answers[ErrStuck.RESP] + answers[ErrNoLeader.RESP] // the leader steps down meanwhile
		if uncertain := answers[ErrUncertain.RESP]; uncertain == 0 || uncertain > 2 || refused+uncertain != 20 {
			t.Errorf("the answers are %v", answers)
		}
	})
}

// A leader's queue that is full for a while only costs time. If it stays full, the client is told
// so.
func TestAFullLeaderIsWaitedFor(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader, f := l.leader(), l.followers()[0]
		l.want(write(f, "set", "k", "v"), reply.OK)
		var mu sync.Mutex
		refusing, forwards := true, 0
		l.mu.Lock()
		l.refuseForward = func(from string) error {
			mu.Lock()
			defer mu.Unlock()
			forwards++
			if refusing {
				return ErrBusy
			}
			return nil
		}
		l.mu.Unlock()
		time.AfterFunc(f.cfg.WriteTimeout*9/10, func() { mu.Lock(); refusing = false; mu.Unlock() })
		l.want(write(f, "set", "k", "w"), reply.OK)
		l.want(read(leader, "get", "k"), reply.Text("w"))
		mu.Lock()
		refusing = true
		mu.Unlock()
		l.want(write(f, "set", "k", "x"), reply.Err(ErrBusy.RESP))
		mu.Lock()
		refusing = false
		mu.Unlock()
		l.want(write(f, "append", "k", "y"), reply.Int(2))
		l.want(read(leader, "get", "k"), reply.Text("wy"))
	})
}

// A leader whose own clients form a long line still takes another node's batches, each in one of
// the next entries.
func TestALeadersOwnLineLeavesOthersTheirShare(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader, f := l.leader(), l.followers()[0]
		const entry = 20 * time.Millisecond
		l.slowDisks(entry)
		ctx, cancel := context.WithCancel(t.Context())
		var clients sync.WaitGroup
		for i := range 100 {
			clients.Go(func() {
				for ctx.Err() == nil {
					leader.Write(ctx, []*command.Call{call("set", fmt.Sprint(i), strings.Repeat("v", 200<<10))})
				}
			})
		}
		time.Sleep(10 * entry)
		for range 10 {
			begun := time.Now()
			l.want(write(f, "set", "k", "v"), reply.OK)
			if took := time.Since(begun); took > 5*entry {
				t.Errorf("a write through the follower took %v", took)
			}
		}
		cancel()
		clients.Wait()
	})
}

// A machine that takes long for one entry does not make its node's writes uncertain, because their
// outcome is about to be known.
func TestALongEntryIsWaitedFor(t *testing.T) {
	s := lone(func([]byte, func(error)) {})
	c := s.wait(t, s.node.cfg.WriteTimeout, "v")
	s.pump()
	now := time.Now()
	look := func(after time.Duration, applying uint64) (answered bool) {
		s.node.worker.applying.Store(applying)
		now = now.Add(after)
		s.expire(now)
		return c.pending.Load() == 0
	}
	if look(0, 7) || look(time.Minute, 7) || look(s.node.cfg.WriteTimeout/2, 0) {
		t.Error("it is not waited for")
	}
	for entry := range uint64(10) { // the machine goes on, and nothing of this node's is in it
		look(s.node.cfg.WriteTimeout/20, 8+entry)
	}
	if c.pending.Load() > 0 || string(c.calls[0].Reply.Bytes) != ErrUncertain.RESP {
		t.Errorf("the client was answered %q", c.calls[0].Reply.Bytes)
	}
}
