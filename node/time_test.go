package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// Keys expire on an idle cluster by the leader's ticks, a million at one instant as well as one.
// The log is idle when nothing has a deadline.
func TestDeadlinesPassOnAnIdleCluster(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		var calls []*command.Call
		for i := range 5000 {
			calls = append(calls, call("set", fmt.Sprint("k", i), "v", "px", "100"))
		}
		leader.Write(t.Context(), calls)
		time.Sleep(200 * time.Millisecond)
		for _, n := range l.all() {
			l.eventually("no key past its deadline is kept", func() bool {
				gone := false
				n.View(func(m *fsm.Machine) {
					_, due := m.NextDeadlineMS()
					gone = !due
				})
				return gone
			})
			l.want(read(n, "dbsize"), reply.Int(0))
		}
		l.agree()
		time.Sleep(3 * time.Second) // the last entry, which asks what the others made of these
		before := leader.LastIndex()
		time.Sleep(time.Hour)
		if after := leader.LastIndex(); after != before {
			t.Fatalf("an idle cluster wrote %d entries in an hour", after-before)
		}
	})
}

// The tick comes at the deadline, not a poll later.
func TestATickComesInTime(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		l.want(write(leader, "set", "k", "v", "px", "5000"), reply.OK)
		time.Sleep(4990 * time.Millisecond)
		for _, n := range l.all() {
			l.want(read(n, "get", "k"), reply.Text("v"))
		}
		time.Sleep(20 * time.Millisecond)
		for _, n := range l.all() {
			due := false
			n.View(func(m *fsm.Machine) { _, due = m.NextDeadlineMS() })
			if due {
				t.Fatalf("%s still keeps the key", n.cfg.Session.Server)
			}
		}
	})
}

// A new leader whose clock is behind neither goes back nor stands still. What was seen expired
// stays expired, and what has a second to live lives about a second.
func TestASlowClockLeadsOn(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		old := l.leader()
		l.mu.Lock()
		l.skew[old.cfg.Session.Server] = time.Hour
		l.mu.Unlock()
		l.want(write(old, "set", "gone", "v", "px", "10"), reply.OK)
		l.want(write(old, "set", "brief", "v", "px", "2000"), reply.OK)
		time.Sleep(50 * time.Millisecond)
		l.want(read(old, "get", "gone"), reply.Nil())
		begun := time.Now()
		if err := old.TransferLeadership(); err != nil {
			t.Fatal(err)
		}
		l.eventually("another leader", func() bool { return !old.IsLeader() && l.leader() != old })
		leader := l.leader()
		l.want(read(leader, "get", "gone"), reply.Nil())
		l.want(read(leader, "get", "brief"), reply.Text("v"))
		l.want(write(leader, "set", "new", "v", "px", "1000"), reply.OK)
		if ttl := read(leader, "pttl", "new").Int(); ttl < 990 || ttl > 1000 {
			t.Fatalf("a key with a second to live has %d ms", ttl)
		}
		time.Sleep(2*time.Second + 100*time.Millisecond - time.Since(begun))
		l.want(read(leader, "get", "brief"), reply.Nil())
		l.want(read(leader, "get", "new"), reply.Nil())
		l.agree()
	})
}

// A reader that meets a key past its deadline by the leader's stamp waits for the tick. Two
// readers never see the key disappear and come back.
func TestAReadWaitsForTheTick(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		other := l.followers()[0]
		for i := range 20 {
			l.want(write(leader, "set", "k", "v", "px", "7"), reply.OK)
			time.Sleep(time.Duration(6500+100*i) * time.Microsecond)
			gone := false
			for range 6 {
				for _, n := range []*Node{leader, other} {
					r := read(n, "get", "k")
					if gone && r.Kind != reply.Null {
						t.Fatal("an expired key came back")
					}
					gone = gone || r.Kind == reply.Null
				}
				time.Sleep(200 * time.Microsecond)
			}
		}
	})
}

