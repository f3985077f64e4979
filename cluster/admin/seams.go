package admin

import (
	"context"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/member"
)

// Executor sends calls through the log and sets the Reply of each.
type Executor interface {
	Write(ctx context.Context, calls []*command.Call)
}

// Member is the cluster member that runs in this process.
type Member interface {
	// Status returns what the member knows now. It never waits.
	Status() Status
	// Snapshot takes a snapshot and returns once it is written and verified. It returns at once if
	// nothing has been applied since the last snapshot.
	Snapshot(ctx context.Context) error
	// Stall stops the machine from applying and reading for d, or until ctx ends.
	Stall(ctx context.Context, d time.Duration)
	// Databases returns the key counts of the databases that are not empty, in order.
	Databases() []Database
}

// Roster knows the servers of the cluster.
type Roster interface {
	// Servers returns the servers of the configuration in its order, this one included.
	Servers() []Server
	// Stored asks another server for the index of the last entry on its disk.
	Stored(ctx context.Context, server string) (uint64, error)
	// Links returns the open connections with other servers.
	Links() []Link
}

// Members changes who belongs to the cluster and who leads it. Each method finds the leader, waits
// until the change is committed, and may be repeated after any error. A server is named by its id
// ("n2") or in full ("n2@1f…"). A *cluster.Refused means that the change cannot be made, and its
// text is for people. After any other error the outcome is unknown.
type Members interface {
	// Invite tells the server that waits at a peer address to join. It becomes a voter once it has
	// caught up, or stays a non-voter. Invite returns when the server has been added.
	Invite(ctx context.Context, addr string, voter bool) error
	// Remove takes a server out for ever. With force it does so even if the rest may then have no
	// majority.
	Remove(ctx context.Context, server string, force bool) error
	// Promote makes a non-voter that has caught up a voter.
	Promote(ctx context.Context, server string) error
	// Demote makes a voter a non-voter. force has the same meaning as for Remove.
	Demote(ctx context.Context, server string, force bool) error
	// Transfer makes a voter the leader. An empty server stands for the best-placed voter.
	Transfer(ctx context.Context, server string) error
}

// Upgrader raises the machine's version once all servers know it.
type Upgrader interface {
	// Upgrade returns how far an upgrade has come.
	Upgrade() cluster.UpgradeStatus
	// FinishUpgrade raises the version without waiting until the time to go back has passed. Its
	// errors are like those of Members.
	FinishUpgrade(ctx context.Context) error
}

// Auditor compares the nodes' machines.
type Auditor interface {
	// Digest makes every node take a capture of its machine at one index, now. It returns when all
	// have arrived or ctx ends, with the captures that it has.
	Digest(ctx context.Context, whole bool) (cluster.DigestReport, error)
}

// Tuner applies a setting of this node. It gets only values that the table of settings accepts.
type Tuner interface {
	Tune(name, value string) error
}

// Statistics are the counters of one component of the node, which INFO shows.
type Statistics interface {
	// InfoFields returns the component's fields of a section ("clients", "stats", …; lower case),
	// or nil if it has none.
	InfoFields(section string) [][2]string
	// ResetStats resets the counters that CONFIG RESETSTAT covers.
	ResetStats()
}

// Process is the process that runs the node.
type Process interface {
	// Shutdown starts an orderly stop and returns. Unless now is set, the node first hands
	// leadership over. Work in flight is finished, and the exit code is 0.
	Shutdown(now bool)
}

// Status holds what a member knows about itself and its leader.
type Status struct {
	State        string // "leader", "follower", "candidate" or "shutdown", in Raft's words
	Leading      bool   // it leads and has applied an entry of its own term
	Ready        bool   // it has a leader and has caught up with it
	Unready      string // why it is not ready; "" if it is
	Leader       string // the leader; "" if none is known
	Term         uint64
	LastIndex    uint64 // index of the last entry in its log
	LastTerm     uint64 // term of that entry
	CommitIndex  uint64
	AppliedIndex uint64        // index of the last entry that its machine has applied
	Hash         uint64        // running hash of all entries and replies up to AppliedIndex
	LastContact  time.Duration // time since the leader was last heard; 0 on the leader, negative: never
	Snapshot     SnapshotStatus
	Panics       uint64 // panics in commands that this process has caught
	Alarm        AlarmStatus
}

// AlarmStatus is the result of comparing a member's machine with the others'.
type AlarmStatus struct {
	State       string // "none", "diverged" (this node) or "split" (no majority agrees)
	Reason      string
	Captured    uint64 // the newest index at which it can be compared
	Agreed      uint64 // the newest index at which a majority agreed with this node
	Comparisons uint64 // comparisons that had a result
}

// SnapshotStatus describes the snapshots of a member.
type SnapshotStatus struct {
	Index     uint64    // index of the newest snapshot; 0: none
	TakenAt   time.Time // zero: this process has taken none
	Running   bool
	Failed    bool          // the last attempt failed
	LastTook  time.Duration // duration of the last one; 0: this process has taken none
	Taken     uint64        // taken by this process
	Installed uint64        // received from a leader by this process
	Again     uint64        // those of Installed that came soon after another
}

// Database holds the key counts of one logical database.
type Database struct {
	Number    int
	Keys      int
	Expires   int
	MeanTTLMS int64
}

// Server is one server of the configuration.
type Server struct {
	member.Server
	ClientAddr string // its address for clients; "" until it has registered
	Reachable  bool   // it answered recently; always true for this server
	NeverLeads bool   // it is configured never to lead
	// The next fields come from its last answer, if Heard is true.
	Heard bool
	RTT   time.Duration
	Skew  time.Duration // its wall clock minus ours, accurate to half of RTT
}

// Link is one open connection with another server.
type Link struct {
	Server      string
	Outgoing    bool // dialled by this server
	Since       time.Time
	QueuedBytes int // bytes that wait to be written
	BufferBytes int // allocated for them
}
