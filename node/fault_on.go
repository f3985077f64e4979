//go:build kvorum_faults

package node

import "time"

// Faults that a checker must find. Only one test at a time sets them, before
// it opens its nodes.
var (
	faultAckBeforeCommit   bool // the leader answers SET when it proposes it
	faultUnconfirmedReads  bool // a node reads its machine without asking anybody
	faultForeignQuestion   bool // a follower's question confirms the leader's own reads
	faultRaftsIndex        bool // reads wait for Raft's applied index instead of the machine's
	faultHeartbeatFastPath bool // heartbeats are handled beside Raft's main loop
)

// machineDelay is how long an entry waits for its machine: no fault, but what
// shows a read that does not wait for it.
var machineDelay func() time.Duration

// SlowMachine makes every machine of this process as slow as delay says; nil
// ends it.
func SlowMachine(delay func() time.Duration) { machineDelay = delay }

func slowMachine() {
	if machineDelay != nil {
		time.Sleep(machineDelay())
	}
}

// Fault names one planted fault.
type Fault string

// The planted faults.
const (
	AckBeforeCommit   Fault = "acknowledge before commit"
	UnconfirmedReads  Fault = "read without confirmation"
	ForeignQuestion   Fault = "count a follower's old question for the leader's reads"
	RaftsIndex        Fault = "wait for Raft's index instead of the machine's"
	HeartbeatFastPath Fault = "the fast heartbeat path"
)

// Plant switches on exactly the named faults.
func Plant(faults ...Fault) {
	at := map[Fault]*bool{
		AckBeforeCommit:   &faultAckBeforeCommit,
		UnconfirmedReads:  &faultUnconfirmedReads,
		ForeignQuestion:   &faultForeignQuestion,
		RaftsIndex:        &faultRaftsIndex,
		HeartbeatFastPath: &faultHeartbeatFastPath,
	}
	for _, on := range at {
		*on = false
	}
	for _, f := range faults {
		*at[f] = true
	}
}
