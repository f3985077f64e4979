package store

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node"
)

// reconciliation makes log and snapshots consistent after a crash, or refuses a state that no
// crash explains.
//
// A kill between the installation of a snapshot and the truncation of the log leaves one of two
// logs. Either the log ends before the snapshot, and the snapshot contains all of it. Or it goes
// on behind the snapshot, from an entry of another term at the snapshot's index, and none of that
// was ever committed. In both cases the log is emptied: raft-wal would refuse the next entry as a
// gap, and Raft would compare the next one with an entry that the cluster never had.
type reconciliation struct {
	stable    raft.StableStore
	logs      raft.LogStore
	snapshots *snapshotStore
	path      string      // of the log's file or directory
	stored    node.Stores // the log, read with a check of the seals
}

// run performs the checks in order and empties the log if it was left behind.
func (r *reconciliation) run() error {
	newest, err := r.snapshots.newestValid()
	if err != nil {
		return err
	}
	first, last, err := bounds(r.logs)
	if err != nil {
		return err
	}
	reach := last
	if newest != nil {
		reach = max(reach, newest.Index)
	}
	if err := r.snapshots.checkDamaged(reach); err != nil {
		return err
	}
	if err := r.checkTermHeld(newest, last); err != nil {
		return err
	}
	if last == 0 {
		return r.checkEmptyLog(newest)
	}
	left, err := r.leftBehind(newest, last)
	if err != nil {
		return err
	}
	if left {
		if err := r.logs.DeleteRange(first, last); err != nil {
			return fmt.Errorf("empty the log, from %d to %d, beside the snapshot of %d: %w", first, last, newest.Index, err)
		}
		return nil
	}
	return r.checkContinues(newest, last)
}

// leftBehind reports whether the log should have been removed when the snapshot was installed. If
// an entry's term differs from the snapshot's, the entry's checksum must confirm that term,
// because everything behind it would be lost.
func (r *reconciliation) leftBehind(newest *raft.SnapshotMeta, last uint64) (bool, error) {
	if newest == nil {
		return false, nil
	}
	if last < newest.Index {
		return true, nil
	}
	entry, err := r.read(newest.Index)
	if errors.Is(err, raft.ErrLogNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if entry.Term == newest.Term {
		return false, nil
	}
	if err := r.stored.ReadLog(newest.Index, &entry); err != nil {
		return false, err
	}
	return true, r.checkTerm(&entry)
}

// checkTerm finds damage in the term of an entry of the first release, as far as possible without
// a checksum: terms never decrease along a log.
func (r *reconciliation) checkTerm(entry *raft.Log) error {
	for _, index := range []uint64{entry.Index - 1, entry.Index + 1} {
		beside, err := r.read(index)
		if errors.Is(err, raft.ErrLogNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if index < entry.Index != (beside.Term < entry.Term) && beside.Term != entry.Term {
			return r.stored.Describe(entry.Index, fmt.Sprintf("it is of term %d, beside entry %d of term %d", entry.Term, index, beside.Term), nil)
		}
	}
	return nil
}

// bounds returns the first and the last index of a log.
func bounds(logs raft.LogStore) (first, last uint64, err error) {
	if first, err = logs.FirstIndex(); err != nil {
		return 0, 0, fmt.Errorf("read the log's first index: %w", err)
	}
	if last, err = logs.LastIndex(); err != nil {
		return 0, 0, fmt.Errorf("read the log's last index: %w", err)
	}
	return first, last, nil
}

// checkEmptyLog refuses an empty log that once held entries, if no snapshot replaces them. A term
// alone proves nothing, because a founder votes before its first entry.
func (r *reconciliation) checkEmptyLog(newest *raft.SnapshotMeta) error {
	begun, err := hasFlag(r.stable, keyLogBegun)
	if err != nil {
		return err
	}
	if !begun || newest != nil {
		return nil
	}
	term, err := currentTerm(r.stable)
	if err != nil {
		return err
	}
	return &DamageError{File: r.path, Offset: -1, What: fmt.Sprintf("the log has vanished beside term %d", term)}
}

// checkTermHeld refuses a term below that of what is stored. Raft stores a term before anything of
// that term. So the stored term comes from an older copy, and votes have been forgotten.
func (r *reconciliation) checkTermHeld(newest *raft.SnapshotMeta, last uint64) error {
	term, err := currentTerm(r.stable)
	if err != nil {
		return err
	}
	reached := uint64(0)
	if newest != nil {
		reached = newest.Term
	}
	if last > 0 {
		entry, err := r.read(last)
		if err != nil && !errors.Is(err, raft.ErrLogNotFound) {
			return err
		}
		reached = max(reached, entry.Term)
	}
	if term == 0 || term >= reached { // 0: none was ever stored; another check refuses that in a directory that was in use
		return nil
	}
	if last > 0 { // the entry's term may be the wrong one
		if err := r.stored.ReadLog(last, new(raft.Log)); err != nil {
			return err
		}
	}
	return &DamageError{File: filepath.Join(filepath.Dir(r.snapshots.dir), voteFile), Offset: -1,
		What: fmt.Sprintf("it and %s say that Raft is in term %d, and entries of term %d are stored: they are older than the rest of the directory", boltFile, term, reached)}
}

// currentTerm reads the term that Raft has stored, 0 for none.
func currentTerm(stable raft.StableStore) (uint64, error) {
	term, err := stable.GetUint64([]byte("CurrentTerm"))
	if err != nil && err.Error() != "not found" {
		return 0, fmt.Errorf("read the term: %w", err)
	}
	return term, nil
}

// checkContinues refuses a log that does not continue where the snapshot ends.
func (r *reconciliation) checkContinues(newest *raft.SnapshotMeta, last uint64) error {
	next := uint64(1)
	if newest != nil {
		next = newest.Index + 1
	}
	if next > last {
		return nil
	}
	_, err := r.read(next)
	if errors.Is(err, raft.ErrLogNotFound) {
		return r.missing(next, last)
	}
	return err
}

// missing returns the error for an entry that is in no snapshot and not in the log.
func (r *reconciliation) missing(next, last uint64) error {
	damaged, err := snapshotNames(filepath.Dir(r.snapshots.dir), damagedPrefix)
	if err != nil {
		return err
	}
	for _, name := range damaged {
		if name.index >= next {
			return &DamageError{File: r.snapshots.aside(name.id), Offset: -1, Index: next,
				What: fmt.Sprintf("snapshot %s is damaged: it held the entries to %d, and the log, which ends at entry %d, does not have them all", name.id, name.index, last)}
		}
	}
	return &DamageError{File: r.path, Offset: -1, Index: next, What: fmt.Sprintf("it is not there and in no snapshot, although the log goes on to entry %d", last)}
}

// read reads an entry without checking its seal. The seals are checked when the whole log is read,
// later.
func (r *reconciliation) read(index uint64) (entry raft.Log, err error) {
	err = r.logs.GetLog(index, &entry)
	switch {
	case errors.Is(err, raft.ErrLogNotFound):
		return entry, err
	case err != nil:
		return entry, r.stored.Describe(index, "", err)
	case entry.Index != index:
		return entry, r.stored.Describe(index, fmt.Sprintf("it says that it is entry %d", entry.Index), nil)
	}
	return entry, nil
}
