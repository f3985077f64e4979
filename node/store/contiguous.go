package store

import (
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
)

// contiguousLog is either log store as Raft sees it: without gaps, so that both
// behave alike after an installed snapshot, and known to have begun.
type contiguousLog struct {
	raft.LogStore
	stable raft.StableStore
	failed func(error) // told of every entry that could not be stored
	whole  bool        // a head of any length is deleted at little cost

	mu    sync.Mutex
	begun bool
}

// IsMonotonic tells Raft to remove all entries once a snapshot is installed
// rather than leave a gap: raft-wal must have it so, raft-boltdb may.
func (l *contiguousLog) IsMonotonic() bool { return true }

// DeletesWhole says whether a long head need not be deleted in pieces: raft-wal
// drops segments, bbolt visits every entry with its only writer.
func (l *contiguousLog) DeletesWhole() bool { return l.whole }

// StoreLog stores one entry.
func (l *contiguousLog) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

// StoreLogs stores entries, and after the first time, the mark that there was a log.
func (l *contiguousLog) StoreLogs(logs []*raft.Log) error {
	if err := l.LogStore.StoreLogs(logs); err != nil {
		l.failed(err)
		return fmt.Errorf("store %d entries: %w", len(logs), err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun {
		return nil
	}
	if err := l.stable.Set(keyLogBegun, []byte{1}); err != nil {
		return fmt.Errorf("mark the log as begun: %w", err)
	}
	l.begun = true
	return nil
}