// A leader whose clock is far ahead may die before the tick that a reader waits for has reached
// anybody. Then the next leader's clock decides, and the reader does not wait until that clock has
// come as far.
func TestAReadThatWaitsForATickAsksTheNextLeader(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		id := leader.cfg.Session.Server
		other := l.followers()[0]
		l.want(write(leader, "set", "k", "v", "px", "20000"), reply.OK)
		l.agree()
		release := l.disks[id].slow.hold()
		defer release()
		for _, n := range l.followers() {
			l.severStreams(id, n.cfg.Session.Server)
		}
		l.mu.Lock()
		l.skew[id] = time.Minute
		l.mu.Unlock()
		got := make(chan reply.Value, 1)
		begun := time.Now()
		l.wg.Go(func() { got <- read(other, "get", "k") })
		synctest.Wait()
		select {
		case r := <-got:
			t.Fatalf("answered %q, with no tick", r.Bytes)
		default:
		}
		l.isolate(id, true)
		l.want(<-got, reply.Text("v"))
		if took := time.Since(begun); took > 4*time.Second {
			t.Fatalf("it took %v", took)
		}
	})
}

// Followers learn of a commit at once on an idle cluster, and a read through
// one just after costs no more.
func TestFollowersLearnOfACommitAtOnce(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		l.delay = 50 * time.Microsecond
		leader := l.leader()
		for i := range 50 {
			time.Sleep(time.Duration(i) * 7 * time.Millisecond)
			l.want(write(leader, "set", "k", fmt.Sprint(i)), reply.OK)
			index := leader.AppliedIndex()
			begun := time.Now()
			for _, n := range l.followers() {
				l.want(read(n, "get", "k"), reply.Text(fmt.Sprint(i)))
				if took := time.Since(begun); took > 2*time.Millisecond {
					t.Fatalf("a read on a follower after the leader's OK took %v", took)
				}
				if n.AppliedIndex() < index {
					t.Fatal("it was served by a machine that is behind")
				}
			}
			begun = time.Now()
			l.want(write(l.followers()[1], "set", "k", "f"), reply.OK)
			if took := time.Since(begun); took > 2*time.Millisecond {
				t.Fatalf("a write through a follower took %v", took)
			}
		}
	})
}

func TestStampsNeverStandStillOrGoBack(t *testing.T) {
	clock := &handClock{now: time.UnixMilli(1_000_000)}
	s := &stamps{clock: clock}
	first := s.next()
	clock.now = clock.now.Add(10 * time.Second)
	s.observe(2_000_000) // a leader elsewhere is far ahead
	last := s.next()
	if last != 2_000_000 || first != 1_000_000 {
		t.Fatalf("stamps %d, %d", first, last)
	}
	for range 10_000 { // often: fractions of a millisecond count
		clock.now = clock.now.Add(100 * time.Microsecond)
		if next := s.next(); next < last {
			t.Fatalf("%d after %d", next, last)
		} else {
			last = next
		}
	}
	if last < 2_000_989 || last > 2_000_991 {
		t.Fatalf("after a second the stamp is %d: it should run 1 %% slow", last)
	}
}

type handClock struct{ now time.Time }

func (c *handClock) Now() time.Time { return c.now }

// A leader's clock may jump. A reader that meets a key which is now due does not wait for the
// moment that would have been right before the jump.
func TestAReadDoesNotWaitForATimerSetBeforeTheClockJumped(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		for round := range 2 {
			leader := l.leader()
			l.want(write(leader, "set", "k", "v", "px", "600000"), reply.OK)
			l.agree()
			l.mu.Lock()
			l.skew[leader.cfg.Session.Server] += time.Hour
			l.mu.Unlock()
			begun := time.Now()
			l.want(read(append(l.followers(), leader)[2*round], "get", "k"), reply.Nil())
			if took := time.Since(begun); took > 200*time.Millisecond {
				t.Fatalf("it took %v", took)
			}
		}
	})
}
