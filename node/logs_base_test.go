package node

import (
	"errors"
	"testing"

	"github.com/hashicorp/raft"
)

// The log answers for the entry at which the newest snapshot ends, if the log is empty or begins
// right behind it. It answers for no other missing entry.
func TestTheLogKnowsTheTermThatTheNewestSnapshotEndsWith(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries []uint64
		knows   bool
	}{
		{"an empty log", nil, true},
		{"one that begins behind the snapshot", []uint64{101, 102}, true},
		{"one that ends before it", []uint64{98, 99}, false},
		{"one that begins later", []uint64{150}, false},
	} {
		logs := raft.NewInmemStore()
		for _, index := range c.entries {
			if err := logs.StoreLog(&raft.Log{Index: index, Term: 9}); err != nil {
				t.Fatal(err)
			}
		}
		g := &raftLogs{LogStore: logs}
		g.stats.Store(func() map[string]string {
			return map[string]string{"last_snapshot_index": "100", "last_snapshot_term": "7"}
		})
		var found raft.Log
		if err := g.GetLog(100, &found); (err == nil) != c.knows || c.knows && found.Term != 7 {
			t.Errorf("%s: entry 100 is of term %d, %v", c.name, found.Term, err)
		}
		if err := g.GetLog(50, &found); !errors.Is(err, raft.ErrLogNotFound) {
			t.Errorf("%s: it answers for an older snapshot's entry: %v", c.name, err)
		}
	}
}

// While nothing follows an installed snapshot, the last entry is the snapshot's.
func TestTheLastTermIsTheSnapshotsWhileNothingFollows(t *testing.T) {
	told := map[string]string{"last_log_index": "40", "last_log_term": "2", "last_snapshot_index": "100", "last_snapshot_term": "5"}
	if got := lastTerm(told); got != 5 {
		t.Errorf("behind a snapshot: %d", got)
	}
	told["last_log_index"], told["last_log_term"] = "101", "6"
	if got := lastTerm(told); got != 6 {
		t.Errorf("behind an entry: %d", got)
	}
}
