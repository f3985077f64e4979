package node

import (
	"math"
	"time"

	"github.com/kvorum/kvorum/fsm/entry"
)

// Raft's time-outs where Config sets none.
const (
	// heartbeatDefault is at least one second because a heartbeat may wait in Raft's main loop
	// behind an fsync. The leader lease has the same length.
	heartbeatDefault = time.Second
	// commitDefault is the time that an idle leader waits before it repeats its commit index, in
	// case a commit notice was lost. It determines what an idle node costs.
	commitDefault = 500 * time.Millisecond
	// writeTimeoutDefault is the time that a client waits while none of its node's writes are
	// applied.
	writeTimeoutDefault = 5 * time.Second
)

// Raft's sizes.
const (
	// appendEntriesMax bounds the entries of one AppendEntries message: at most 8 MiB, which a
	// follower can store between two heartbeats.
	appendEntriesMax = 16
	// logCacheEntries is the number of recent entries that are kept in memory for followers that
	// lag slightly: at most 32 MiB.
	logCacheEntries = 64
	// deleteEntries is the number of entries that are deleted from the head of the log at a time.
	deleteEntries = 512
	// rpcTimeout bounds one call to a peer; a snapshot's timeout grows with its size. It equals
	// two heartbeats, so a broken link is retried soon after it has healed.
	rpcTimeout = 2 * time.Second
	// preVoteHold bounds how long a pre-vote request is held. It is slightly shorter than its
	// sender's timeout; the sender asks again after an election time-out, which is no longer than
	// that.
	preVoteHold = rpcTimeout - 100*time.Millisecond
	// silenceMax bounds the time that a peer may be silent in the middle of a call. Without this
	// bound, a leader that freezes while it sends a snapshot would block Raft's main loop here, and
	// every vote with it.
	silenceMax = 3 * time.Second
	// deafMax bounds the time for which a peer may accept no byte of a snapshot that is being sent
	// to it.
	deafMax = 10 * time.Second
	// connectionsPerPeer is the number of connections to a peer that are kept open: one for
	// heartbeats, one for entries, and one for what is sent outside Raft (notices, and entries
	// still being stored).
	connectionsPerPeer = 3
	// earlyAnswerMax is the maximum age of the answer to a message that was sent while its entries
	// were still being stored. Raft treats an answer as a sign of life, so it must be recent.
	earlyAnswerMax = 100 * time.Millisecond
	// leadsLook is the interval at which entries that wait for a lost follower check whether this
	// node still leads.
	leadsLook = 100 * time.Millisecond
	// leadershipEvents is more than Raft can send while one entry is in flight.
	leadershipEvents = 64
	// transferRearm is the number of calls that a follower must answer after a failed transfer to
	// it before the transfer is tried again in the same term.
	transferRearm = 32
	// repeatAfter is the time for which an identical Raft warning is suppressed.
	repeatAfter = 10 * time.Second
	// departedEvery is the interval at which a node looks for servers that have left the
	// configuration. Each look spares the servers that have left since the previous one.
	departedEvery = 10 * time.Second
	// rpcWait bounds the time that a membership call waits for Raft to accept it.
	rpcWait = 5 * time.Second
)

// Leadership, besides Raft's own time-outs.
const (
	// goneLooks is the number of times that the port of a server whose connection has ended is
	// tried. The second try comes after goneLookPause, and each further pause is twice the last: a
	// process that is being ended may still accept connections for a moment.
	goneLooks     = 6
	goneLookPause = 10 * time.Millisecond
	// goneLookWithin bounds one try. If the whole host is gone, nothing refuses the connection,
	// and Raft's time-outs decide.
	goneLookWithin = 200 * time.Millisecond
	// refusedFor is the time for which a refused connection counts as evidence.
	refusedFor = 500 * time.Millisecond
	// portLooksMax bounds how many port checks run at the same time on behalf of other voters.
	portLooksMax = 8
	// standLook is the interval at which a node that wants to stand checks whether another election
	// has begun, while Raft's main loop has not accepted its message.
	standLook = 5 * time.Millisecond
	// standWithin bounds the time that Raft's main loop may take to accept the message that makes
	// this node stand for election. After that, another server may already lead.
	standWithin = 100 * time.Millisecond
	// joinBeats is the number of beats of an idle leader that a Raft heartbeat waits for.
	joinBeats = 2
	// busyFor is the time for which a leader counts as busy after an entry.
	busyFor = time.Second
	// toldFor is the time for which a voter's report about its disk remains valid.
	toldFor = time.Second
	// abstainLook is the interval at which a server that must not lead re-evaluates its situation.
	abstainLook = 250 * time.Millisecond
	// abstainPatience is the time for which there may be no leader before such a server stands in.
	// It spans several elections.
	abstainPatience = 5 * time.Second
	// askNeverLeads bounds the call that asks a server whether it may lead.
	askNeverLeads = 500 * time.Millisecond
)

