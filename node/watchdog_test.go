package node

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/reply"
)

// looks makes a watchdog look on time until it returns an error; no time passes.
func looks(w *watchdog, from time.Time, within time.Duration) (after time.Duration, err error) {
	for after = stallLook; after <= within; after += stallLook {
		if err := w.tick(from.Add(after)); err != nil {
			return after, err
		}
	}
	return within, nil
}

// A leader that was paused in the middle of a write finds, when it is awake again, that the write
// has taken longer than any disk may. It was not the disk.
func TestAPausedLeaderDoesNotBlameItsDisk(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		now, begun := time.Now(), time.Now().Add(-3*stallMax)
		w := newWatchdog(leader)
		w.awake, w.looked = begun, begun
		leader.logs.writing.Store(&begun)
		defer leader.logs.writing.Store(nil)
		if _, err := looks(w, now, stallMax); err != nil {
			t.Fatalf("after a pause: %v", err)
		}
		after, err := looks(w, now.Add(stallMax), 2*stallMax)
		if err == nil || !strings.Contains(err.Error(), "the disk does not answer") || after > time.Second {
			t.Errorf("a disk that does not answer is noticed %v late: %v", after, err)
		}
	})
}

// A look that asks others who do not answer takes long, but is no pause: the disk is noticed all
// the same. A look that takes longer than any answer is a pause.
func TestTimeInWhichTheWatchdogAsksOthersCounts(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		for _, c := range []struct {
			takes   time.Duration
			noticed bool
		}{{2 * time.Second, true}, {4 * time.Second, false}} {
			now, begun := time.Now(), time.Now().Add(-time.Hour)
			leader.logs.writing.Store(&begun)
			w := newWatchdog(leader)
			w.wake(now)
			w.looked = now
			var err error
			for end := now.Add(30 * time.Second); err == nil && now.Before(end); {
				now = now.Add(stallLook)
				err = w.tick(now)
				w.ended(now, now.Add(c.takes))
				now = now.Add(c.takes)
			}
			leader.logs.writing.Store(nil)
			if (err != nil) != c.noticed {
				t.Errorf("with looks that take %v: %v", c.takes, err)
			}
		}
	})
}

// After a pause, what waits does not count as having waited while others could have taken it.
func TestAPausedLeaderHandsOverOnlyAfterATimeThatItWasAwake(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		synctest.Wait() // the committer is done with the last entry
		now, begun := time.Now(), time.Now().Add(-time.Minute)
		leader.committer.since.Store(&begun)
		w := newWatchdog(leader)
		w.awake, w.looked = begun, begun
		if _, err := looks(w, now, stallElections*time.Second); err != nil || w.given != 0 {
			t.Fatalf("it handed over in term %d (%v)", w.given, err)
		}
		term := leader.CurrentTerm()
		if looks(w, now.Add(stallElections*time.Second), time.Second); w.given != term {
			t.Error("it did not hand over at all")
		}
	})
}

// slowDown makes each write to a server's disk take the given time.
func (l *lab) slowDown(id string, write time.Duration) {
	slow := l.disks[id].slow
	slow.mu.Lock()
	defer slow.mu.Unlock()
	slow.takes = write
}

// writers writes through a node until the test ends, and counts what is acknowledged.
func (l *lab) keepWriting(n *Node) (stop func()) {
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
				write(n, "incr", "n")
			}
		}
	}()
	return func() { close(done); <-over }
}

// A disk that stores everything but takes two seconds each time makes every client wait. Its
// server hands over, once, to one whose disk is well.
func TestALeaderWithASlowDiskHandsOver(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		id, term := leader.cfg.Session.Server, leader.CurrentTerm()
		defer l.keepWriting(l.followers()[0])()
		time.Sleep(time.Second)
		l.slowDown(id, 2*time.Second)
		begun := time.Now()
		l.eventually("another leads", func() bool { return !leader.IsLeader() && leader.Leader() != "" && leader.Leader() != id })
		if took := time.Since(begun); took > 15*time.Second {
			t.Errorf("it took %v", took)
		}
		time.Sleep(2 * time.Minute)
		others := func(n *Node) bool { return n == leader || n.Ready() == nil } // that one's disk does not keep up
		if now := l.leaderOf(others); now == leader || now.CurrentTerm() != term+1 {
			t.Errorf("%s leads in term %d after %d", now.cfg.Session.Server, now.CurrentTerm(), term)
		}
		l.want(write(l.leaderOf(others), "set", "k", "v"), reply.OK)
		l.slowDown(id, 0)
		l.agree()
	})
}

// If no disk is better, handing over helps nobody.
func TestLeadersWithEquallySlowDisksKeepLeading(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		term := leader.CurrentTerm()
		for _, s := range l.conf.Servers {
			l.slowDown(s.ID, 600*time.Millisecond)
		}
		defer l.keepWriting(leader)()
		time.Sleep(3 * time.Minute)
		if now := leader.CurrentTerm(); now != term || !leader.IsLeader() {
			t.Errorf("term %d after %d", now, term)
		}
	})
}

func TestAPaceIsThatOfTheLastFewWritesAndOnlyWhileTheyAreRecent(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, _ *lab) {
		var p paces
		is := func(what string, want bool) {
			t.Helper()
			if _, slow := p.slow(time.Now()); slow != want {
				t.Errorf("%s: slow %v", what, slow)
			}
		}
		note := func(took time.Duration) { p.stored(time.Now().Add(-took)) }
		for range paceWrites - 1 {
			note(2 * slowWrite)
		}
		is("too few writes", false)
		note(3 * slowWrite)
		is("all slow", true)
		note(time.Millisecond)
		is("a quick one among them", false)
		for range paceWrites {
			note(slowWrite)
		}
		is("all slow again", true)
		time.Sleep(paceWithin + time.Second)
		is("long ago", false)
	})
}

// Whoever reads why a node has ended learns which entry it was, and what to do.
func TestAnEntryThatCannotBeAppliedIsNamedWithTheRemedy(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, l *lab) {
		n := l.leader()
		l.want(write(n, "set", "k", "v"), reply.OK)
		var stored raft.Log
		last, _ := l.disks[n.cfg.Session.Server].logs.LastIndex()
		if err := l.disks[n.cfg.Session.Server].logs.GetLog(last, &stored); err != nil {
			t.Fatal(err)
		}
		damaged := raft.Log{Index: last + 1, Term: stored.Term, Type: raft.LogCommand, Data: bytes.Clone(stored.Data)}
		damaged.Data[len(damaged.Data)-1] ^= 1
		err := n.worker.apply(&damaged)
		if err == nil {
			t.Fatal("it was applied")
		}
		for _, words := range []string{fmt.Sprintf("entry %d of this server's log", last+1), "checksum does not fit", "an empty directory"} {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%q is not in %v", words, err)
			}
		}
	})
}
