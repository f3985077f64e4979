package store

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hashicorp/raft"
)

// snapshotStore keeps snapshots in files and reads each one back before it
// counts: Raft cuts its log only once Close of the sink has returned nil, and
// older snapshots are removed only then.
type snapshotStore struct {
	*raft.FileSnapshotStore // lists and removes by snapshotsKept
	writer                  *raft.FileSnapshotStore
	dir                     string
	verify                  func(io.Reader) (uint64, error)
	log                     *slog.Logger
}

func openSnapshots(path string, verify func(io.Reader) (uint64, error), log *slog.Logger) (*snapshotStore, error) {
	s := &snapshotStore{dir: filepath.Join(path, "snapshots"), verify: verify, log: log}
	if err := s.removeUnfinished(); err != nil {
		return nil, err
	}
	var err error
	logger := hashicorpLogger(log)
	if s.FileSnapshotStore, err = raft.NewFileSnapshotStoreWithLogger(path, snapshotsKept, logger); err != nil {
		return nil, fmt.Errorf("open the snapshots: %w", err)
	}
	// The writer removes nothing that the new snapshot, not yet verified, would
	// have to be replaced by.
	if s.writer, err = raft.NewFileSnapshotStoreWithLogger(path, snapshotsKept+1, logger); err != nil {
		return nil, fmt.Errorf("open the snapshots: %w", err)
	}
	return s, syncDirectory(path)
}

// removeUnfinished removes what a crash left of snapshots being written.
func (s *snapshotStore) removeUnfinished() error {
	found, err := os.ReadDir(s.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the snapshots: %w", err)
	}
	for _, entry := range found {
		if !strings.HasSuffix(entry.Name(), temporarySuffix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.dir, entry.Name())); err != nil {
			return fmt.Errorf("remove an unfinished snapshot: %w", err)
		}
	}
	return nil
}

// Create begins a snapshot; it implements raft.SnapshotStore.
func (s *snapshotStore) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration, configurationIndex uint64, trans raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.writer.Create(version, index, term, configuration, configurationIndex, trans)
	if err != nil {
		return nil, fmt.Errorf("begin a snapshot: %w", err)
	}
	return &verifiedSink{SnapshotSink: sink, store: s, index: index}, nil
}

// verifiedSink is a snapshot being written.
type verifiedSink struct {
	raft.SnapshotSink
	store *snapshotStore
	index uint64

	once sync.Once
	err  error
}

// Write appends to the snapshot.
func (k *verifiedSink) Write(p []byte) (int, error) {
	n, err := k.SnapshotSink.Write(p)
	if err != nil {
		err = fmt.Errorf("write the snapshot: %w", err)
	}
	return n, err
}

// Close finishes the snapshot and reads it back; one that cannot be read is
// removed, and the error keeps Raft from cutting its log. Called again it
// answers the same.
func (k *verifiedSink) Close() error {
	k.once.Do(func() { k.err = k.finish() })
	return k.err
}

// Cancel drops the snapshot.
func (k *verifiedSink) Cancel() error {
	k.once.Do(func() { k.err = errors.New("the snapshot was cancelled") })
	return k.SnapshotSink.Cancel()
}

func (k *verifiedSink) finish() error {
	if err := k.SnapshotSink.Close(); err != nil {
		return fmt.Errorf("finish the snapshot: %w", err)
	}
	if err := k.readBack(); err != nil {
		err = fmt.Errorf("verify the snapshot %s: %w", k.ID(), err)
		return errors.Join(err, k.store.remove(k.ID()))
	}
	if err := k.store.ReapSnapshots(); err != nil {
		return fmt.Errorf("remove old snapshots: %w", err)
	}
	return nil
}

func (k *verifiedSink) readBack() error {
	_, content, err := k.store.Open(k.ID())
	if err != nil {
		return err
	}
	defer content.Close()
	index, err := k.store.verify(content)
	if err != nil {
		return err
	}
	// Raft's own entries never reach the machine, so it may be behind; it is
	// never ahead.
	if index > k.index {
		return fmt.Errorf("it holds the state of entry %d and is meant to be that of %d", index, k.index)
	}
	return nil
}

func (s *snapshotStore) remove(id string) error {
	if err := os.RemoveAll(filepath.Join(s.dir, id)); err != nil {
		return fmt.Errorf("remove a snapshot: %w", err)
	}
	return syncDirectory(s.dir)
}
