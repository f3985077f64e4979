package node

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
)

// SnapshotDescription is a snapshot's own account of its place in the log and of the members.
type SnapshotDescription = fsm.Description

// SnapshotPlace is a snapshot's position in the log.
type SnapshotPlace = fsm.Place

// placedSink is a sink that knows the snapshot's position in the log, so that the content can
// state it too.
type placedSink interface{ Place() SnapshotPlace }

// pacedSink is a sink that can yield the disk to the log from time to time.
type pacedSink interface{ Pace() }

// roomyStore is a snapshot store that can tell whether there is room for a snapshot.
type roomyStore interface{ Room(sizeBytes int64) error }

// room returns why a leader's snapshot of a given size cannot be stored, nil if it can.
func (s *snapshotter) room(sizeBytes int64) error {
	store, ok := s.node.cfg.Stores.Snapshots.(roomyStore)
	if !ok {
		return nil
	}
	err := store.Room(sizeBytes)
	if err != nil {
		s.node.log.Warn("a snapshot of the leader's is refused: this node does not catch up until there is room", slog.Any("error", err))
	}
	return err
}

// placed returns the capture with the position that the sink knows.
func placed(capture *fsm.Capture, sink raft.SnapshotSink) *fsm.Capture {
	if s, ok := sink.(placedSink); ok {
		return capture.At(s.Place())
	}
	return capture
}

// watchedSnapshots is the snapshot store that Raft gets. Raft would open a damaged newest snapshot
// again for every message to a follower that needs it, and read it to its end each time.
// watchedSnapshots tries it once and has it replaced.
type watchedSnapshots struct {
	raft.SnapshotStore
	damaged *damaged
	log     *slog.Logger
	replace func() // wakes the snapshotter
}

// damaged records the newest snapshot if it could not be opened.
type damaged struct {
	count   atomic.Uint64
	waiting atomic.Bool // for the snapshot that replaces it

	mu  sync.Mutex
	id  string // "": none
	err error
}

// Open implements raft.SnapshotStore.
func (w *watchedSnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	if err := w.damaged.known(id); err != nil {
		return nil, nil, fmt.Errorf("a new snapshot is on its way: %w", err)
	}
	meta, content, err := w.SnapshotStore.Open(id)
	if err == nil || w.newest() != id { // replaced meanwhile
		return meta, content, err
	}
	if w.damaged.found(id, err) {
		w.log.Error("the newest snapshot cannot be read: nobody is sent it, and a new one is taken at once. Look at the disk",
			slog.String("snapshot", id), slog.Any("error", err))
		w.replace()
	}
	return nil, nil, err
}

func (w *watchedSnapshots) newest() (id string) {
	if kept, err := w.List(); err == nil && len(kept) > 0 {
		id = kept[0].ID
	}
	return id
}

// known returns the error of a snapshot that is known to be damaged, otherwise nil.
func (d *damaged) known(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.id == id {
		return d.err
	}
	return nil
}

// found records a damaged snapshot. It returns true the first time.
func (d *damaged) found(id string, err error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.id == id {
		return false
	}
	d.id, d.err = id, err
	d.waiting.Store(true)
	d.count.Add(1)
	return true
}

// any reports whether a damaged snapshot waits to be replaced.
func (d *damaged) any() bool { return d.waiting.Load() }

// replaces reports whether the newest snapshot is still the damaged one.
func (d *damaged) replaces(newest string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting.Store(d.id != "" && d.id == newest)
	return d.waiting.Load()
}
