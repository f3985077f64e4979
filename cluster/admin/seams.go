package admin

import (
	"context"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/member"
)

// Executor sends calls through the log and sets each one's Reply.
type Executor interface {
	Write(ctx context.Context, calls []*command.Call)
}

// Member is the member of the cluster that runs in this process.
type Member interface {
	// Status is what the member knows now; it never waits.
	Status() Status
	// Snapshot takes a snapshot and returns once it is written and verified,
	// at once if nothing has been applied since the last one.
	Snapshot(ctx context.Context) error
	// Stall stops the machine from applying and reading for d, or until ctx ends.
	Stall(ctx context.Context, d time.Duration)
	// Databases counts the keys of the databases that have any, in their order.
	Databases() []Database
}

// Roster knows the servers of the cluster.
type Roster interface {
	// Servers are those of the configuration in its order, this one among them.
	Servers() []Server
	// Stored asks another server for the index of the last entry on its disk.
	Stored(ctx context.Context, server string) (uint64, error)
	// Links are the open connections with other servers.
	Links() []Link
}

// Members changes who belongs to the cluster and who leads it. Each method
// finds the leader, waits until the change is committed, and may be repeated
// after any error. A server is named by its id ("n2") or in full
// ("n2@1f…"). What cannot be done is a *cluster.Refused, whose text is for
// people; any other error means that it is not known to be done.
type Members interface {
	// Invite has the server that waits at a peer address join, to become a
	// voter once it has caught up or to stay a non-voter. It returns when the
	// server has been added.
	Invite(ctx context.Context, addr string, voter bool) error
	// Remove takes a server out for ever; force does so although the rest
	// could then have no majority.
	Remove(ctx context.Context, server string, force bool) error
	// Promote makes a non-voter that has caught up a voter.
	Promote(ctx context.Context, server string) error
	// Demote makes a voter a non-voter; force as for Remove.
	Demote(ctx context.Context, server string, force bool) error
	// Transfer has a voter lead; "" is the one that is best placed.
	Transfer(ctx context.Context, server string) error
}

// Upgrader raises the version of the machine, once all servers know it.
type Upgrader interface {
	// Upgrade says how far an upgrade is.
	Upgrade() cluster.UpgradeStatus
	// FinishUpgrade does not wait until the time of the way back is over; errors as
	// those of Members.
	FinishUpgrade(ctx context.Context) error
}

// Auditor compares the nodes' machines.
type Auditor interface {
	// Digest makes every node take a capture of its machine at one index, now,
	// and returns what there is when ctx ends, or all of it sooner.
	Digest(ctx context.Context, whole bool) (cluster.DigestReport, error)
}

// Tuner applies a setting of this node to whoever obeys it. It is given only
// values that the table of settings accepts.
type Tuner interface {
	Tune(name, value string) error
}

// Statistics are counted by one component of the node, and shown by INFO.
type Statistics interface {
	// InfoFields returns the component's fields of a section ("clients",
	// "stats", …; lower case), nil if it has none.
	InfoFields(section string) [][2]string
	// ResetStats sets to zero what CONFIG RESETSTAT resets.
	ResetStats()
}

// Process is the process around the node.
type Process interface {
	// Shutdown begins an orderly stop and returns: leadership is handed over
	// (not so with now), what is in flight is finished, the exit code is 0.
	Shutdown(now bool)
}

// Status is what a member knows of itself and its leader.
type Status struct {
	State        string // "leader", "follower", "candidate" or "shutdown", as Raft says it
	Leading      bool   // it leads and has applied an entry of its term
	Ready        bool   // it has a leader and is as far as that
	Unready      string // why it is not, "" when it is
	Leader       string // the server that leads, "" when none is known
	Term         uint64
	LastIndex    uint64 // of its log
	LastTerm     uint64 // of the entry there
	CommitIndex  uint64
	AppliedIndex uint64        // of its machine
	Hash         uint64        // of all that the machine has applied and answered up to AppliedIndex
	LastContact  time.Duration // since the leader was last heard; 0 on the leader, negative: never
	Snapshot     SnapshotStatus
	Panics       uint64 // of commands, caught by this process
	Alarm        AlarmStatus
}

// AlarmStatus is what comparing its machine with the others' has found.
type AlarmStatus struct {
	State       string // "none", "diverged" (this node) or "split" (no majority agrees)
	Reason      string
	Captured    uint64 // the newest index to compare at
	Agreed      uint64 // the newest at which a majority agreed with this node
	Comparisons uint64 // that came to a result
}

// SnapshotStatus describes the snapshots of a member.
type SnapshotStatus struct {
	Index     uint64    // of the newest one, 0: none
	TakenAt   time.Time // zero: none by this process
	Running   bool
	Failed    bool          // the last attempt
	LastTook  time.Duration // the last one, 0: none by this process
	Taken     uint64        // by this process
	Installed uint64        // received from a leader by this process
	Again     uint64        // of them, soon after another
}

// Database counts one logical database.
type Database struct {
	Number    int
	Keys      int
	Expires   int
	MeanTTLMS int64
}

// Server is one server of the configuration.
type Server struct {
	member.Server
	ClientAddr string // what clients are told; "" until it has registered
	Reachable  bool   // it answered lately; true of this server itself
	NeverLeads bool   // it is told so
	// What its last answer told, if there was one.
	Heard bool
	RTT   time.Duration
	Skew  time.Duration // its wall clock minus ours, uncertain by half of RTT
}

// Link is one open connection with another server.
type Link struct {
	Server      string
	Outgoing    bool // this server has dialled it
	Since       time.Time
	QueuedBytes int // that wait to be written
	BufferBytes int // allocated for them
}
