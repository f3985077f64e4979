package node

import (
	"fmt"

	"github.com/hashicorp/raft"
)

// GuardLogs returns a log store as Raft's cache gets it.
func GuardLogs(logs raft.LogStore) raft.LogStore {
	return &guardedLogs{LogStore: logs, stores: Stores{Logs: logs, SealedFrom: 1}, departure: &departure{}, leave: func(error) {}}
}

// DeleteEntries is the number of entries that are deleted at a time.
const DeleteEntries = deleteEntries

// RaftLogs returns a log store as Raft gets it, given the entry at which Raft's newest snapshot
// ends.
func RaftLogs(logs raft.LogStore, index, term *uint64, broken func(error)) *raftLogs {
	cache, err := raft.NewLogCache(16, GuardLogs(logs))
	if err != nil {
		panic(err)
	}
	l := &raftLogs{LogStore: cache, broken: broken}
	l.stats.Store(func() map[string]string {
		return map[string]string{"last_snapshot_index": fmt.Sprint(*index), "last_snapshot_term": fmt.Sprint(*term)}
	})
	return l
}

// Mark makes a mark for an entry's place.
func (l *raftLogs) Mark(index, term uint64) *raft.Log { return l.marks(position{index, term}) }
