package node

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

var errUnplugged = errors.New("the log store is unplugged: the node is stopping")

// guardedLogs is the log store below Raft's cache (see the package comment). It knows how long the
// current write has taken, and it can be unplugged.
//
// It seals what it stores and checks what it reads (ReadLog). A node that reads damage, or cannot
// read or write its log, leaves the cluster's Raft. Raft by itself would retry a read for a
// follower for ever, panic over a read for its machine, and stand for election again after a
// failed write.
//
// Unplugging makes a leader step down at its next entry, which answers every future that Raft
// holds. Raft's Shutdown would leave some of them unanswered for ever.
type guardedLogs struct {
	raft.LogStore
	stores    Stores // for reading
	departure *departure
	leave     func(error) // the node's Leave; returns when the node has left
	unplugged atomic.Bool
	owing
	paces paces       // told of every write
	early *earlySends // nil: followers get entries only after they are stored here
}

// IsMonotonic reports whether entries must follow each other without gaps.
func (g *guardedLogs) IsMonotonic() bool {
	m, ok := g.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// GetLog reads an entry for Raft. Raft would panic over an error. So after the node has left,
// GetLog returns a no-op entry instead: nothing is applied, stored or sent any more.
func (g *guardedLogs) GetLog(index uint64, log *raft.Log) error {
	err := g.stores.ReadLog(index, log)
	if err == nil || errors.Is(err, raft.ErrLogNotFound) {
		return err
	}
	g.leave(err)
	*log = raft.Log{Index: index, Type: raft.LogNoop}
	return nil
}

// FirstIndex returns the index of the first entry, 0 for none.
func (g *guardedLogs) FirstIndex() (uint64, error) { return g.bound(g.LogStore.FirstIndex) }

// LastIndex returns the index of the last entry, 0 for none.
func (g *guardedLogs) LastIndex() (uint64, error) { return g.bound(g.LogStore.LastIndex) }

func (g *guardedLogs) bound(of func() (uint64, error)) (uint64, error) {
	index, err := of()
	if err != nil {
		err = g.stores.describe(0, "", err)
		g.leave(err)
	}
	return index, err
}

func (g *guardedLogs) StoreLog(log *raft.Log) error { return g.StoreLogs([]*raft.Log{log}) }

// StoreLogs seals and stores entries. It refuses entries that were damaged earlier; that is not
// the fault of this disk, so the node stays.
func (g *guardedLogs) StoreLogs(logs []*raft.Log) error {
	switch {
	case g.departure.begun.Load():
		return errLeft
	case g.unplugged.Load():
		return errUnplugged
	}
	if err := sealAll(logs); err != nil {
		return err
	}
	if g.early != nil {
		g.early.send(logs)
	}
	defer g.paces.stored(time.Now())
	defer g.begin()()
	if err := g.LogStore.StoreLogs(logs); err != nil {
		if faultSecondEntry && g.storeOthers(logs) {
			return nil
		}
		g.leave(fmt.Errorf("the log cannot be written: %w: make sure that there is space and that the disk is well, then start this server again", err))
		return err
	}
	return nil
}

// wholeDeleter is a log store that can delete a head of any length cheaply. It says nothing about
// gaps, and IsMonotonic says nothing about costs.
type wholeDeleter interface{ DeletesWhole() bool }

// DeleteRange deletes the head of a log in pieces, so that entries can be stored in between. bbolt
// has one writer at a time, and Raft's main loop would otherwise wait for the whole log
// compaction.
//
// A whole log is deleted in one piece. If a kill interrupted a deletion in pieces, the remaining
// log could begin behind the snapshot that was installed in its place.
func (g *guardedLogs) DeleteRange(from, to uint64) error {
	if g.departure.begun.Load() {
		return errLeft // what Raft has read since may not have been what is stored
	}
	err := g.deleteRange(from, to)
	if err != nil && !errors.Is(err, errUnplugged) {
		g.leave(fmt.Errorf("entries %d to %d of the log cannot be removed: %w: make sure that there is space and that the disk is well, then start this server again", from, to, err))
	}
	return err
}

func (g *guardedLogs) deleteRange(from, to uint64) error {
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

// owing records since when a store owes an answer, for one write at a time.
type owing struct {
	writing atomic.Pointer[time.Time] // when the current write began
}

// begin records that a write begins. It returns the function to call when the write is over.
func (o *owing) begin() (end func()) {
	begun := time.Now()
	o.writing.Store(&begun)
	stallDisk()
	return func() { o.writing.Store(nil) }
}

// stalled returns how long the current write has taken so far.
func (o *owing) stalled() time.Duration {
	if begun := o.writing.Load(); begun != nil {
		return time.Since(*begun)
	}
	return 0
}
