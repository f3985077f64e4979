// Package node is one member of a cluster. It holds the hashicorp/raft instance and its stores,
// the worker that applies entries to the machine, this process's session with its group commit,
// linearizable reads, and the snapshot policy.
//
// It reaches other nodes only through Peers and through the Streams that carry Raft's transport.
// Its clock, stores, peers and streams are passed in, so a whole cluster can run in a
// testing/synctest bubble. Every goroutine ends in Close and in Crash.
//
// The path of a write: session.go (a line of calls, packed into numbered batches), line.go (the
// order of the waiting calls), split.go (a command larger than a batch), hold.go (a short wait for
// more calls), sender.go (batches go to the leader, and again after any doubt), inbox.go (batches
// from other nodes), committer.go (the leader's entries), giveup.go (calls whose client no longer
// waits), raft.go and transport.go (how Raft runs), early.go (followers store an entry while the
// leader does), install.go (what Raft believes about its log), adapter.go and queue.go (Raft hands
// entries over and goes on), worker.go (the machine), resolve.go (the outcome, from this node's
// own machine), notice.go (how followers learn of commits).
//
// The path of a read: reads.go (the waiting readers), round.go (the ReadIndex confirmation),
// progress.go (waiting until the machine has applied the index).
//
// Leadership: watch.go, handover.go and transfer.go; failover.go (replaces a leader that is no
// longer heard; package detector decides), with beat.go (the leader's beats), silence.go (asking
// the other voters) and hint.go (a leader's port refuses); abstention.go (a server that must not
// lead); watchdog.go.
//
// Divergence: digests.go (entries ask for digests), captures.go (this machine's digests), alarm.go
// (the consequences of a mismatch).
//
// Disk damage: sealed.go (an entry is sealed when it is stored and checked when it is read or
// received), leave.go (a node that cannot read or write its log, or cannot go on, leaves Raft
// first), snapshotstore.go (a damaged snapshot is replaced).
//
// The log is a chain of stores. Each makes a promise to the one above it:
//
//	raftLogs       install.go: what Raft takes for its last entry is the last entry
//	raft.LogCache  the newest entries are not read from the disk
//	guardedLogs    logs.go: an entry that is stored carries a seal, and one that is read
//	               is the one that was stored; otherwise the node leaves Raft
//	Stores.Logs    the store that the node is given: package store takes over from here
//
// Besides: clock.go (stamps), snapshots.go (when a snapshot is taken), turns.go (members take
// turns at snapshots), membership.go, ready.go, status.go. limits.go holds every bound, errors.go
// what clients are told, fault.go the faults that the checkers must find.
//
// Locks: the locks of the worker (the machine), the session, the reads, the committer, the notices
// and failover are never held together. The small locks (stamps, watch, progress, queue, captures)
// may be taken while another is held, and take none themselves. No lock is held during a call to
// Peers or to Raft, except for reads of Raft's atomic counters.
package node
