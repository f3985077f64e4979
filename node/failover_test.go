package node

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// When the leader dies, clients of the surviving nodes only see a pause. Every INCR is answered
// and counted once.
func TestIncrementsSurviveTheLeadersCrash(t *testing.T) {
	for _, size := range []int{3, 5} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inBubble(t, size, nil, func(t *testing.T, l *lab) {
				l.delay = 300 * time.Microsecond
				for range 3 {
					leader := l.leader()
					id := leader.cfg.Session.Server
					var clients sync.WaitGroup
					var mu sync.Mutex
					acked := 0
					before := read(leader, "get", "n")
					for _, n := range l.followers() {
						for range 4 {
							clients.Go(func() {
								for range 40 {
									r := write(n, "incr", "n")
									if r.Kind != reply.Integer {
										t.Errorf("a client of a surviving node got %q", r.Bytes)
									}
									mu.Lock()
									acked++
									mu.Unlock()
								}
							})
						}
					}
					time.Sleep(7 * time.Millisecond)
					l.crash(id)
					clients.Wait()
					l.want(read(l.followers()[0], "get", "n"), reply.Text(fmt.Sprint(atoi(before)+acked)))
					l.start(id)
				}
				l.agree()
			})
		})
	}
}

func atoi(v reply.Value) int {
	n := 0
	fmt.Sscan(string(v.Bytes), &n)
	return n
}

// agree waits until all machines are equal.
func (l *lab) agree() {
	l.t.Helper()
	l.leader()
	var seen string
	l.eventually("equal machines", func() bool {
		states := map[string]bool{}
		for _, n := range l.all() {
			n.View(func(m *fsm.Machine) { seen = fmt.Sprintf("%d %x %x", m.Index(), m.Hash(), m.Digest()) })
			states[seen] = true
		}
		return len(states) == 1
	})
}

// A leader that is cut off accepts writes that it cannot commit. Clients waiting there are told
// the truth, and what was answered CLUSTERDOWN is never applied.
func TestACutOffLeaderTellsTheTruth(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		id := leader.cfg.Session.Server
		other := l.followers()[0]
		l.want(write(leader, "set", "k", "0"), reply.OK)
		l.isolate(id, true)
		var clients sync.WaitGroup
		var early, late reply.Value
		clients.Go(func() { early = write(leader, "incr", "early") })
		clients.Go(func() {
			time.Sleep(2 * time.Second) // it has stepped down by now
			late = write(leader, "incr", "late")
		})
		l.eventually("another leader", func() bool { return other.Leader() != id && other.Leader() != "" })
		l.want(write(other, "set", "k", "1"), reply.OK)
		clients.Wait()
		if !strings.HasPrefix(string(early.Bytes), "UNCERTAIN") {
			t.Fatalf("a write in the log of a cut-off leader was answered %q", early.Bytes)
		}
		if !strings.HasPrefix(string(late.Bytes), "CLUSTERDOWN") {
			t.Fatalf("a write that was never sent was answered %q", late.Bytes)
		}
		l.isolate(id, false)
		l.want(write(leader, "incr", "after"), reply.Int(1))
		l.agree()
		l.want(read(leader, "exists", "late"), reply.Int(0))
		l.want(read(leader, "exists", "early"), reply.Int(0))
	})
}

// Reads never go back in time, whoever leads and wherever they are asked.
func TestReadsNeverGoBack(t *testing.T) {
	inBubble(t, 5, nil, func(t *testing.T, l *lab) {
		l.delay = 200 * time.Microsecond
		l.leader()
		stop := make(chan struct{})
		var clients sync.WaitGroup
		var mu sync.Mutex
		newest := int64(0)
		for _, s := range l.conf.Servers {
			clients.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					time.Sleep(3 * time.Millisecond)
					n := l.node(s.ID)
					mu.Lock()
					floor := newest
					mu.Unlock()
					var got int64
					if i%3 == 0 {
						r := write(n, "incr", "n")
						got = r.Int()
						if r.Kind != reply.Integer {
							continue
						}
					} else {
						r := read(n, "get", "n")
						if r.IsError() {
							continue
						}
						got = int64(atoi(r))
					}
					if got < floor {
						t.Errorf("%s answered %d after somebody had seen %d", s.ID, got, floor)
					}
					mu.Lock()
					newest = max(newest, got)
					mu.Unlock()
				}
			})
		}
		for range 4 {
			id := l.leader().cfg.Session.Server
			time.Sleep(20 * time.Millisecond)
			l.isolate(id, true)
			time.Sleep(2 * time.Second)
			l.isolate(id, false)
			l.leader()
		}
		close(stop)
		clients.Wait()
		l.agree()
	})
}

