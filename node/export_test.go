package node

import "github.com/hashicorp/raft"

// GuardLogs is a log store as Raft's cache gets it.
func GuardLogs(logs raft.LogStore) raft.LogStore {
	return &guardedLogs{LogStore: logs}
}

// DeleteEntries is the size of a piece.
const DeleteEntries = deleteEntries
