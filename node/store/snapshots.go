package store

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node"
)

// snapshotStore keeps snapshots in the file format of raft.FileSnapshotStore, which the first
// release writes and reads. It trusts none of them. Each is read back before it counts (Raft
// truncates its log only once Close of the sink has returned nil), and checked again before it is
// restored or sent. A snapshot's name and description are checked like its content.
//
// One verified snapshot is kept. An older one would be no fallback, because the log never reaches
// back to it. It is removed once its successor has been verified.
type snapshotStore struct {
	dir      string
	volume   volume
	verify   func(io.Reader) (uint64, error)                   // reads the whole content
	describe func(io.Reader) (node.SnapshotDescription, error) // reads the beginning of the content; nil: contents do not describe themselves
	log      *slog.Logger

	mu   sync.Mutex
	kept []*raft.SnapshotMeta // verified, newest first

	setAsides int             // how many damaged ones were set aside at the start
	damaged   map[string]bool // kept ones that were found damaged since
}

func openSnapshots(d *Dir) (*snapshotStore, error) {
	s := &snapshotStore{dir: snapshotsIn(d.path), volume: d.volume, verify: d.verify, describe: d.describe, log: d.log, damaged: map[string]bool{}}
	if err := makeDirectory(s.dir); err != nil {
		return nil, fmt.Errorf("make the directory of the snapshots: %w", err)
	}
	return s, nil
}

func snapshotsIn(path string) string { return filepath.Join(path, "snapshots") }

// removeUnfinished removes what a crash left of snapshots that were being written. It comes first
// in a start, because they may have filled the disk.
func removeUnfinished(dir string) error {
	found, err := os.ReadDir(dir)
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
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("remove an unfinished snapshot: %w", err)
		}
	}
	return nil
}

// List returns the snapshots, newest first. It implements raft.SnapshotStore.
func (s *snapshotStore) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var metas []*raft.SnapshotMeta
	for _, meta := range s.kept {
		listed := *meta
		metas = append(metas, &listed)
	}
	return metas, nil
}

func (s *snapshotStore) find(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.kept, func(m *raft.SnapshotMeta) bool { return m.ID == id })
}

// Open checks a snapshot and returns its description and its content. It implements
// raft.SnapshotStore. A damaged snapshot is marked, and set aside when the next one is there.
func (s *snapshotStore) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	name, ok := parseSnapshotName(id)
	if !ok || !s.find(id) {
		return nil, nil, fmt.Errorf("there is no snapshot %s, or not any more: %w", id, os.ErrNotExist)
	}
	meta, content, err := s.check(filepath.Join(s.dir, id), name)
	if err == nil {
		return meta, content, nil
	}
	if !s.find(id) { // replaced meanwhile, and removed
		return nil, nil, fmt.Errorf("snapshot %s has been replaced: %w", id, os.ErrNotExist)
	}
	if errors.As(err, new(*flawError)) {
		s.mu.Lock()
		s.damaged[id] = true
		s.mu.Unlock()
	}
	return nil, nil, fmt.Errorf("snapshot %s: %w", id, err)
}

// Room returns an error if there is no space for a snapshot of a given size, so that a snapshot
// that cannot be stored is not begun. The log needs space, too: a snapshot leaves it some, unless
// the snapshot is small itself and frees more than it takes.
func (s *snapshotStore) Room(sizeBytes int64) error {
	free, err := s.volume.Free(s.dir)
	if err != nil {
		return nil // the writing itself will tell
	}
	if need := uint64(sizeBytes + min(sizeBytes, snapshotReserveBytes)); free < need {
		return fmt.Errorf("%w: %d MB are free in %s, and a snapshot of %d MB needs %d MB, with what the log needs beside it: make space, or the log will grow until it fills the disk",
			syscall.ENOSPC, free>>20, s.dir, sizeBytes>>20, need>>20)
	}
	return nil
}

// Create begins a snapshot. It implements raft.SnapshotStore.
func (s *snapshotStore) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration, configurationIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	if version != raft.SnapshotVersionMax {
		return nil, fmt.Errorf("begin a snapshot: version %d is not supported", version)
	}
	name, sizeBytes := s.next(term, index)
	if err := s.Room(sizeBytes); err != nil {
		return nil, fmt.Errorf("begin a snapshot: %w", err)
	}
	k := newSink(s, raft.SnapshotMeta{Version: version, ID: name.id, Index: index, Term: term,
		Configuration: configuration, ConfigurationIndex: configurationIndex})
	if err := k.begin(); err != nil {
		return nil, fmt.Errorf("begin a snapshot: %w", err)
	}
	return k, nil
}

// next returns a new snapshot's name, and its expected size, that of the last one.
func (s *snapshotStore) next(term, index uint64) (name snapshotName, sizeBytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	when := uint64(time.Now().UnixMilli())
	for _, meta := range s.kept {
		if old, ok := parseSnapshotName(meta.ID); ok && old.when >= when {
			when = old.when + 1 // of two at one place the later one is the newer
		}
		sizeBytes = max(sizeBytes, meta.Size)
	}
	return newSnapshotName(term, index, when), sizeBytes
}

// keep records a verified snapshot that is in its place, and removes older ones.
func (s *snapshotStore) keep(meta *raft.SnapshotMeta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, meta)
	slices.SortFunc(s.kept, func(a, b *raft.SnapshotMeta) int {
		one, _ := parseSnapshotName(a.ID)
		other, _ := parseSnapshotName(b.ID)
		return other.compare(one)
	})
	s.kept = s.kept[:min(len(s.kept), snapshotsKept)]
	if err := s.reap(); err != nil {
		s.log.Warn("an old snapshot could not be removed", "error", err)
	}
}

// reap removes what is older than the newest snapshot, and sets damaged ones aside. The caller
// holds the lock.
func (s *snapshotStore) reap() error {
	names, err := snapshotNames(s.dir, "")
	if err != nil {
		return err
	}
	newest, _ := parseSnapshotName(s.kept[0].ID)
	for _, name := range names {
		switch {
		case name.compare(newest) >= 0: // a newer one is another sink's, which is about to keep it
		case s.damaged[name.id]:
			if err := s.setAside(name.id); err != nil {
				return err
			}
			delete(s.damaged, name.id)
		default:
			if err := os.RemoveAll(filepath.Join(s.dir, name.id)); err != nil {
				return fmt.Errorf("remove a snapshot: %w", err)
			}
		}
	}
	return errors.Join(s.forget(newest.index), syncDirectory(s.dir))
}
