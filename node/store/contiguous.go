package store

import (
	"fmt"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node/store/floor"
)

// contiguousLog makes both log stores behave alike. The log has no gaps, records that it has
// begun, raises its floor, and accepts no more entries once one could not be stored.
type contiguousLog struct {
	raft.LogStore
	path   string // of the file or directory that holds the entries
	stable raft.StableStore
	floor  *floor.Floor
	failed func(error) // told of every entry that could not be stored
	whole  bool        // a head of any length is deleted cheaply

	mu     sync.Mutex
	begun  bool
	broken error // the first failed store; what is on the disk behind it is unknown
}

// IsMonotonic tells Raft to remove all entries once a snapshot is installed, rather than leave a
// gap. raft-wal requires this, and raft-boltdb allows it.
func (l *contiguousLog) IsMonotonic() bool { return true }

// DeletesWhole reports whether a long head can be deleted in one piece. raft-wal drops segments;
// bbolt visits every entry with its only writer.
func (l *contiguousLog) DeletesWhole() bool { return l.whole }

// StoreLog stores one entry.
func (l *contiguousLog) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

// StoreLogs stores entries. After the first time it also stores the mark that the log has begun.
func (l *contiguousLog) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	if err := l.store(logs); err != nil {
		l.broken = err
		l.failed(err)
		return err
	}
	return nil
}

// store stores entries, sets the mark and raises the floor.
func (l *contiguousLog) store(logs []*raft.Log) error {
	if err := l.checkFollows(logs); err != nil {
		return err
	}
	if err := l.LogStore.StoreLogs(logs); err != nil {
		return fmt.Errorf("store %d entries: %w", len(logs), err)
	}
	if !l.begun {
		if err := l.stable.Set(keyLogBegun, []byte{1}); err != nil {
			return fmt.Errorf("mark the log as begun: %w", err)
		}
		l.begun = true
	}
	l.floor.Raise(logs[len(logs)-1].Index)
	return nil
}

// checkFollows refuses a gap, which only damage explains, with an error of its own.
func (l *contiguousLog) checkFollows(logs []*raft.Log) error {
	last, err := l.LastIndex()
	if err != nil {
		return fmt.Errorf("read the log's last index: %w", err)
	}
	for _, entry := range logs {
		if last > 0 && entry.Index != last+1 {
			return fmt.Errorf("entry %d cannot be stored behind entry %d: what this server was sent is damaged, or its log in %s is", entry.Index, last, l.path)
		}
		last = entry.Index
	}
	return nil
}

// DeleteRange deletes the beginning or the end of the log. Before it deletes the end, it lowers
// the floor: a crash must not leave a log that ends before its floor.
func (l *contiguousLog) DeleteRange(from, to uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, last, err := bounds(l.LogStore)
	if err != nil {
		return err
	}
	if to >= last {
		left := uint64(0)
		if from > first {
			left = from - 1
		}
		if err := l.floor.Lower(left); err != nil {
			return err
		}
	}
	if err := l.LogStore.DeleteRange(from, to); err != nil {
		return fmt.Errorf("delete entries %d to %d of the log: %w", from, to, err)
	}
	return nil
}
