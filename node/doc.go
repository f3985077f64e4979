// Package node is one member of a cluster: the hashicorp/raft instance on its
// stores, the worker that applies entries to the machine, this process's
// session with its group commit, linearizable reads, and the snapshot policy.
//
// It talks to other nodes only through Peers, and through the Streams that
// Raft's transport is given; it takes its clock, stores and both of these from
// outside, so that a whole cluster runs in a testing/synctest bubble. Every
// goroutine ends in Close and in Crash.
//
// A write: session.go (a line of calls, packed into numbered batches), line.go (who is
// next), split.go (a command larger than a batch), hold.go (a moment's wait for more
// calls), sender.go (to the leader, again after any doubt), inbox.go (what other nodes
// have sent), committer.go (the leader's entries), giveup.go (who does not wait any more),
// raft.go and transport.go (how Raft runs), early.go (followers store an entry while the
// leader does), install.go (what it believes of its log),
// adapter.go and queue.go (Raft hands over and goes on), worker.go (the machine),
// resolve.go (the outcome, from this node's own machine), notice.go (the followers'
// news of it).
//
// A read: reads.go (who waits), round.go (the confirmation), progress.go (until
// the machine is there).
//
// Who leads: watch.go, handover.go and transfer.go, failover.go (a leader of whom nothing
// is heard; package detector decides), with beat.go (what it says of itself), silence.go
// (the others are asked) and hint.go (its port refuses), abstention.go (a server that must
// not lead), watchdog.go.
//
// Whether all nodes hold the same: digests.go (entries ask), captures.go (what this
// machine was there), alarm.go (what follows if the others' were different).
//
// What the disk says: sealed.go (an entry is sealed when it is stored and checked when it
// is read or received), leave.go (a node that cannot read or write its log, or cannot go
// on, leaves Raft first), snapshotstore.go (a damaged snapshot is replaced).
//
// The log is a chain of stores. Each promises something to the one above it:
//
//	raftLogs       install.go: what Raft takes for its last entry is the last entry
//	raft.LogCache  the newest entries are not read from the disk
//	guardedLogs    logs.go: an entry that is stored carries a seal, and one that is read
//	               is the one that was stored; else the node leaves Raft
//	Stores.Logs    the store that the node is given: package store goes on from here
//
// Besides: clock.go (stamps), snapshots.go (when one is taken), turns.go (members take
// turns with that), membership.go, ready.go, status.go. limits.go holds every bound,
// errors.go what clients are told, fault.go the faults that the checkers must find.
//
// Locks: those of the worker (the machine), the session, the reads, the
// committer, the notices and failover are never held together. The small ones (stamps,
// watch, progress, queue, captures) may be taken under another and take none themselves.
// No lock is held while Peers is called, or Raft, but for Raft's atomic counters.
package node
