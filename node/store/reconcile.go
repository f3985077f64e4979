package store

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// reconcile brings log and snapshots together after a crash, or refuses what no
// crash explains.
//
// Between an installed snapshot and the truncation of the log a kill leaves a
// log that ends before the snapshot. All of it is in the snapshot, and raft-wal
// would refuse the next entry as a gap: it is emptied.
func reconcile(stable raft.StableStore, logs raft.LogStore, snapshots *snapshotStore) error {
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
	if newest != nil && last < newest.Index {
		if err := logs.DeleteRange(first, last); err != nil {
			return fmt.Errorf("empty the log, which ends at %d, before the snapshot of %d: %w", last, newest.Index, err)
		}
		return nil
	}
	return checkContinues(logs, newest, last)
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
	return fmt.Errorf("the log has vanished beside term %d: %s", term, adviceEmpty)
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
		return fmt.Errorf("the log reaches from some entry to %d, but entry %d is in no snapshot that can be read and not in the log: %s", last, next, adviceEmpty)
	}
	if err != nil {
		return fmt.Errorf("read entry %d of the log: %w", next, err)
	}
	return nil
}
