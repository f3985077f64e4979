//go:build !kvorum_faults

package node

// Planted faults are compiled away in every build but that of the checkers'
// own test (tag kvorum_faults, fault_on.go).
const (
	faultAckBeforeCommit   = false
	faultUnconfirmedReads  = false
	faultForeignQuestion   = false
	faultRaftsIndex        = false
	faultHeartbeatFastPath = false
)

func slowMachine() {}
