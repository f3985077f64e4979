package node

import (
	"strconv"
	"time"

	"github.com/hashicorp/raft"
)

// Status is what a node knows of itself, for administration and metrics. It is
// unconfirmed, and its parts are read one after the other.
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

// SnapshotStatus is what has become of a node's snapshots.
type SnapshotStatus struct {
	Index    uint64 // of the newest, 0: none
	Running  bool
	Taken    uint64 // by this process, those that had nothing new among them
	Failed   uint64
	Failing  bool          // the last attempt failed
	Damaged  uint64        // snapshots that could not be opened, and were replaced
	TakenAt  time.Time     // the last that this process took; zero: none
	LastTook time.Duration // how long that took
	Capture  time.Duration // of it, how long the machine was held
	Restored uint64        // by this process: at its start, and received from leaders
	// Installed are those that this process has received from leaders,
	// InstalledAgain those of them that followed another soon.
	Installed, InstalledAgain uint64
}

// Status is the node's at this moment; it never waits.
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

// lastTerm is the term of the last entry, which is the newest snapshot's while
// nothing follows that.
func lastTerm(told map[string]string) uint64 {
	if figure(told["last_log_index"]) < figure(told["last_snapshot_index"]) {
		return figure(told["last_snapshot_term"])
	}
	return figure(told["last_log_term"])
}

// figure is one of those that Raft tells only as text, 0 for none.
func figure(text string) uint64 {
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return number
}
