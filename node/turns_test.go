package node

import (
	"slices"
	"testing"

	"github.com/kvorum/kvorum/fsm/member"
)

func membersNamed(ids ...string) (servers []member.Server) {
	for _, id := range ids {
		servers = append(servers, member.Server{ID: id, Voter: true})
	}
	return servers
}

// Members that apply the same entries write their snapshots at different ones, a fraction of an
// interval apart, for as long as the snapshots have the same size.
func TestMembersTakeTurns(t *testing.T) {
	const whole, intervals = 100_000, 20
	for _, ids := range [][]string{{"n1"}, {"n1", "n2", "n3"}, {"n3", "n5", "n1", "n2", "n4"}} {
		servers := membersNamed(ids...)
		var at []uint64
		for _, id := range ids {
			var mine turns
			mine.part.Store(turn(servers, id, ""))
			entry := uint64(0)
			for range intervals {
				entry += mine.share(whole)
				mine.taken()
				at = append(at, entry)
			}
		}
		slices.Sort(at)
		apart := uint64(whole / len(ids))
		for i := 1; i < len(at); i++ {
			if at[i]-at[i-1] < apart-1 {
				t.Fatalf("of %d members, two take a snapshot at entries %d and %d", len(ids), at[i-1], at[i])
			}
		}
		if at[0] < apart-1 {
			t.Errorf("of %d members, the first takes one at entry %d", len(ids), at[0])
		}
	}
}

// A server that was sent a snapshot gets a different turn than the sender and the third server.
func TestWhoIsSentASnapshotTakesItsTurnAgain(t *testing.T) {
	servers := membersNamed("n1", "n2", "n3")
	first := func(id string) uint64 { return turn(servers, id, "") % turnParts }
	for _, leader := range []string{"n1", "n2", "n3"} {
		for _, follower := range []string{"n1", "n2", "n3"} {
			if follower == leader {
				continue
			}
			// It counts from the entry where the leader's interval begins.
			place := (first(leader) + turn(servers, follower, leader)) % turnParts
			if place != first(follower) {
				t.Errorf("%s, sent a snapshot by %s, takes its next one at %d, not %d", follower, leader, place, first(follower))
			}
		}
	}
	if got := turn(servers, "n9", ""); got != turnParts {
		t.Errorf("a stranger's first interval is %d", got)
	}
}

// The log that is allowed between two snapshots grows with the snapshot, within bounds.
func TestALargeSnapshotIsTakenLater(t *testing.T) {
	n := &Node{cfg: Config{}.withDefaults()}
	n.snapshots = newSnapshotter(n)
	n.worker = newWorker(n)
	for _, c := range []struct{ size, entries, bytes uint64 }{
		{0, 20_000, 128 << 20},
		{100 << 20, 20_000 + 200<<10, 128 << 20},
		{900 << 20, 1_000_000, 900 << 20},
		{50 << 30, 1_000_000, 2 << 30},
	} {
		n.snapshots.size.Store(c.size)
		for _, last := range []bool{false, true} {
			n.worker.applied.Store(c.entries - 1)
			n.worker.appliedBytes.Store(c.bytes - 1)
			if last {
				n.worker.appliedBytes.Add(1)
			}
			if n.snapshots.due() != last {
				t.Errorf("with %d MB, after %d bytes, a snapshot is due: %v", c.size>>20, n.worker.appliedBytes.Load(), !last)
			}
		}
		n.worker.appliedBytes.Store(0)
		n.worker.applied.Add(1)
		if !n.snapshots.due() {
			t.Errorf("with %d MB, none is due after %d entries", c.size>>20, c.entries)
		}
	}
}
