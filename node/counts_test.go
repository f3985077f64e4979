package node

import (
	"context"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
)

// A lookup counts once, at the node whose client asked for it. It does not count at the other
// nodes that apply the same write, nor when the log is replayed.
func TestLookupsCountAtTheNodeWhoseClientsAsk(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader, f := l.leader(), l.followers()
		asker, other := f[0], f[1]
		write(leader, "set", "k", "v")
		write(asker, "getset", "k", "w")
		write(asker, "getset", "new", "w")
		write(asker, "incr", "n")
		read(asker, "mget", "k", "none", "nor", "this")
		calls := []*command.Call{call("get", "k"), call("strlen", "none"), call("keys", "*"), call("exists", "k", "k")}
		asker.Read(context.Background(), calls)
		asker.ReadLocal(context.Background(), calls[:2])
		l.agree()
		if got, want := asker.Counts(), (Counts{Hits: 6, Misses: 6}); got != want {
			t.Errorf("the node that was asked has counted %+v, want %+v", got, want)
		}
		for _, n := range []*Node{leader, other} {
			if got := n.Counts(); got != (Counts{}) {
				t.Errorf("%s has counted %+v for somebody else's clients", n.cfg.Session.Server, got)
			}
		}
		id := asker.cfg.Session.Server
		l.crash(id)
		again := l.start(id)
		l.leader()
		if got := again.Counts(); got != (Counts{}) {
			t.Errorf("the replay of the log has counted %+v", got)
		}
		asker = again
		read(asker, "get", "k")
		asker.ResetCounts()
		if got := asker.Counts(); got != (Counts{}) {
			t.Errorf("after the reset there are %+v", got)
		}
	})
}

// A read that meets an expiring key runs again, and counts once, as a miss.
func TestWhatExpiresIsCountedByEachMachine(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		write(leader, "set", "a", "v", "px", "50")
		write(leader, "set", "b", "v", "px", "50")
		time.Sleep(60 * time.Millisecond)
		read(leader, "get", "a")
		for _, n := range l.all() {
			l.eventually("both keys are removed", func() bool { return n.Counts().Expired == 2 })
		}
		if got, want := leader.Counts(), (Counts{Misses: 1, Expired: 2}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// The count of expired keys continues across a snapshot that replaces the machine, and the leader
// counts the snapshot.
func TestSnapshotsThatFollowersTakeAreCounted(t *testing.T) {
	inBubble(t, 3, smallSnapshots, func(t *testing.T, l *lab) {
		leader := l.leader()
		away := l.followers()[0].cfg.Session.Server
		l.crash(away)
		for range 300 {
			write(leader, "incr", "n")
		}
		l.eventually("a snapshot", func() bool { return leader.snapshots.taken.Load() >= 1 })
		n := l.start(away)
		l.leader()
		installed := n.Status().Snapshots.Installed
		if installed == 0 {
			t.Fatal("no snapshot was installed")
		}
		if got := leader.Counts().SnapshotsSent; got != installed {
			t.Errorf("the leader counts %d, the follower %d", got, installed)
		}
		write(leader, "set", "a", "v", "px", "50")
		l.eventually("the key is removed", func() bool { return n.Counts().Expired == 1 })
	})
}
