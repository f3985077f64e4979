package node

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

var errUnplugged = errors.New("the log store is unplugged: the node is stopping")

// guardedLogs is the log store as Raft gets it: it knows how long a write has
// been under way, can be unplugged, and knows the term of the entry that the newest
// snapshot ends with.
//
// A snapshot that is installed empties the log. Raft then finds that entry's term
// only while nothing follows it: the first entries behind the snapshot, sent again
// since their answer was lost, would be refused for ever, and the leader would
// install the same snapshot once more.
//
// Unplugging makes a leader step down at its next entry, which answers every
// future that Raft holds: Raft's Shutdown would leave some of them unanswered
// for ever.
type guardedLogs struct {
	raft.LogStore
	snapshots raft.SnapshotStore
	unplugged atomic.Bool
	writing   atomic.Pointer[time.Time] // when the write under way began
	paces     paces                     // told of every write
}

// IsMonotonic says whether entries must follow each other without gaps.
func (g *guardedLogs) IsMonotonic() bool {
	m, ok := g.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// GetLog also answers for the entry at which the newest snapshot ends: the log may
// begin behind it. Only its term is true. Raft asks no more of an entry that is
// before one that it looks for, and never sends this one, since the one before it
// is not there: the log is empty, or begins right behind it.
func (g *guardedLogs) GetLog(index uint64, log *raft.Log) error {
	err := g.LogStore.GetLog(index, log)
	if !errors.Is(err, raft.ErrLogNotFound) || index <= 1 {
		return err
	}
	first, failed := g.FirstIndex()
	if failed != nil || first != 0 && first != index+1 {
		return err
	}
	kept, failed := g.snapshots.List()
	if failed != nil || len(kept) == 0 || kept[0].Index != index {
		return err
	}
	*log = raft.Log{Index: index, Term: kept[0].Term, Type: raft.LogNoop}
	return nil
}

func (g *guardedLogs) holds(index uint64) bool { return g.GetLog(index, new(raft.Log)) == nil }

func (g *guardedLogs) StoreLog(log *raft.Log) error { return g.StoreLogs([]*raft.Log{log}) }

func (g *guardedLogs) StoreLogs(logs []*raft.Log) error {
	if g.unplugged.Load() {
		return errUnplugged
	}
	begun := time.Now()
	g.writing.Store(&begun)
	defer g.writing.Store(nil)
	defer g.paces.stored(begun)
	return g.LogStore.StoreLogs(logs)
}

// wholeDeleter is a log store that may delete a head of any length at little
// cost. It says nothing about gaps, and IsMonotonic nothing about costs.
type wholeDeleter interface{ DeletesWhole() bool }

// DeleteRange deletes the head of a log in pieces, so that entries can be
// stored in between: bbolt has one writer at a time, and Raft's main loop would
// wait for the whole of a compaction.
//
// A log that goes altogether goes at once: after a kill half-way, what is left
// could begin behind the snapshot that was installed in its place.
func (g *guardedLogs) DeleteRange(from, to uint64) error {
	first, err := g.FirstIndex()
	if err != nil {
		return fmt.Errorf("read the log's first index: %w", err)
	}
	last, err := g.LastIndex()
	if err != nil {
		return fmt.Errorf("read the log's last index: %w", err)
	}
	whole, ok := g.LogStore.(wholeDeleter)
	if from != first || to >= last || (ok && whole.DeletesWhole()) {
		return g.LogStore.DeleteRange(from, to)
	}
	for ; from <= to; from += deleteEntries {
		if g.unplugged.Load() {
			return errUnplugged
		}
		if err := g.LogStore.DeleteRange(from, min(from+deleteEntries-1, to)); err != nil {
			return err
		}
	}
	return nil
}

func (g *guardedLogs) unplug() { g.unplugged.Store(true) }

// stalled is how long the write under way has taken so far.
func (g *guardedLogs) stalled() time.Duration {
	if begun := g.writing.Load(); begun != nil {
		return time.Since(*begun)
	}
	return 0
}
