package node

import "github.com/hashicorp/raft"

// GuardLogs is a log store as Raft gets it.
func GuardLogs(logs raft.LogStore) raft.LogStore {
	return &guardedLogs{LogStore: logs, snapshots: raft.NewInmemSnapshotStore(), stores: Stores{Logs: logs, SealedFrom: 1},
		departure: &departure{}, leave: func(error) {}}
}

// DeleteEntries is the size of a piece.
const DeleteEntries = deleteEntries
