package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
)

// wantUnready waits until a node says that it is not ready, for the given reason.
func (l *lab) wantUnready(n *Node, within time.Duration, why string) {
	l.t.Helper()
	begun := time.Now()
	err := n.Ready()
	for ; err == nil || !strings.Contains(err.Error(), why); err = n.Ready() {
		if time.Since(begun) > within {
			l.t.Fatalf("after %v it says %v, want %q", within, err, why)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A follower whose disk is slow lags behind its leader for as long as that lasts. It is not ready,
// and it tells its clients that it lags, not that nobody leads.
func TestAFollowerThatLagsIsNotReady(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader, f := l.leader(), l.followers()[0]
		l.slowDown(f.cfg.Session.Server, 700*time.Millisecond) // below a heartbeat: it knows its leader
		for i := range 300 {
			l.want(write(leader, "set", "k", fmt.Sprint(i)), reply.OK)
		}
		l.wantUnready(f, readyWithin, "entries behind the leader")
		got := string(read(f, "get", "k").Bytes)
		if !strings.HasPrefix(got, "CLUSTERDOWN this node is ") || !strings.Contains(got, " behind the leader") {
			t.Errorf("a read whose index was confirmed is answered %q", got)
		}
		f.SetStaleReadMax(time.Second)
		if got := string(readLocal(f, "get", "k").Bytes); !strings.Contains(got, " behind the leader") {
			t.Errorf("a local read is answered %q", got)
		}
		if err := leader.Ready(); err != nil {
			t.Errorf("the leader is not ready: %v", err)
		}
		l.slowDown(f.cfg.Session.Server, 0)
		l.eventually("the follower is ready again", func() bool { return f.Ready() == nil })
		l.want(read(f, "get", "k"), reply.Text("299"))
	})
}

// A node whose reads nobody confirms is not ready, whether it believes in a leader or leads
// itself.
func TestANodeWithoutAConfirmedReadIsNotReady(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader, f := l.leader(), l.followers()[0]
		questions := func(cut bool) { // Raft's connections stay
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, a := range l.conf.Servers {
				for _, b := range l.conf.Servers {
					l.cut[[2]string{a.ID, b.ID}] = cut && a != b
				}
			}
		}
		questions(true)
		l.wantUnready(f, readyWithin+probeEvery, "no confirmed read for 2.")
		l.wantUnready(leader, readyWithin+probeEvery, "no confirmed read for 2.")
		questions(false)
		l.eventually("both are ready", func() bool { return f.Ready() == nil && leader.Ready() == nil })
		l.isolate(f.cfg.Session.Server, true)
		l.wantUnready(f, 5*time.Second, "no leader is known")
	})
}

// An idle cluster stays ready with few questions. A busy one asks none of its own.
func TestAnIdleClusterStaysReady(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		l.leader()
		asked := l.asked.Load()
		const idle = time.Minute
		for begun := time.Now(); time.Since(begun) < idle; time.Sleep(7 * time.Millisecond) {
			for id, n := range l.all() {
				if err := n.Ready(); err != nil {
					t.Fatalf("after %v %s is not ready: %v", time.Since(begun), id, err)
				}
			}
		}
		probes := l.asked.Load() - asked
		if most := int64(3 * idle / probeEvery); probes > most {
			t.Errorf("%d questions were asked in %v, want %d at most", probes, idle, most)
		}
		asked = l.asked.Load()
		const reads = 1000
		for range reads {
			for _, n := range l.all() {
				if r := read(n, "get", "k"); r.IsError() {
					t.Fatalf("a read is answered %q", r.Bytes)
				}
			}
			time.Sleep(readyLook / 2)
		}
		if extra := l.asked.Load() - asked - 3*reads; extra > 3 {
			t.Errorf("%d questions were asked beside those of %d reads", extra, 3*reads)
		}
	})
}

// A process that stood still is not ready on waking, however little it has missed, until a read is
// confirmed that it asked for afterwards.
func TestANodeThatStoodStillIsNotReadyBeforeAFreshConfirmation(t *testing.T) {
	start := time.Now()
	at := func(d time.Duration) time.Time { return start.Add(d) }
	const before, woke = 10 * time.Second, 11 * time.Second // it stood still for a second, less than readyWithin
	awakened := func() *readiness {
		r := &readiness{}
		r.look(at(before))
		r.confirmed(at(before), at(before))
		if err := r.judge(at(before), 0); err != nil {
			t.Fatalf("before it stood still: %v", err)
		}
		return r
	}
	wantStood := func(when string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "stood still for 1.0 s") {
			t.Errorf("%s: %v", when, err)
		}
	}
	r := awakened()
	wantStood("asked before the next look", r.judge(at(woke), 0))
	r.look(at(woke))
	wantStood("asked after it", r.judge(at(woke), 0))
	if !r.wants(at(woke)) {
		t.Error("no new confirmation is wanted")
	}
	r.confirmed(at(before+time.Millisecond), at(woke)) // asked for before, answered now
	wantStood("confirmed by a question of before", r.judge(at(woke), 0))
	r.confirmed(at(woke), at(woke+time.Millisecond))
	if err := r.judge(at(woke+time.Millisecond), 0); err != nil {
		t.Errorf("confirmed since: %v", err)
	}
	r.look(at(woke + readyLook + lookLateMax)) // late, but not too late
	if err := r.judge(at(woke+readyLook+lookLateMax), 0); err != nil {
		t.Errorf("after a late look: %v", err)
	}
}

// A confirmation that its machine took more than a second to reach shows that it lags.
func TestASlowConfirmationIsNoReadiness(t *testing.T) {
	start := time.Now()
	r := &readiness{}
	r.look(start)
	r.confirmed(start, start.Add(lagMax))
	r.look(start.Add(lagMax / 2))
	if err := r.judge(start.Add(lagMax), 5); err != nil {
		t.Errorf("after a second: %v", err)
	}
	r.confirmed(start.Add(1), start.Add(lagMax+2))
	if err := r.judge(start.Add(lagMax+2), 5); err == nil || err.Error() != "5 entries behind the leader" {
		t.Errorf("after more than a second: %v", err)
	}
	if err := r.judge(start.Add(lagMax+2), 0); err != errCatchingUp {
		t.Errorf("with nothing left to apply: %v", err)
	}
	if !r.wants(start.Add(lagMax + 2)) {
		t.Error("no new confirmation is wanted")
	}
}