// The apply worker.
const (
	// queueBytesMax bounds the bytes that are committed but not yet applied. Above it, Raft's
	// apply goroutine waits.
	queueBytesMax = 64 << 20
	// backlogEntriesMax and backlogBytesMax are the backlog at which a leader stops proposing
	// until its own machine has caught up.
	backlogEntriesMax = 64
	backlogBytesMax   = 8 << 20
)

// This process's session.
const (
	// batchesInFlightMax bounds the batches that were sent to another node and are not resolved.
	batchesInFlightMax = 4
	// holdMax bounds the time that a line waits for answered clients to call again. It waits only
	// if at least holdCallsMin calls were answered, because fewer save little. It never waits for a
	// group larger than holdCallsMax: that many calls cost more than their entry.
	holdMax      = time.Millisecond
	holdCallsMin = 8
	holdCallsMax = 256
	// splitsMax bounds the number of a node's commands that travel in parts at the same time. With
	// several, a command of half a gigabyte does not delay those of half a megabyte.
	splitsMax = 4
	// partBytesMax bounds the total size of commands whose parts have been sent but whose last
	// part is not resolved. The machines keep no more for one node (machine version 2).
	partBytesMax = entry.SplitBytesMax
	// resendAfter is the time for which a sent batch may stay without an outcome before all
	// unresolved batches are sent again.
	resendAfter = 2 * time.Second
	// retryMin is the pause after a refusal. It doubles up to retryMax.
	retryMin = 10 * time.Millisecond
	retryMax = 250 * time.Millisecond
	// refusalBytesMax bounds how much of a leader's reason is passed on to clients.
	refusalBytesMax = 512
	// expiryTick is the interval at which deadlines are checked while anybody waits.
	expiryTick = 50 * time.Millisecond
)

// The leader's committer.
const (
	// inboxBytesMax bounds the forwarded bytes of one node that no entry has taken: one full
	// window of batches, and its repetition after a doubt or two. A node's first batch is always
	// accepted, so nobody is refused because of what others have sent.
	inboxBytesMax = 2 << 20
	// inboxBatchesMax bounds the number of those batches.
	inboxBatchesMax = 256
	// inboxServersMax bounds the servers with forwarded batches. A configuration has fewer
	// servers.
	inboxServersMax = 64
	// transferPause is the time for which a leader that is handing over waits before it proposes
	// again.
	transferPause = 25 * time.Millisecond
	// tickWaitMax bounds the time that a leader sleeps before it checks the earliest deadline
	// again.
	tickWaitMax = time.Minute
	// stallElections is the number of election time-outs for which an entry may wait for commitment
	// before the leader asks another server to stand for election.
	stallElections = 3
	// stallHandOver is the time that one of Raft's disk writes may take before the leader asks
	// another server to stand. Because the disk is only checked periodically, that happens up to
	// half a second later.
	stallHandOver = 1500 * time.Millisecond
	// stallMax is the time that one write to the log may take before a leader gives up its process.
	// Its main loop is blocked and cannot even notice that another server leads.
	stallMax = 10 * time.Second
	// leaveWithin is the time for which a leader that cannot continue looks for an heir before it
	// cuts its connections.
	leaveWithin = 200 * time.Millisecond
	// heirWait is the part of that time in which it waits for entries that are in flight.
	// heirWithin bounds the question whether one heir may lead.
	heirWait   = 100 * time.Millisecond
	heirWithin = 30 * time.Millisecond
	// boundsLooks is the number of times that an entry is looked up again when it is missing
	// although the log's bounds include it. The head of the log may be deleted concurrently.
	boundsLooks = 3
	// stopGrace bounds the time that a stop may continue after its deadline. A stop takes
	// milliseconds, unless the disk does not respond.
	stopGrace = 2 * time.Second
	// stallLook is the interval at which the leader's disk writes and entries are checked.
	// lookLateMax bounds how late a check may be: after a longer pause of this process, earlier
	// evidence does not count.
	stallLook   = 250 * time.Millisecond
	lookLateMax = 2 * stallLook
	// stallLooks is the number of checks in a row that must find the same stall before a leader
	// gives up its process.
	stallLooks = 2
	// slowWrite is the time that each of the last paceWrites writes must have taken for a disk to
	// count as slow; a healthy disk takes a hundredth of that. paceWithin is the maximum age of
	// these writes.
	slowWrite  = 250 * time.Millisecond
	paceWrites = 4
	paceWithin = 30 * time.Second
	// slowFactor is the factor by which a follower must be faster for a slow leader to hand over to
	// it. slowTenure is the time for which that leader must have led: if all disks are slow, nobody
	// hands over.
	slowFactor = 4
	slowTenure = 5 * time.Second
)

