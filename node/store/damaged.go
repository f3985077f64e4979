package store

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/hashicorp/raft"
)

// damagedPrefix begins the name of a damaged snapshot that was set aside.
const damagedPrefix = "damaged-snapshot-"

// snapshotName is a snapshot's id and directory name, term-index-milliseconds. It is still known
// if the snapshot's files are damaged.
type snapshotName struct {
	id                string
	term, index, when uint64
}

func newSnapshotName(term, index, when uint64) snapshotName {
	return snapshotName{fmt.Sprintf("%d-%d-%d", term, index, when), term, index, when}
}

// compare orders names by age. It is negative if n is older.
func (n snapshotName) compare(other snapshotName) int {
	return cmp.Or(cmp.Compare(n.term, other.term), cmp.Compare(n.index, other.index), cmp.Compare(n.when, other.when))
}

// parseSnapshotName parses a name that Raft's file store gives; ok is false for other names.
func parseSnapshotName(id string) (name snapshotName, ok bool) {
	name.id = id
	_, err := fmt.Sscanf(id, "%d-%d-%d", &name.term, &name.index, &name.when)
	return name, err == nil && name == newSnapshotName(name.term, name.index, name.when)
}

// snapshotNames lists the snapshots in a directory, newest first.
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
	slices.SortFunc(names, func(a, b snapshotName) int { return b.compare(a) })
	return names, nil
}

// newestValid returns the newest snapshot that is undamaged, nil if there is none. It sets damaged
// ones aside, so that Raft does not find them. If this process cannot look, or its disk cannot
// read, it returns an error.
func (s *snapshotStore) newestValid() (*raft.SnapshotMeta, error) {
	names, err := snapshotNames(s.dir, "")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		meta, content, err := s.check(filepath.Join(s.dir, name.id), name)
		if err == nil {
			s.mu.Lock()
			s.kept = []*raft.SnapshotMeta{meta}
			s.mu.Unlock()
			return meta, content.Close()
		}
		path := filepath.Join(s.dir, name.id)
		switch {
		case errors.Is(err, syscall.EIO): // set aside, it would be gone for the next start, at which the disk may be well
			return nil, cannotRead(path, 0, err)
		case !errors.As(err, new(*flawError)):
			return nil, fmt.Errorf("snapshot %s: %w", name.id, err)
		}
		s.log.Error("snapshot is damaged and set aside", "snapshot", name.id, "error", err)
		if err := s.setAside(name.id); err != nil {
			return nil, err
		}
		s.setAsides++
	}
	return nil, nil
}

// aside returns the path under which a damaged snapshot is kept.
func (s *snapshotStore) aside(id string) string {
	return filepath.Join(filepath.Dir(s.dir), damagedPrefix+id)
}

// setAside keeps a damaged snapshot for inspection and as proof of what this server held, under a
// name that Raft does not recognize.
func (s *snapshotStore) setAside(id string) error {
	if err := os.Rename(filepath.Join(s.dir, id), s.aside(id)); err != nil {
		return fmt.Errorf("set a damaged snapshot aside: %w", err)
	}
	return errors.Join(syncDirectory(filepath.Dir(s.dir)), syncDirectory(s.dir))
}

// checkDamaged refuses a directory that once held more than it does now. This server may have
// confirmed everything in a snapshot that was found damaged, at this start or an earlier one, and
// must not vote as if it had never had it.
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

// forget removes damaged snapshots that prove nothing any more, because a verified snapshot
// reaches as far. It keeps the newest one for inspection.
func (s *snapshotStore) forget(reach uint64) error {
	damaged, err := snapshotNames(filepath.Dir(s.dir), damagedPrefix)
	if err != nil {
		return err
	}
	for _, name := range damaged[min(1, len(damaged)):] {
		if name.index > reach {
			continue
		}
		if err := os.RemoveAll(s.aside(name.id)); err != nil {
			return fmt.Errorf("remove a damaged snapshot: %w", err)
		}
	}
	return nil
}
