package store

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node"
)

// reconcile brings log and snapshots together after a crash, or refuses what no
// crash explains.
//
// Between an installed snapshot and the truncation of the log a kill leaves a
// log that ends before the snapshot, and all of it is in the snapshot; or one that
// goes on behind it, from an entry of another term at the snapshot's index, and none of
// that was ever committed. It is emptied: raft-wal would refuse the next entry as a
// gap, and Raft would compare the next one with an entry that the cluster never had.
func reconcile(stable raft.StableStore, stored node.Stores, snapshots *snapshotStore) error {
	logs := stored.Logs
	newest, err := snapshots.newestValid()
	if err != nil {
		return err
	}
	first, last, err := bounds(logs)
	if err != nil {
		return err
	}
	reach := last
	if newest != nil {
		reach = max(reach, newest.Index)
	}
	if err := snapshots.checkDamaged(reach); err != nil {
		return err
	}
	if last == 0 {
		return checkEmptyLog(stable, newest)
	}
	left, err := leftBehind(stored, newest, last)
	if err != nil {
		return err
	}
	if left {
		if err := logs.DeleteRange(first, last); err != nil {
			return fmt.Errorf("empty the log, from %d to %d, beside the snapshot of %d: %w", first, last, newest.Index, err)
		}
		return nil
	}
	return checkContinues(logs, newest, last)
}

// leftBehind says whether the log should have gone when the snapshot was installed.
// A term that differs from the snapshot's is held against the entry's checksum, since
// all behind it would be lost.
func leftBehind(stored node.Stores, newest *raft.SnapshotMeta, last uint64) (bool, error) {
	if newest == nil {
		return false, nil
	}
	if last < newest.Index {
		return true, nil
	}
	var entry raft.Log
	err := stored.Logs.GetLog(newest.Index, &entry)
	if errors.Is(err, raft.ErrLogNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read entry %d of the log: %w", newest.Index, err)
	}
	if entry.Term == newest.Term {
		return false, nil
	}
	if err := stored.ReadLog(newest.Index, &entry); err != nil {
		return false, err
	}
	return true, checkTerm(stored, &entry)
}

// checkTerm finds damage in the term of an entry of the first release, which has no
// checksum, as far as it can: terms never fall along a log.
func checkTerm(stored node.Stores, entry *raft.Log) error {
	for _, index := range []uint64{entry.Index - 1, entry.Index + 1} {
		var beside raft.Log
		err := stored.Logs.GetLog(index, &beside)
		if errors.Is(err, raft.ErrLogNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read entry %d of the log: %w", index, err)
		}
		if index < entry.Index != (beside.Term < entry.Term) && beside.Term != entry.Term {
			return stored.Describe(entry.Index, fmt.Sprintf("it is of term %d, beside entry %d of term %d", entry.Term, index, beside.Term), nil)
		}
	}
	return nil
}

func bounds(logs raft.LogStore) (first, last uint64, err error) {
	if first, err = logs.FirstIndex(); err != nil {
		return 0, 0, fmt.Errorf("read the log's first index: %w", err)
	}
	if last, err = logs.LastIndex(); err != nil {
		return 0, 0, fmt.Errorf("read the log's last index: %w", err)
	}
	return first, last, nil
}

// checkEmptyLog refuses an empty log that has held entries and that no snapshot
// stands for. A term alone proves nothing: a founder votes before its first entry.
func checkEmptyLog(stable raft.StableStore, newest *raft.SnapshotMeta) error {
	begun, err := hasFlag(stable, keyLogBegun)
	if err != nil {
		return err
	}
	if !begun || newest != nil {
		return nil
	}
	term, err := currentTerm(stable)
	if err != nil {
		return err
	}
	return &DamageError{File: "the log", Offset: -1, What: fmt.Sprintf("the log has vanished beside term %d", term)}
}

// currentTerm reads the term that Raft has stored, 0 for none.
func currentTerm(stable raft.StableStore) (uint64, error) {
	term, err := stable.GetUint64([]byte("CurrentTerm"))
	if err != nil && err.Error() != "not found" {
		return 0, fmt.Errorf("read the term: %w", err)
	}
	return term, nil
}

// checkContinues refuses a log that does not go on where the snapshot ends.
func checkContinues(logs raft.LogStore, newest *raft.SnapshotMeta, last uint64) error {
	next := uint64(1)
	if newest != nil {
		next = newest.Index + 1
	}
	if next > last {
		return nil
	}
	var entry raft.Log
	err := logs.GetLog(next, &entry)
	if errors.Is(err, raft.ErrLogNotFound) {
		return &DamageError{File: "the log", Offset: -1, Index: next, What: fmt.Sprintf("the log reaches from some entry to %d, but entry %d is in no snapshot that can be read and not in the log", last, next)}
	}
	if err != nil {
		return fmt.Errorf("read entry %d of the log: %w", next, err)
	}
	return nil
}
