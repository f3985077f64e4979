package node_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/node/store"
)

// theStore is a directory's log store with all the optional interfaces that it implements.
type theStore interface {
	raft.LogStore
	raft.MonotonicLogStore
	DeletesWhole() bool
}

// deletions records what is deleted at a time, and acts after each deletion.
type deletions struct {
	theStore
	seen  [][2]uint64
	after func()
}

func (d *deletions) DeleteRange(from, to uint64) error {
	d.seen = append(d.seen, [2]uint64{from, to})
	if err := d.theStore.DeleteRange(from, to); err != nil {
		return err
	}
	d.after()
	return nil
}

// openLog opens a directory's log with entries from 1 to last.
func openLog(t *testing.T, kind store.LogStore, last uint64) (*deletions, raft.LogStore) {
	t.Helper()
	dir, err := store.Open(store.Options{Path: t.TempDir(), ID: "n1", LogStore: kind, Logger: slog.New(slog.DiscardHandler),
		Verify: func(io.Reader) (uint64, error) { return 0, nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	stores, err := dir.Stores()
	if err != nil {
		t.Fatal(err)
	}
	watched := &deletions{theStore: stores.Logs.(theStore), after: func() {}}
	guarded := node.GuardLogs(watched)
	var entries []*raft.Log
	for index := uint64(1); index <= last; index++ {
		entries = append(entries, &raft.Log{Index: index, Term: 1})
	}
	if err := guarded.StoreLogs(entries); err != nil {
		t.Fatal(err)
	}
	return watched, guarded
}

func TestALogsHeadIsDeletedInPiecesBetweenWhichEntriesAreStoredUnlessTheStoreDropsItWhole(t *testing.T) {
	const to, end = 3*node.DeleteEntries + 10, 3*node.DeleteEntries + 100
	for kind, pieces := range map[store.LogStore]int{store.Bolt: 4, store.WAL: 1} {
		t.Run(string(kind), func(t *testing.T) {
			watched, guarded := openLog(t, kind, end)
			last := uint64(end)
			watched.after = func() {
				last++
				if err := guarded.StoreLog(&raft.Log{Index: last, Term: 1}); err != nil {
					t.Errorf("store entry %d between two pieces: %v", last, err)
				}
			}
			if !watched.IsMonotonic() {
				t.Error("the store allows gaps")
			}
			if err := guarded.DeleteRange(1, to); err != nil {
				t.Fatal(err)
			}
			first, _ := guarded.FirstIndex()
			kept, _ := guarded.LastIndex()
			if len(watched.seen) != pieces || first != to+1 || kept != end+uint64(pieces) {
				t.Fatalf("deleted %v, log %d to %d; want %d pieces, log %d to %d", watched.seen, first, kept, pieces, to+1, end+pieces)
			}
		})
	}
}

// If a log is to be removed as a whole, what is left of it could begin behind the snapshot that
// was installed in its place. So a kill must leave all of it or nothing.
func TestAWholeLogIsDeletedAtOnce(t *testing.T) {
	for _, kind := range []store.LogStore{store.Bolt, store.WAL} {
		watched, guarded := openLog(t, kind, 2*node.DeleteEntries)
		if err := guarded.DeleteRange(1, 2*node.DeleteEntries); err != nil {
			t.Fatal(err)
		}
		if last, err := guarded.LastIndex(); len(watched.seen) != 1 || last != 0 || err != nil {
			t.Errorf("%s: deleted %v, the log ends at %d (%v)", kind, watched.seen, last, err)
		}
	}
}

// Raft compacts the log after each of its own snapshots, even one right after an install. There is
// no entry then, and Raft deletes from index 0 on. A store may take that for the last index before
// 0.
func TestNothingIsDeletedFromAnEmptyLog(t *testing.T) {
	memory := &deletions{theStore: memoryLog{raft.NewInmemStore()}, after: func() {}}
	for kind, watched := range map[string]*deletions{"memory": memory, "bolt": emptyLog(t, store.Bolt), "wal": emptyLog(t, store.WAL)} {
		t.Run(kind, func(t *testing.T) {
			index, term := uint64(406), uint64(2)
			l := node.RaftLogs(watched, &index, &term, func(err error) { t.Error(err) })
			watched.seen = nil
			must(t, l.DeleteRange(0, 197))
			first, _ := l.FirstIndex()
			last, _ := l.LastIndex()
			if first != 0 || last != 0 || len(watched.seen) > 0 {
				t.Errorf("the log reaches from %d to %d, deleted %v", first, last, watched.seen)
			}
			must(t, l.StoreLogs([]*raft.Log{{Index: 407, Term: 2}}))
			if first, _ := l.FirstIndex(); first != 407 {
				t.Errorf("the log begins with %d", first)
			}
		})
	}
}

// memoryLog is a log in memory that looks like a directory's.
type memoryLog struct{ *raft.InmemStore }

func (memoryLog) IsMonotonic() bool  { return true }
func (memoryLog) DeletesWhole() bool { return true }

func emptyLog(t *testing.T, kind store.LogStore) *deletions {
	watched, guarded := openLog(t, kind, 1)
	must(t, guarded.DeleteRange(1, 1))
	return watched
}

// Both log stores, below Raft's cache, support an install over a conflicting tail: a suffix is
// deleted, a mark is not stored and reports where the log ends, the rest is deleted, and the log
// continues behind the snapshot.
func TestBothLogStoresEndWhereAMarkSays(t *testing.T) {
	for _, kind := range []store.LogStore{store.Bolt, store.WAL} {
		for _, place := range []uint64{1, 6, 10, 11, 15} { // the first entry, others, and behind the last
			t.Run(fmt.Sprintf("%s, at %d", kind, place), func(t *testing.T) {
				watched, _ := openLog(t, kind, 10)
				var index, term uint64
				l := node.RaftLogs(watched, &index, &term, func(err error) { t.Error(err) })
				if place <= 10 {
					must(t, l.DeleteRange(place, 10))
				}
				mark := l.Mark(place, 2)
				must(t, l.StoreLogs([]*raft.Log{mark}))
				ends := min(place-1, 10)
				if last, err := l.LastIndex(); last != ends || err != nil || mark.Index != ends || mark.Term != min(ends, 1) {
					t.Fatalf("the log ends at %d (%v), the mark says %d of term %d", last, err, mark.Index, mark.Term)
				}
				var found raft.Log
				if err := l.GetLog(place, &found); !errors.Is(err, raft.ErrLogNotFound) {
					t.Errorf("entry %d: %v, %v", place, found, err)
				}
				index, term = place, 2 // the snapshot is installed
				if ends > 0 {
					must(t, l.DeleteRange(1, ends))
				}
				must(t, l.StoreLogs([]*raft.Log{{Index: place + 1, Term: 3}}))
				if err := l.GetLog(place, &found); place > 1 && (err != nil || found.Term != 2) {
					t.Errorf("the snapshot's last entry: %v, %v", found, err)
				}
			})
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
