package node

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/reply"
)

// unfinished reports whether a machine keeps parts of an incomplete command. At version 2 these
// have a deadline, and no key here has one.
func (n *Node) unfinished() (some bool) {
	n.View(func(m *fsm.Machine) { _, some = m.NextDeadlineMS() })
	return some
}

// Small writes go on during a command that takes many entries. At version 2 they alternate with
// its parts; at version 1 they wait for it. Nobody is refused.
func TestSmallWritesGoOnBesideALargeCommand(t *testing.T) {
	const entryTakes = 10 * time.Millisecond
	for _, version := range []int{1, 2} {
		for _, where := range []string{"leader", "follower"} {
			t.Run(fmt.Sprintf("%s/version %d", where, version), func(t *testing.T) {
				inBubble(t, 3, func(c *Config) { c.WriteTimeout = 100 * time.Millisecond }, func(t *testing.T, l *lab) {
					n := l.leader()
					if where == "follower" {
						n = l.followers()[0]
					}
					if version == 2 {
						l.raise(2)
						l.eventually("this node's machine is at it", func() bool { return n.MachineVersion() == 2 })
					}
					l.slowDisks(entryTakes)
					value := strings.Repeat("v", 6<<20) // 24 parts
					var clients sync.WaitGroup
					var done bool
					var mu sync.Mutex
					over := func() bool { mu.Lock(); defer mu.Unlock(); return done }
					clients.Go(func() {
						l.want(write(n, "append", "large", value), reply.Int(int64(len(value))))
						mu.Lock()
						done = true
						mu.Unlock()
					})
					for i := range 20 {
						clients.Go(func() {
							for writes := 1; !over(); writes++ {
								begun := time.Now()
								l.want(write(n, "incr", fmt.Sprint(i)), reply.Int(int64(writes)))
								if took := time.Since(begun); version == 2 && took > 8*entryTakes {
									t.Errorf("a small write took %v", took)
								}
							}
						})
					}
					clients.Wait()
					l.agree()
				})
			})
		}
	}
}

// The calls of one connection stay in order, whatever their sizes. A large command that was begun
// before the raise is applied once.
func TestLargeCommandsKeepTheirOrderAcrossTheRaise(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		l.slowDisks(time.Millisecond)
		nodes := append(l.followers(), l.leader())
		var clients sync.WaitGroup
		value := strings.Repeat("v", 600<<10)
		for i := range 6 {
			clients.Go(func() {
				n, key, length := nodes[i%3], fmt.Sprint(i), 0
				for range 3 {
					calls := []*command.Call{call("append", key, "a"), call("append", key, value), call("append", key, "b"), call("append", key, value)}
					n.Write(t.Context(), calls)
					for _, c := range calls {
						length += len(c.Args[2])
						l.want(c.Reply, reply.Int(int64(length)))
					}
				}
			})
		}
		time.Sleep(20 * time.Millisecond)
		l.raise(2)
		clients.Wait()
		l.agree()
	})
}

// The leader changes again and again while large commands are in flight at version 2. Each is
// applied once.
func TestLargeCommandsAreAppliedOnceAcrossElections(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		l.raise(2)
		l.slowDisks(2 * time.Millisecond)
		nodes := append(l.followers(), l.leader())
		var clients sync.WaitGroup
		value := strings.Repeat("v", 1<<20)
		for i := range 6 {
			clients.Go(func() {
				for round := range 3 {
					l.want(write(nodes[i%3], "append", fmt.Sprint(i), value), reply.Int(int64((round+1)*len(value))))
					l.want(write(nodes[i%3], "incr", fmt.Sprint("n", i)), reply.Int(int64(round+1)))
				}
			})
		}
		for range 5 {
			time.Sleep(30 * time.Millisecond)
			_ = l.leader().TransferLeadership()
		}
		clients.Wait()
		l.agree()
		for _, n := range nodes {
			if n.unfinished() || n.session.line.partBytes != 0 {
				t.Error("parts are left")
			}
		}
	})
}

// A client leaves while its command is in flight at version 2. The machines free the parts, which
// are identified by the first one, and the others go on.
func TestALargeCommandThatIsGivenUpIsAbandonedByName(t *testing.T) {
	for _, where := range []string{"leader", "follower"} {
		t.Run(where, func(t *testing.T) {
			inBubble(t, 3, nil, func(t *testing.T, l *lab) {
				l.raise(2)
				n := l.leader()
				if where == "follower" {
					n = l.followers()[0]
				}
				l.slowDisks(5 * time.Millisecond)
				value := strings.Repeat("v", 5<<20)
				var clients sync.WaitGroup
				clients.Go(func() { l.want(write(n, "append", "stays", value), reply.Int(int64(len(value)))) })
				ctx, cancel := context.WithCancel(t.Context())
				clients.Go(func() { n.Write(ctx, []*command.Call{call("append", "goes", value)}) })
				l.eventually("parts of both", n.unfinished)
				time.Sleep(20 * time.Millisecond)
				cancel()
				clients.Wait()
				l.want(write(n, "incr", "n"), reply.Int(1))
				l.eventually("no parts are left", func() bool {
					for _, n := range l.all() {
						if n.unfinished() {
							return false
						}
					}
					return true
				})
				l.want(read(n, "exists", "goes"), reply.Int(0))
				n.session.mu.Lock()
				defer n.session.mu.Unlock()
				if n.session.line.partBytes != 0 {
					t.Errorf("%d bytes of parts are counted", n.session.line.partBytes)
				}
			})
		})
	}
}

// A command that is given up is replaced by blanks for the parts that may be in flight, and by a
// batch that names its first part.
func TestAnAbandonedCommandIsNamedByItsFirstPart(t *testing.T) {
	var sent []entry.Batch
	s := lone(func(data []byte, _ func(error)) {
		b, err := entry.DecodeBatch(bytes.Clone(data))
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, b)
	})
	s.node.worker.progress.version.Store(2)
	s.next = 7
	c := s.wait(t, time.Minute, string(make([]byte, batchesInFlightMax*entry.PartBytesMax+1)))
	s.pump()
	if len(sent) != batchesInFlightMax || sent[0].First != 7 || sent[3].First != 7 || sent[3].PartIndex != 3 {
		t.Fatalf("%d batches were sent", len(sent))
	}
	s.resolve(&fsm.Outcome{Session: s.id, Number: 7, Status: fsm.Partial})
	s.abandon(c)
	sent = nil
	s.pump()
	s.resolve(&fsm.Outcome{Session: s.id, Number: 8, Status: fsm.Partial})
	s.pump()
	last := sent[len(sent)-1]
	if last.Kind != entry.Abandon || last.First != 7 || last.Number != 11 {
		t.Errorf("batch %d is of kind %d and names %d", last.Number, last.Kind, last.First)
	}
	for number := uint64(9); number <= 11; number++ {
		if s.line.partBytes == 0 {
			t.Error("the parts count as gone before the machines let go of them")
		}
		s.resolve(&fsm.Outcome{Session: s.id, Number: number, Status: fsm.Applied})
	}
	if s.line.partBytes != 0 {
		t.Errorf("%d bytes of parts are counted", s.line.partBytes)
	}
}
