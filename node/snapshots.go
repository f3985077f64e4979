package node

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// snapshotter takes a snapshot when enough has been applied since the last.
type snapshotter struct {
	node *Node
	wake chan struct{}

	entries, bytes atomic.Uint64 // the worker's counts at the last snapshot
	size           atomic.Uint64 // bytes of the newest one, as far as is known
	taken, failed  atomic.Uint64
	lastSeconds    atomic.Int64 // Unix time of the last one taken
	lastTook       atomic.Int64 // how long that took, ns
	captureNS      atomic.Int64 // how long writes waited for its capture
	failing        atomic.Bool  // the last attempt
	running        atomic.Bool

	installs installs
}

func newSnapshotter(n *Node) *snapshotter {
	return &snapshotter{node: n, wake: make(chan struct{}, 1)}
}

// progressed is called after each entry applied.
func (s *snapshotter) progressed() {
	if s.due() && !s.running.Load() {
		signal(s.wake)
	}
}

// due says that there have been enough entries. What a restart has to read and apply
// again is the more, the longer a snapshot is put off; so a small one is not put off
// for as many entries as a large one.
func (s *snapshotter) due() bool {
	w, policy := s.node.worker, &s.node.cfg.Policy
	enough := min(policy.Entries, snapshotEntriesMin+s.size.Load()/snapshotBytesPerEntry)
	return w.applied.Load()-s.entries.Load() >= enough || w.appliedBytes.Load()-s.bytes.Load() >= policy.LogBytes
}

// measure finds out how large the newest snapshot is, whoever has taken it.
func (s *snapshotter) measure() {
	if kept, err := s.node.cfg.Stores.Snapshots.List(); err == nil && len(kept) > 0 {
		s.size.Store(uint64(kept[0].Size))
	}
}

// captured takes note of how long a capture has held the machine.
func (s *snapshotter) captured(took time.Duration) { s.captureNS.Store(int64(took)) }

func (s *snapshotter) run() {
	for {
		select {
		case <-s.wake:
		case <-s.node.stop:
			return
		}
		s.measure()
		if !s.due() {
			continue
		}
		if err := s.node.Snapshot(); err != nil {
			s.node.log.Warn("no snapshot", slog.Any("error", err))
			select {
			case <-time.After(snapshotRetry):
				signal(s.wake)
			case <-s.node.stop:
				return
			}
		}
	}
}

// Snapshot takes a snapshot now and returns when it is stored and the log
// before it, but for the trailing entries, is deleted.
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
	s.taken.Add(1)
	s.lastTook.Store(int64(time.Since(begun)))
	s.lastSeconds.Store(n.cfg.Clock.Now().Unix())
	n.log.Info("snapshot taken", slog.Duration("took", time.Since(begun)), slog.Duration("capture", time.Duration(s.captureNS.Load())))
	return nil
}

// keepTrailing sets how many entries stay in the log behind the next snapshot:
// what the policy says, or as many as the policy's bytes hold if entries have
// been large of late.
func (n *Node) keepTrailing(entries, bytes uint64) error {
	policy := n.cfg.Policy
	trailing := policy.Trailing
	if mean := bytes / max(entries, 1); mean > 0 {
		trailing = min(trailing, max(policy.LogBytes/mean, trailingMin))
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
