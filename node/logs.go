package node

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

var errUnplugged = errors.New("the log store is unplugged: the node is stopping")

// guardedLogs is the log store below Raft's cache: it knows how long a write has
// been under way, and can be unplugged. Above the cache are raftLogs.
//
// Unplugging makes a leader step down at its next entry, which answers every
// future that Raft holds: Raft's Shutdown would leave some of them unanswered
// for ever.
type guardedLogs struct {
	raft.LogStore
	unplugged atomic.Bool
	writing   atomic.Pointer[time.Time] // when the write under way began
}

// IsMonotonic says whether entries must follow each other without gaps.
func (g *guardedLogs) IsMonotonic() bool {
	m, ok := g.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

func (g *guardedLogs) StoreLog(log *raft.Log) error { return g.StoreLogs([]*raft.Log{log}) }

func (g *guardedLogs) StoreLogs(logs []*raft.Log) error {
	if g.unplugged.Load() {
		return errUnplugged
	}
	begun := time.Now()
	g.writing.Store(&begun)
	defer g.writing.Store(nil)
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
