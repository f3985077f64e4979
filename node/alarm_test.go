package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
)

// capturesAt returns every node's capture of an index, once all have it.
func (l *lab) capturesAt(index uint64) map[string]Capture {
	l.t.Helper()
	found := map[string]Capture{}
	l.eventually(fmt.Sprintf("everybody has a capture of index %d", index), func() bool {
		for id, n := range l.all() {
			c, standing := n.CaptureAt(index)
			if standing != Kept || c.Computing {
				return false
			}
			found[id] = c
		}
		return true
	})
	return found
}

// The question travels in the entry of a write, at most once a second. A digest costs no entry
// while anything is written, one after the last write, and none on an idle cluster.
func TestADigestCostsNoEntryWhileThereAreWrites(t *testing.T) {
	idleFor := time.Hour
	if testing.Short() {
		idleFor = 10 * time.Minute
	}
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		time.Sleep(5 * time.Second)
		idle := leader.LastIndex()
		time.Sleep(idleFor)
		if now := leader.LastIndex(); now != idle {
			t.Fatalf("an idle cluster wrote %d entries", now-idle)
		}
		const writes = 200
		first, _, _ := leader.Captures()
		for range writes { // 10 s of them
			l.want(write(leader, "set", "k", "v"), reply.OK)
			time.Sleep(50 * time.Millisecond)
		}
		if entries := leader.LastIndex() - idle; entries != writes {
			t.Errorf("%d writes took %d entries", writes, entries)
		}
		newest, _, _ := leader.Captures()
		asked := 0
		for index := first.Index + 1; index <= newest.Index; index++ {
			if _, standing := leader.CaptureAt(index); standing == Kept {
				asked++
			}
		}
		if asked < 9 || asked > 11 {
			t.Errorf("%d questions in 10 s", asked)
		}
		time.Sleep(time.Minute)
		if entries := leader.LastIndex() - idle; entries != writes+1 {
			t.Errorf("%d entries after %d writes and a rest: one asks what became of the last, and no more", entries, writes)
		}
		if last, _, _ := leader.Captures(); last.Index != leader.LastIndex() {
			t.Errorf("the last capture is of index %d, the log ends at %d", last.Index, leader.LastIndex())
		}
	})
}

// All nodes take the same capture at the same index, whoever leads. A restart replays the log and
// takes it again.
func TestAllNodesTakeTheSameCaptures(t *testing.T) {
	inBubble(t, 3, func(c *Config) { c.Digests.WholeEvery = 10 * time.Second }, func(t *testing.T, l *lab) {
		compared, whole := 0, 0
		for round := range 5 {
			leader := l.leader()
			for i := range 100 {
				l.want(write(leader, "set", fmt.Sprint("k", i), strings.Repeat("v", i+100*round)), reply.OK)
				time.Sleep(200 * time.Millisecond)
			}
			newest, _, _ := leader.Captures()
			var first Capture
			for id, c := range l.capturesAt(newest.Index) {
				if first.Index == 0 {
					first = c
				}
				if c != first || c.Hash == 0 || c.Version == 0 {
					t.Errorf("%s has %+v, another %+v", id, c, first)
				}
				compared++
			}
			if _, w, _ := leader.Captures(); w.Whole && w.Digest != [20]byte{} {
				whole++
			}
			id := leader.cfg.Session.Server
			l.crash(id)
			l.start(id)
		}
		if compared != 15 || whole < 3 {
			t.Errorf("compared %d captures, saw %d whole digests", compared, whole)
		}
	})
}

// Whoever asks gets the index at which every node has captured its machine. A byte that has
// changed in one node's memory shows there.
func TestAskedForAWholeDigestEveryNodeHasIt(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		l.want(write(leader, "set", "k", "a long enough text"), reply.OK)
		victim := l.followers()[0]
		read(victim, "get", "k").Bytes[0] ^= 1 // replies share the keyspace's bytes
		if _, err := victim.AskDigest(t.Context(), true); err == nil {
			t.Error("a follower took the question")
		}
		index, err := leader.AskDigest(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		found := l.capturesAt(index)
		same := found[leader.cfg.Session.Server]
		for id, c := range found {
			differs := id == victim.cfg.Session.Server
			if c.Hash != same.Hash || !c.Whole || (c.Digest != same.Digest) != differs {
				t.Errorf("%s has %+v, the leader %+v", id, c, same)
			}
		}
		if c, standing := leader.CaptureAt(index + 1); standing != Ahead {
			t.Errorf("of what is not applied there is %+v, %v", c, standing)
		}
		if c, standing := leader.CaptureAt(1); standing != Missing {
			t.Errorf("of what nobody asked for there is %+v, %v", c, standing)
		}
	})
}

