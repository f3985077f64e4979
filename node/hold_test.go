package node

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/reply"
)

// A line is held until most of the answered clients have called again, and never longer than a
// moment after the last answer.
func TestALineIsHeldForThoseWhoWereAnswered(t *testing.T) {
	now := time.Unix(1000, 0)
	var h hold
	if h.left(0, now) != 0 {
		t.Error("a line is held for nobody")
	}
	h.expect(holdCallsMin-1, 3, now)
	if h.left(3, now) != 0 {
		t.Error("a line is held for a few")
	}
	h.expect(40, 10, now)
	for _, c := range []struct {
		waiting int
		after   time.Duration
		left    time.Duration
	}{{10, 0, holdMax}, {43, 0, holdMax}, {44, 0, 0}, {10, holdMax / 4, holdMax * 3 / 4}, {10, holdMax, 0}} {
		if left := h.left(c.waiting, now.Add(c.after)); left != c.left {
			t.Errorf("a line of %d is held for %v more after %v, not %v", c.waiting, left, c.after, c.left)
		}
	}
	h.expect(3, 20, now.Add(holdMax/2))
	if left := h.left(20, now.Add(holdMax/2)); left != holdMax/2 {
		t.Errorf("an answer to a few has made it %v", left)
	}
	h.expect(100_000, 0, now.Add(2*holdMax))
	if h.left(holdCallsMax-holdCallsMax/8, now.Add(2*holdMax)) != 0 {
		t.Error("a line is held for more than the largest group")
	}
}

// A machine applies an entry late. Its leader has already looked at the empty line and has no
// timer left. The first held call wakes it, and the others leave it alone until there are enough
// of them.
func TestTheFirstHeldCallWakesTheSender(t *testing.T) {
	s := lone(nil)
	s.node.committer = newCommitter(s.node)
	s.local = true
	call := func() (woken bool) {
		s.wait(t, time.Minute, "v")
		select {
		case <-s.node.committer.wake:
			return true
		default:
			return false
		}
	}
	look := func() time.Duration { return s.collect(&load{}) }
	if look() != 0 || s.hold.timed {
		t.Fatal("an empty line is held")
	}
	s.hold.expect(10, 0, time.Now().Add(time.Hour))
	if !call() {
		t.Fatal("the first call wakes nobody, and nobody has a timer")
	}
	if look() == 0 {
		t.Fatal("the line is not held")
	}
	for i := range 9 {
		if woken := call(); woken != (i+2 >= s.hold.want) {
			t.Errorf("call %d: woken: %v", i+2, woken)
		}
	}
}

// Clients call at random moments, in groups of all sizes, and the answers come at random moments.
// Nobody waits longer than the line may be held, because the sender has been woken or has a timer
// whenever somebody waits.
func TestNobodyIsForgottenInAHeldLine(t *testing.T) {
	const way = 500 * time.Microsecond // to the leader and through the machine, at most
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex
		draw := func(n int) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return time.Duration(r.IntN(n))
		}
		var s *session
		answers := make(chan func(), 100) // in the order of the batches
		s = lone(func(data []byte, _ func(error)) {
			b, err := entry.DecodeBatch(data)
			if err != nil {
				t.Error(err)
			}
			answers <- func() {
				s.resolve(&fsm.Outcome{Session: s.id, Number: b.Number, Status: fsm.Applied, Replies: make([]reply.Value, len(b.Commands))})
			}
		})
		s.node.stop = make(chan struct{})
		var running, clients sync.WaitGroup
		running.Go(s.run)
		running.Go(func() {
			for answer := range answers {
				time.Sleep(draw(int(way)))
				answer()
			}
		})
		for range 30 {
			clients.Go(func() {
				for i := range 200 {
					if i%20 == 0 {
						time.Sleep(draw(int(20 * holdMax)))
					}
					begun := time.Now()
					s.write(t.Context(), []*command.Call{call("set", "k", "v")})
					if took := time.Since(begun); took > 4*way+2*holdMax {
						t.Errorf("a call took %v", took)
						return
					}
				}
			})
		}
		clients.Wait()
		close(s.node.stop)
		close(answers)
		running.Wait()
	})
}

// The same through a leader, whose committer is the sender.
func TestNobodyIsForgottenByALeader(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		r := rand.New(rand.NewPCG(3, 4))
		for round := range 300 {
			var clients sync.WaitGroup
			pause := time.Duration(r.IntN(int(3 * holdMax)))
			for range 1 + r.IntN(40) {
				calls := make([]*command.Call, 1+r.IntN(1+round%2*20))
				for i := range calls {
					calls[i] = call("set", fmt.Sprint(i), "v")
				}
				clients.Go(func() {
					for range 2 {
						begun := time.Now()
						leader.Write(t.Context(), calls)
						if took := time.Since(begun); took > 3*holdMax {
							t.Errorf("round %d: a call took %v", round, took)
						}
					}
				})
			}
			clients.Wait()
			time.Sleep(pause)
		}
	})
}