// A leader that closes hands leadership over first, so nobody waits for an election.
func TestCloseHandsLeadershipOver(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		id := leader.cfg.Session.Server
		other := l.followers()[0]
		var clients sync.WaitGroup
		done := make(chan struct{})
		worst := time.Duration(0)
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				begun := time.Now()
				if r := write(other, "incr", "n"); r.Kind != reply.Integer {
					t.Errorf("answered %q", r.Bytes)
				}
				worst = max(worst, time.Since(begun))
				time.Sleep(time.Millisecond)
			}
		})
		time.Sleep(10 * time.Millisecond)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := leader.Close(ctx); err != nil {
			t.Fatalf("close: %v", err)
		}
		l.mu.Lock()
		delete(l.nodes, id)
		l.mu.Unlock()
		l.leader()
		close(done)
		clients.Wait()
		if worst > 900*time.Millisecond {
			t.Fatalf("a client waited %v", worst)
		}
	})
}

// A value of 5 MB from a follower travels in parts, and is one command.
func TestALargeValueTravelsInParts(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		big := strings.Repeat("0123456789abcdef", 5<<20/16)
		for i, n := range append(l.followers(), l.leader()) {
			calls := []*command.Call{call("set", "before", "1"), call("set", "big", fmt.Sprint(i)+big), call("incr", "before"), call("strlen", "big")}
			n.Write(t.Context(), calls)
			l.want(calls[0].Reply, reply.OK)
			l.want(calls[1].Reply, reply.OK)
			l.want(calls[2].Reply, reply.Int(2))
			l.want(calls[3].Reply, reply.Int(int64(len(big)+1)))
		}
		l.agree()
	})
}

// If a command is given up between two of its parts, the parts are freed even if this process
// sends nothing more.
func TestPartsThatNobodyFollowsAreFreed(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		f := l.followers()[0]
		s := f.session
		pause := func(until time.Time) {
			s.mu.Lock()
			s.retryAt = until
			s.mu.Unlock()
		}
		l.mu.Lock()
		l.beforeForward = func(_, _ string) { pause(time.Now().Add(time.Hour)) }
		l.mu.Unlock()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := call("set", "big", strings.Repeat("v", 5<<20))
		var client sync.WaitGroup
		kept := func() uint64 {
			var info fsm.SessionInfo
			leader.View(func(m *fsm.Machine) { info, _ = m.Session(f.cfg.Session.Server) })
			return info.Last
		}
		before := kept()
		client.Go(func() { f.Write(ctx, []*command.Call{c}) })
		l.eventually("the first parts have arrived", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.line.begun) > 0 && s.line.begun[0].next > 0 && len(s.unresolved) == 0
		})
		parts := kept()
		if parts <= before {
			t.Fatal("no part has arrived")
		}
		cancel()
		client.Wait()
		pause(time.Time{})
		l.eventually("a batch that frees the parts", func() bool { return kept() == parts+1 })
	})
}

// A pipeline that does not fit one batch keeps its order.
func TestALongPipelineKeepsItsOrder(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		var calls []*command.Call
		for range 40_000 {
			calls = append(calls, call("incr", "n"))
		}
		l.followers()[0].Write(t.Context(), calls)
		for i, c := range calls {
			l.want(c.Reply, reply.Int(int64(i+1)))
		}
	})
}

// All nodes may die at once: everything acknowledged is there afterwards.
func TestAllNodesCrashAtOnce(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		for round := range 3 {
			l.leader()
			for i := range 20 {
				l.want(write(l.node(l.conf.Servers[i%3].ID), "incr", "n"), reply.Int(int64(round*20+i+1)))
			}
			for id := range l.all() {
				l.crash(id)
			}
			for _, s := range l.conf.Servers {
				l.start(s.ID)
			}
		}
		l.agree()
	})
}

// A transfer to a dead follower fails at once, and leaves a leader that leads.
func TestNoTransferToADeadFollower(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		dead := l.followers()[0].cfg.Session.Server
		l.isolate(dead, true)
		for range 4 {
			if err := leader.TransferLeadershipTo(dead); err == nil {
				t.Fatal("it was handed over to a dead follower")
			}
			l.want(write(leader, "set", "k", "v"), reply.OK)
			time.Sleep(700 * time.Millisecond)
		}
		if err := leader.TransferLeadership(); err != nil {
			t.Fatal(err)
		}
		l.eventually("the living follower leads", func() bool { return !leader.IsLeader() && leader.Leader() != "" && leader.Leader() != dead })
		l.want(write(leader, "set", "k", "w"), reply.OK)
	})
}

// After a group of calls larger than any that is waited for, the next call is not held for longer
// than others.
func TestACallAfterALargeGroupIsNotHeldForLong(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		var many []*command.Call
		for range holdCallsMax + 50 {
			many = append(many, call("incr", "n"))
		}
		for range 5 {
			leader.Write(t.Context(), many)
			begun := time.Now()
			l.want(write(leader, "set", "k", "v"), reply.OK)
			if took := time.Since(begun); took > 5*holdMax {
				t.Fatalf("it took %v", took)
			}
		}
	})
}
