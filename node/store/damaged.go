package store

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/raft"
)

// damagedPrefix begins the name of a damaged snapshot that was set aside.
const damagedPrefix = "damaged-snapshot-"

// snapshotName is a snapshot's id and directory, term-index-milliseconds: what
// is still known of one whose files are damaged.
type snapshotName struct {
	id                string
	term, index, when uint64
}

// parseSnapshotName reads a name that Raft's file store gives; ok is false for others.
func parseSnapshotName(id string) (name snapshotName, ok bool) {
	name.id = id
	_, err := fmt.Sscanf(id, "%d-%d-%d", &name.term, &name.index, &name.when)
	return name, err == nil && id == fmt.Sprintf("%d-%d-%d", name.term, name.index, name.when)
}

// snapshotNames finds the snapshots in a directory, newest first.
func snapshotNames(dir, prefix string) ([]snapshotName, error) {
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the snapshots: %w", err)
	}
	var names []snapshotName
	for _, entry := range found {
		id, ok := strings.CutPrefix(entry.Name(), prefix)
		if !ok || !entry.IsDir() {
			continue
		}
		if name, ok := parseSnapshotName(id); ok {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b snapshotName) int {
		return -cmp.Or(cmp.Compare(a.term, b.term), cmp.Compare(a.index, b.index), cmp.Compare(a.when, b.when))
	})
	return names, nil
}

// newestValid returns the newest snapshot whose bytes are what was written, nil
// for none; a damaged one is set aside, so that it is no candidate for Raft.
func (s *snapshotStore) newestValid() (*raft.SnapshotMeta, error) {
	names, err := snapshotNames(s.dir, "")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		meta, err := s.check(name)
		if err == nil {
			return meta, nil
		}
		s.log.Error("snapshot is damaged and set aside", "snapshot", name.id, "error", err)
		if err := s.setAside(name.id); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// check reads a snapshot. No checksum covers its metadata, so they are held
// against its name.
func (s *snapshotStore) check(name snapshotName) (*raft.SnapshotMeta, error) {
	meta, content, err := s.Open(name.id)
	if err != nil {
		return nil, err
	}
	if err := content.Close(); err != nil {
		return nil, fmt.Errorf("close the snapshot: %w", err)
	}
	if meta.ID != name.id || meta.Term != name.term || meta.Index != name.index {
		return nil, fmt.Errorf("its metadata name it %s, of term %d and index %d", meta.ID, meta.Term, meta.Index)
	}
	if meta.Version < raft.SnapshotVersionMin || meta.Version > raft.SnapshotVersionMax {
		return nil, fmt.Errorf("it has version %d", meta.Version)
	}
	return meta, nil
}

// aside is where a damaged snapshot is kept.
func (s *snapshotStore) aside(id string) string {
	return filepath.Join(filepath.Dir(s.dir), damagedPrefix+id)
}

// setAside keeps a damaged snapshot for whoever wants to look and as the proof
// of what this server held, under a name that is a file's to Raft no more.
func (s *snapshotStore) setAside(id string) error {
	if err := os.Rename(filepath.Join(s.dir, id), s.aside(id)); err != nil {
		return fmt.Errorf("set a damaged snapshot aside: %w", err)
	}
	return errors.Join(syncDirectory(filepath.Dir(s.dir)), syncDirectory(s.dir))
}

// checkDamaged refuses a directory that once held more than it does: this
// server may have confirmed all of a snapshot that was damaged since, now or
// before an earlier start, and must not vote as one that never had it.
func (s *snapshotStore) checkDamaged(reach uint64) error {
	damaged, err := snapshotNames(filepath.Dir(s.dir), damagedPrefix)
	if err != nil {
		return err
	}
	for _, name := range damaged {
		if name.index > reach {
			return &DamageError{File: s.aside(name.id), Offset: -1, Index: name.index,
				What: fmt.Sprintf("snapshot %s is damaged: it held the entries to %d, which this server may have confirmed, and what is left holds those to %d", name.id, name.index, reach)}
		}
	}
	return nil
}