// A snapshot replaces the machine, so captures of the previous one are dropped.
func TestARestoreDropsTheCaptures(t *testing.T) {
	tweak := func(c *Config) { c.Policy = SnapshotPolicy{Entries: 50, LogBytes: 1 << 30, Trailing: 5} }
	inBubble(t, 3, tweak, func(t *testing.T, l *lab) {
		leader := l.leader()
		l.want(write(leader, "set", "k", "v"), reply.OK)
		victim := l.followers()[0]
		before, _, _ := victim.Captures()
		l.isolate(victim.cfg.Session.Server, true)
		for range 200 {
			if r := write(leader, "incr", "n"); r.Kind != reply.Integer {
				t.Fatalf("answered %q", r.Bytes)
			}
		}
		l.isolate(victim.cfg.Session.Server, false)
		l.eventually("it has installed a snapshot", func() bool { return victim.Status().Snapshots.Restored > 0 })
		if c, standing := victim.CaptureAt(before.Index); standing != Missing {
			t.Errorf("it still has %+v", c)
		}
		newest, _, _ := leader.Captures()
		l.eventually("it takes part again", func() bool {
			now, _, _ := leader.Captures()
			if now.Index == newest.Index {
				write(leader, "incr", "n")
				return false
			}
			ours, _ := victim.CaptureAt(now.Index)
			return ours.Hash == now.Hash
		})
	})
}

// A leader that has diverged hands over at once, and clients of the others only wait. It never
// leads again, even if nobody else can.
func TestALeaderThatHasDivergedHandsOverAndNeverLeadsAgain(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		victim := leader.cfg.Session.Server
		other := l.followers()[0]
		l.want(write(other, "set", "n", "0"), reply.OK)
		begun := time.Now()
		leader.Diverge("index 7: a test says so")
		for i := range 10 {
			l.want(write(other, "incr", "n"), reply.Int(int64(i+1)))
		}
		l.eventually("another one leads", func() bool { return other.Leader() != victim && other.Leader() != "" })
		if took := time.Since(begun); took > 500*time.Millisecond {
			t.Errorf("the others' clients waited %v", took)
		}
		for _, r := range []reply.Value{write(leader, "set", "k", "v"), read(leader, "get", "n")} {
			l.want(r, reply.Err(ErrDiverged.RESP))
		}
		if err := leader.Ready(); err == nil || !strings.Contains(err.Error(), "a test says so") {
			t.Errorf("ready: %v", err)
		}
		if s := leader.Status().Alarm; !s.Diverged || s.Split || s.Reason == "" {
			t.Errorf("status: %+v", s)
		}
		// It goes on storing the log and voting: with one of the others gone, the last one leads.
		for _, f := range l.all() {
			if f != leader && f != other {
				l.crash(f.cfg.Session.Server)
			}
		}
		l.eventually("the last sound one serves", func() bool { return write(other, "set", "k", "v").Kind == reply.Simple })
		// With no other node left, nobody leads.
		l.crash(other.cfg.Session.Server)
		term := leader.CurrentTerm()
		time.Sleep(time.Minute)
		if _, leads := leader.leads(); leads || leader.CurrentTerm() != term {
			t.Errorf("it leads %v, in term %d after %d", leads, leader.CurrentTerm(), term)
		}
	})
}

// If nobody knows which data is right, nothing is read or written through any node until a
// majority agrees again.
func TestASplitStopsReadsAndWritesUntilAMajorityAgrees(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		unknowing := l.followers()[0]
		l.want(write(leader, "set", "k", "v"), reply.OK)
		for _, n := range l.all() {
			if n != unknowing {
				n.Split("index 7: a test says so")
			}
		}
		l.want(write(leader, "set", "k", "w"), reply.Err(ErrSplit.RESP))
		l.want(read(leader, "get", "k"), reply.Err(ErrSplit.RESP))
		if r := write(unknowing, "set", "k", "w"); !strings.HasPrefix(string(r.Bytes), "CLUSTERDOWN") {
			t.Errorf("through a node that does not know, a write was answered %q", r.Bytes)
		}
		if !leader.IsLeader() || leader.Ready() == nil {
			t.Error("it does not lead any more, or is ready")
		}
		for _, n := range l.all() {
			n.Agreed(9)
			if err := n.Ready(); err != nil {
				t.Errorf("ready: %v", err)
			}
		}
		l.want(read(unknowing, "get", "k"), reply.Text("v"))
		l.want(write(unknowing, "set", "k", "w"), reply.OK)
	})
}

// When a node turns out to be wrong, its machine does not answer the calls that still wait.
func TestWhatWaitsAtANodeThatDivergesIsUncertain(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		victim := l.followers()[0]
		l.want(write(victim, "set", "k", "v"), reply.OK)
		release := l.disks[leader.cfg.Session.Server].slow.hold()
		answered := make(chan reply.Value, 1)
		go func() { answered <- write(victim, "set", "k", "w", "get") }()
		time.Sleep(50 * time.Millisecond) // it is sent, and waits for the leader's disk
		begun := time.Now()
		victim.Diverge("index 7: a test says so")
		l.want(<-answered, reply.Err(ErrUncertain.RESP))
		if took := time.Since(begun); took > 0 {
			t.Errorf("it waited %v", took)
		}
		release()
	})
}
