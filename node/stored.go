package node

import (
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/member"
)

// Stored summarizes a server's stores before its member is opened.
type Stored struct {
	Any     bool            // a term, an entry or a snapshot is there
	Servers []member.Server // the newest configuration, committed or not; empty: none
}

// ReadStored reads the stores of a member that is not open. Like Raft at its start, it reads the
// newest snapshot's description and the log after it.
func ReadStored(stores Stores) (Stored, error) {
	var stored Stored
	var err error
	if stored.Any, err = raft.HasExistingState(stores.Logs, stores.Stable, stores.Snapshots); err != nil || !stored.Any {
		return stored, err
	}
	snapshots, err := stores.Snapshots.List()
	if err != nil {
		return stored, fmt.Errorf("list snapshots: %w", err)
	}
	first, err := stores.Logs.FirstIndex()
	if err != nil {
		return stored, fmt.Errorf("read the log's beginning: %w", err)
	}
	last, err := stores.Logs.LastIndex()
	if err != nil {
		return stored, fmt.Errorf("read the log's end: %w", err)
	}
	if len(snapshots) > 0 {
		stored.Servers = memberServers(snapshots[0].Configuration)
		first = max(first, snapshots[0].Index+1)
	}
	for index := max(first, 1); index <= last; index++ {
		var entry raft.Log
		if err := stores.ReadLog(index, &entry); err != nil {
			return stored, fmt.Errorf("read entry %d: %w", index, err)
		}
		if entry.Type == raft.LogConfiguration {
			stored.Servers = memberServers(raft.DecodeConfiguration(entry.Data))
		}
	}
	return stored, nil
}
