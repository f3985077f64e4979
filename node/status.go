package node

import (
	"strconv"
	"time"

	"github.com/hashicorp/raft"
)

// Status holds what a node knows about itself, for administration and metrics. It is unconfirmed,
// and its parts are read one after the other.
type Status struct {
	State        raft.RaftState
	Leader       string // the server that leads, "" when none is known
	Term         uint64
	LastIndex    uint64 // of its log
	LastTerm     uint64 // of the entry there
	CommitIndex  uint64
	AppliedIndex uint64    // of its machine
	LastContact  time.Time // with the leader; zero: never
	Applied      uint64    // entries that this process has applied
	AppliedBytes uint64
	Snapshots    SnapshotStatus
	Alarm        AlarmStatus
}

// SnapshotStatus describes a node's snapshots.
type SnapshotStatus struct {
	Index    uint64 // of the newest, 0: none
	Running  bool
	Taken    uint64 // by this process, including those with nothing new
	Failed   uint64
	Failing  bool          // the last attempt failed
	Damaged  uint64        // snapshots that could not be opened and were replaced
	TakenAt  time.Time     // when this process took its last one; zero: never
	LastTook time.Duration // how long that one took
	Capture  time.Duration // the part of it for which the machine was held
	Restored uint64        // by this process: at its start, and received from leaders
	// Installed counts the snapshots that this process has received from leaders. InstalledAgain
	// counts those of them that soon followed another.
	Installed, InstalledAgain uint64
}

// Status returns the node's status at this moment. It never waits.
func (n *Node) Status() Status {
	s, told := n.snapshots, n.raft.Stats()
	status := Status{
		State:        n.raft.State(),
		Leader:       n.Leader(),
		Term:         n.raft.CurrentTerm(),
		LastIndex:    n.raft.LastIndex(),
		LastTerm:     lastTerm(told),
		CommitIndex:  n.raft.CommitIndex(),
		AppliedIndex: n.AppliedIndex(),
		LastContact:  n.raft.LastContact(),
		Applied:      n.worker.applied.Load(),
		AppliedBytes: n.worker.appliedBytes.Load(),
		Snapshots: SnapshotStatus{
			Index:    figure(told["last_snapshot_index"]),
			Running:  s.running.Load(),
			Taken:    s.taken.Load(),
			Failed:   s.failed.Load(),
			Failing:  s.failing.Load(),
			Damaged:  s.damaged.count.Load(),
			LastTook: time.Duration(s.lastTook.Load()),
			Capture:  time.Duration(s.captureNS.Load()),
			Restored: n.worker.restores.Load(),
		},
		Alarm: n.alarm.status(),
	}
	status.Snapshots.Installed, status.Snapshots.InstalledAgain = s.installs.counts()
	if at := s.lastSeconds.Load(); at > 0 {
		status.Snapshots.TakenAt = time.Unix(at, 0)
	}
	return status
}

// lastTerm returns the term of the last entry. If no entry follows the newest snapshot, that is
// the snapshot's term.
func lastTerm(told map[string]string) uint64 {
	if figure(told["last_log_index"]) < figure(told["last_snapshot_index"]) {
		return figure(told["last_snapshot_term"])
	}
	return figure(told["last_log_term"])
}

// figure parses a number that Raft reports only as text; 0 for none.
func figure(text string) uint64 {
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return number
}
