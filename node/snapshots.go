package node

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// snapshotter takes a snapshot when enough has been applied since the last one, or when the last
// one is damaged.
type snapshotter struct {
	node *Node
	wake chan struct{}

	entries, bytes atomic.Uint64 // the worker's counts at the last snapshot
	size           atomic.Uint64 // bytes of the newest one, as far as known
	taken, failed  atomic.Uint64
	lastSeconds    atomic.Int64 // Unix time of the last one taken
	lastTook       atomic.Int64 // how long it took, ns
	captureNS      atomic.Int64 // how long writes waited for its capture
	failing        atomic.Bool  // the last attempt failed
	running        atomic.Bool

	turns    turns
	damaged  damaged
	installs installs
}

func newSnapshotter(n *Node) *snapshotter {
	s := &snapshotter{node: n, wake: make(chan struct{}, 1)}
	s.damaged.count.Store(uint64(n.cfg.Stores.SetAside))
	return s
}

// watch wraps the snapshot store for Raft.
func (s *snapshotter) watch(store raft.SnapshotStore) raft.SnapshotStore {
	return &watchedSnapshots{SnapshotStore: store, damaged: &s.damaged, log: s.node.log, replace: func() { signal(s.wake) }}
}

// progressed is called by the worker after each applied entry.
func (s *snapshotter) progressed() {
	s.takeTurn()
	if (s.due() || s.damaged.any()) && !s.running.Load() {
		signal(s.wake)
	}
}

// due reports whether enough entries have been applied for a snapshot. The longer a snapshot is
// put off, the more a restart has to read and apply; the more is written, the sooner it is due.
// The allowed log grows with the snapshot's size. So writing a snapshot costs about as much as the
// log did, and a restart applies the log in about the time that it takes to read the snapshot.
func (s *snapshotter) due() bool {
	w, policy, size := s.node.worker, &s.node.cfg.Policy, s.size.Load()
	entries := min(policy.Entries, snapshotEntriesMin+size/snapshotBytesPerEntry)
	return w.applied.Load()-s.entries.Load() >= s.turns.share(entries) || w.appliedBytes.Load()-s.bytes.Load() >= s.turns.share(s.logBytes())
}

// logBytes returns how many bytes of entries may accumulate between two snapshots.
func (s *snapshotter) logBytes() uint64 {
	return max(s.node.cfg.Policy.LogBytes, min(s.size.Load(), snapshotLogBytesMax))
}

// measure updates the size of the newest snapshot, whoever has taken it, and reports whether that
// snapshot is damaged and has to be replaced.
func (s *snapshotter) measure() (damaged bool) {
	kept, err := s.node.cfg.Stores.Snapshots.List()
	if err != nil || len(kept) == 0 {
		return false
	}
	s.size.Store(uint64(kept[0].Size))
	return s.damaged.replaces(kept[0].ID)
}

// captured records how long a capture has held the machine.
func (s *snapshotter) captured(took time.Duration) { s.captureNS.Store(int64(took)) }

// run takes snapshots when they are due, and retries failed ones after a growing pause.
func (s *snapshotter) run() {
	pause := snapshotRetryMin
	for {
		select {
		case <-s.wake:
		case <-s.node.stop:
			return
		}
		if damaged := s.measure(); !damaged && !s.due() {
			continue
		}
		err := s.node.Snapshot()
		if err == nil {
			pause = snapshotRetryMin
			continue
		}
		s.node.log.Warn("no snapshot", slog.Any("error", err), slog.Duration("again_in", pause))
		select {
		case <-time.After(pause):
			signal(s.wake)
		case <-s.node.stop:
			return
		}
		pause = min(2*pause, snapshotRetryMax)
	}
}

// Snapshot takes a snapshot now. It returns when the snapshot is stored and the log before it,
// except for the trailing entries, is deleted.
func (n *Node) Snapshot() error {
	s := n.snapshots
	s.running.Store(true)
	defer s.running.Store(false)
	entries, bytes := n.worker.applied.Load(), n.worker.appliedBytes.Load()
	if err := n.keepTrailing(entries-s.entries.Load(), bytes-s.bytes.Load()); err != nil {
		return err
	}
	begun := time.Now()
	err := n.change("take a snapshot", func() raft.Future { return n.raft.Snapshot() })
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		err = nil
	}
	s.failing.Store(err != nil)
	if err != nil {
		s.failed.Add(1)
		return fmt.Errorf("snapshot: %w", err)
	}
	s.entries.Store(entries)
	s.bytes.Store(bytes)
	s.turns.taken()
	s.taken.Add(1)
	s.lastTook.Store(int64(time.Since(begun)))
	s.lastSeconds.Store(n.cfg.Clock.Now().Unix())
	n.log.Info("snapshot taken", slog.Duration("took", time.Since(begun)), slog.Duration("capture", time.Duration(s.captureNS.Load())))
	return nil
}

// keepTrailing sets how many entries stay in the log behind the next snapshot: the number in the
// policy, or fewer if recent entries were large, so that they fit the log between two snapshots.
func (n *Node) keepTrailing(entries, bytes uint64) error {
	policy := n.cfg.Policy
	trailing := policy.Trailing
	if mean := bytes / max(entries, 1); mean > 0 {
		trailing = min(trailing, max(n.snapshots.logBytes()/mean, trailingMin))
	}
	conf := n.raft.ReloadableConfig()
	if conf.TrailingLogs == trailing {
		return nil
	}
	conf.TrailingLogs = trailing
	if err := n.raft.ReloadConfig(conf); err != nil {
		return fmt.Errorf("keep %d entries: %w", trailing, err)
	}
	return nil
}