// The divergence alarm.
const (
	// digestEveryDefault is the interval at which an entry asks every node for its running hash
	// while entries are being applied. A divergence is found within about that time, and the
	// question costs one byte of an entry that is made anyway.
	digestEveryDefault = time.Second
	// wholeEveryDefault is the interval at which an entry asks for a digest of the whole state. For
	// millions of keys that takes seconds of half a processor.
	wholeEveryDefault = time.Hour
	// capturesMax and wholeCapturesMax bound the digests that are kept for comparison. A node that
	// is a minute behind can still be compared.
	capturesMax      = 64
	wholeCapturesMax = 4
	// digestPauseMax bounds one pause in the computation of a whole digest.
	digestPauseMax = 50 * time.Millisecond
	// digestCallsMax bounds the callers that wait for an entry with a digest request.
	digestCallsMax = 64
)

// Commit notices.
const (
	// noticeDelay is the time that a follower waits for a commit notice that concerns none of its
	// own clients.
	noticeDelay = 200 * time.Microsecond
	// noticeRetryMax is the longest pause before a notice is sent again to a follower that did not
	// have the entry yet.
	noticeRetryMax = 20 * time.Millisecond
)

// Reads.
const (
	// roundRetry is the pause after a failed confirmation round.
	roundRetry = 10 * time.Millisecond
	// lateAfter is the time that the voters that are asked first have to answer before the others
	// are asked too.
	lateAfter = 5 * time.Millisecond
	// roundTimeout is the time that one confirmation round may take before it is started again.
	roundTimeout = time.Second
	// fastReadsMax bounds the number of fast reads that run before a write that waits for the
	// machine gets its turn.
	fastReadsMax = 64
	// questionsMax bounds the questions of other nodes that wait for a round.
	questionsMax = 1024
	// readyWithin is the maximum age of a ready node's last confirmed read. lagMax bounds the time
	// that its machine may take to apply what was confirmed: a ready node lags less than that.
	readyWithin = 2 * time.Second
	lagMax      = time.Second
	// probeEvery bounds the age of the last confirmation on an idle node, which then asks again. By
	// asking, it also notices a leader that answers nothing (Peers.Unanswered). readyLook is the
	// interval at which that age is checked; a late check shows that the process stood still.
	probeEvery = 750 * time.Millisecond
	readyLook  = 250 * time.Millisecond
	// freshStep is the least difference in age for which a newer confirmation is recorded.
	freshStep = time.Millisecond
)

// Snapshots where Config sets no policy.
const (
	// snapshotEntriesDefault is the largest number of entries between two snapshots. A restart
	// applies some 70,000 entries per second.
	snapshotEntriesDefault = 1_000_000
	// Small snapshots are taken after snapshotEntriesMin entries; each further
	// snapshotBytesPerEntry of snapshot size allow one more. A restart reads 67 MB of small keys
	// per second, and applies the entries that this size allows in two seconds.
	snapshotEntriesMin    = 20_000
	snapshotBytesPerEntry = 512
	// snapshotLogBytesDefault is the number of log bytes after which a snapshot of up to that size
	// is taken. A larger one waits until the log has grown by the snapshot's own size.
	snapshotLogBytesDefault = 128 << 20
	// snapshotLogBytesMax bounds that growth, to limit restart time and disk use.
	snapshotLogBytesMax = 2 << 30
	// turnParts divides the interval between two snapshots evenly among up to seven members.
	turnParts               = 420
	snapshotTrailingDefault = 20_000
	// trailingMin is the least number of entries that stay in the log behind a snapshot, however
	// large they are.
	trailingMin = 128
	// snapshotRetryMin is the pause after a failed snapshot. It doubles up to snapshotRetryMax,
	// because a full disk does not empty itself.
	snapshotRetryMin = 5 * time.Second
	snapshotRetryMax = time.Minute
	// installRepeatWithin is the longest time between two installed snapshots of which the second
	// counts as a repetition.
	installRepeatWithin = 10 * time.Minute
	// persistBuffer is the size of the buffer that collects a snapshot's small writes.
	persistBuffer = 1 << 20
)

// cacheLineBytes is the largest cache line of the supported processors.
const cacheLineBytes = 128

// noDeadline stands for "nothing falls due".
const noDeadline = math.MaxInt64

// One entry must hold a node's largest batch, and the leader must be able to continue proposing
// while its machine is one full entry behind.
const (
	_ uint = entry.EntryBytesMax - entry.BatchBytesMax - 64
	_ uint = backlogBytesMax - 2*entry.EntryBytesMax
	_ uint = queueBytesMax - 2*backlogBytesMax
	_ uint = inboxBytesMax - 2*batchesInFlightMax*entry.BatchBytesMax
)
