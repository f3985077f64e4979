//go:build !kvorum_faults

package node

import "github.com/hashicorp/raft"

// Planted faults are compiled away in every build except the checkers' own test (tag
// kvorum_faults, fault_on.go).
const (
	faultAckBeforeCommit   = false
	faultUnconfirmedReads  = false
	faultForeignQuestion   = false
	faultRaftsIndex        = false
	faultHeartbeatFastPath = false
	faultStrangersVote     = false
	faultNoSealCheck       = false
	faultSecondEntry       = false
	faultStandsAlone       = false
	faultLeavesToRaft      = false
)

func (t *transport) belongsTo(*Node) {}

func (t *transport) strangersVote(func(id raft.ServerID, addr raft.ServerAddress) bool) bool {
	return false
}

func slowMachine() {}

func stallDisk() {}

func (g *guardedLogs) storeOthers([]*raft.Log) bool { return false }
