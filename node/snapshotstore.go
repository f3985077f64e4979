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

// SnapshotDescription holds a snapshot's own account of its place in the log and its members.
type SnapshotDescription = fsm.Description

// SnapshotPlace is where in the log a snapshot stands.
type SnapshotPlace = fsm.Place

// placedSink is a sink that knows where in the log the snapshot stands, so that
// the content can say it too.
type placedSink interface{ Place() SnapshotPlace }

// pacedSink is a sink that can leave the disk to the log now and then.
type pacedSink interface{ Pace() }

// roomyStore is a snapshot store that knows how large a snapshot may be.
type roomyStore interface{ Room(sizeBytes int64) error }

// room says why a leader's snapshot cannot be stored.
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

// placed returns the capture as it is written to a sink.
func placed(capture *fsm.Capture, sink raft.SnapshotSink) *fsm.Capture {
	if s, ok := sink.(placedSink); ok {
		return capture.At(s.Place())
	}
	return capture
}

// watchedSnapshots is the snapshot store as Raft gets it. A newest snapshot that
// cannot be opened would be tried again at every message to a follower that
// needs it, each time read to its end: it is tried once, and replaced.
type watchedSnapshots struct {
	raft.SnapshotStore
	damaged *damaged
	log     *slog.Logger
	replace func() // wakes whoever takes snapshots
}

// damaged is the newest snapshot once it could not be opened.
type damaged struct {
	count   atomic.Uint64
	waiting atomic.Bool // for its successor

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

func (d *damaged) known(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.id == id {
		return d.err
	}
	return nil
}

// found is true the first time that a snapshot is found damaged.
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

// any reports whether a damaged snapshot waits for its successor.
func (d *damaged) any() bool { return d.waiting.Load() }

// replaces reports whether the newest snapshot is the damaged one still.
func (d *damaged) replaces(newest string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting.Store(d.id != "" && d.id == newest)
	return d.waiting.Load()
}
