package node

import (
	"math"
	"time"

	"github.com/kvorum/kvorum/fsm/entry"
)

// Raft's time-outs where Config gives none.
const (
	// heartbeatDefault is at least 1 s since heartbeats take Raft's main loop
	// and wait there behind an fsync; the leader's lease equals it.
	heartbeatDefault = time.Second
	// commitDefault is how long an idle leader waits before it tells the commit
	// index again, if a commit notice was lost; it is what an idle node costs.
	commitDefault = 500 * time.Millisecond
	// writeTimeoutDefault is how long a client waits while nothing of its node's writes
	// is applied.
	writeTimeoutDefault = 5 * time.Second
)

// Raft's sizes.
const (
	// appendEntriesMax bounds the entries of one AppendEntries: 8 MiB at most,
	// which a follower stores between two heartbeats.
	appendEntriesMax = 16
	// logCacheEntries are kept in memory for followers that are a little behind:
	// 32 MiB at most.
	logCacheEntries = 64
	// deleteEntries are deleted from the log's head at once.
	deleteEntries = 512
	// rpcTimeout bounds one call to a peer, a snapshot's by its size. It is two
	// heartbeats: a cut link is tried again soon after it has healed.
	rpcTimeout = 2 * time.Second
	// preVoteHold is how long a pre-vote is held at most: a little shorter than its sender
	// waits, who asks again after an election time-out, which is no longer than that.
	preVoteHold = rpcTimeout - 100*time.Millisecond
	// silenceMax is how long a peer may be silent in the midst of a call: a leader
	// that stands still while it sends a snapshot would hold Raft's main loop here,
	// and with it every vote, for as long as it does.
	silenceMax = 3 * time.Second
	// deafMax is how long a peer that is called may take nothing of a snapshot.
	deafMax = 10 * time.Second
	// connectionsPerPeer are kept open: heartbeats, entries, and what
	// is sent beside Raft: notices, entries that are still being stored.
	connectionsPerPeer = 3
	// earlyAnswerMax is how old the answer to a message may be that was sent while its
	// entries were still being stored: Raft takes an answer for a sign of life.
	earlyAnswerMax = 100 * time.Millisecond
	// leadsLook is how often entries that wait for a lost follower look whether
	// this node still leads.
	leadsLook = 100 * time.Millisecond
	// leadershipEvents is more than Raft can send while one entry is in flight.
	leadershipEvents = 64
	// transferRearm is how many calls a follower has to answer after a transfer
	// to it that failed, before it is tried again in the same term.
	transferRearm = 32
	// repeatAfter is how long a warning of Raft's is not repeated.
	repeatAfter = 10 * time.Second
	// departedEvery is how often a node looks for servers that have left the
	// configuration; each look spares those that have left since the one before.
	departedEvery = 10 * time.Second
	// rpcWait is how long membership calls wait for Raft to take them.
	rpcWait = 5 * time.Second
)

// Who leads, beside Raft's own time-outs.
const (
	// goneLooks is how often a server whose connection has ended is looked for,
	// with goneLookPause before the second time and double the one before after
	// that: a process that is being ended may still take connections for a moment.
	goneLooks     = 6
	goneLookPause = 10 * time.Millisecond
	// goneLookWithin bounds one look. Where a host is gone nobody refuses, and
	// Raft's time-outs decide.
	goneLookWithin = 200 * time.Millisecond
	// refusedFor is how long it counts that a port has refused.
	refusedFor = 500 * time.Millisecond
	// portLooksMax bounds the questions of others for which a port is looked at.
	portLooksMax = 8
	// standLook is how often it is looked, while the main loop does not take that message,
	// whether another election has begun.
	standLook = 5 * time.Millisecond
	// standWithin is how long Raft's main loop may take to take the message by which
	// this node stands: later, another may lead.
	standWithin = 100 * time.Millisecond
	// joinBeats is how many beats of an idle leader a heartbeat of Raft's waits for.
	joinBeats = 2
	// busyFor is how long after an entry a leader counts as busy.
	busyFor = time.Second
	// toldFor is how long it counts what a voter has told of its disk.
	toldFor = time.Second
	// abstainLook is how often a server that must not lead looks at what this
	// means now.
	abstainLook = 250 * time.Millisecond
	// abstainPatience is how long there may be no leader before such a server
	// stands in: several elections.
	abstainPatience = 5 * time.Second
	// askNeverLeads bounds the question whether a server may lead.
	askNeverLeads = 500 * time.Millisecond
)

// The apply worker.
const (
	// queueBytesMax bounds what is committed and not yet applied: above it
	// Raft's apply goroutine waits.
	queueBytesMax = 64 << 20
	// backlogEntriesMax and backlogBytesMax are where a leader stops proposing
	// until its own machine has caught up.
	backlogEntriesMax = 64
	backlogBytesMax   = 8 << 20
)

// This process's session.
const (
	// batchesInFlightMax bounds the batches sent to another node and not resolved.
	batchesInFlightMax = 4
	// holdMax is how long a line waits, after calls were answered, for their clients
	// to call again, if at least holdCallsMin were: fewer save little. It does not wait
	// for a group larger than holdCallsMax: its calls cost more than their entry.
	holdMax      = time.Millisecond
	holdCallsMin = 8
	holdCallsMax = 256
	// splitsMax is how many commands of a node travel in parts at a time: several, so
	// that one of half a gigabyte does not keep those of half a megabyte waiting.
	splitsMax = 4
	// partBytesMax bounds the commands of which parts were sent and the last is not
	// resolved: the machines keep no more of a node's (machine version 2).
	partBytesMax = entry.SplitBytesMax
	// resendAfter is how long a sent batch may stay without an outcome before
	// everything unresolved is sent again.
	resendAfter = 2 * time.Second
	// retryMin is the pause after a refusal; it doubles up to retryMax.
	retryMin = 10 * time.Millisecond
	retryMax = 250 * time.Millisecond
	// refusalBytesMax bounds what clients are told of a leader's reason.
	refusalBytesMax = 512
	// expiryTick is how often deadlines are looked at while somebody waits.
	expiryTick = 50 * time.Millisecond
)

// The leader's committer.
const (
	// inboxBytesMax bounds what a node has forwarded and no entry has taken: what it
	// sends at a time, and sends again after a doubt or two. Its first batch is taken
	// in any case, so that nobody is refused for what others have sent.
	inboxBytesMax = 2 << 20
	// inboxBatchesMax bounds their number.
	inboxBatchesMax = 256
	// inboxServersMax bounds the servers that have forwarded something: a
	// configuration has fewer.
	inboxServersMax = 64
	// transferPause is how long a leader that is handing over waits before it
	// proposes again.
	transferPause = 25 * time.Millisecond
	// tickWaitMax is how long a leader sleeps before it looks at the earliest
	// deadline again.
	tickWaitMax = time.Minute
	// stallElections is how many election time-outs an entry may wait to be
	// committed before the leader has another stand for election.
	stallElections = 3
	// stallHandOver is how long one write of Raft's may take before the leader has
	// another stand for election; its looks have it stand half a second later at most.
	stallHandOver = 1500 * time.Millisecond
	// stallMax is how long one write to the log may take before a leader gives up its
	// process: its main loop cannot even notice that another leads.
	stallMax = 10 * time.Second
	// leaveWithin is how long a leader that cannot go on looks for an heir before it
	// cuts its connections.
	leaveWithin = 200 * time.Millisecond
	// heirWait is how much of that it waits for entries that are under way, and
	// heirWithin for one heir's word that it may lead.
	heirWait   = 100 * time.Millisecond
	heirWithin = 30 * time.Millisecond
	// boundsLooks is how often an entry is looked for that is not there although the
	// log reaches before and behind it: a head may be deleted meanwhile.
	boundsLooks = 3
	// stopGrace is how long a stop may take after its time is over: it takes
	// milliseconds, unless the disk does not answer.
	stopGrace = 2 * time.Second
	// stallLook is how often that is looked at, and lookLateMax how late a look
	// may be: after a longer pause of this process nothing counts that was before.
	stallLook   = 250 * time.Millisecond
	lookLateMax = 2 * stallLook
	// stallLooks is how many looks in a row must find the same before a leader
	// gives up its process.
	stallLooks = 2
	// slowWrite is how long each of the last paceWrites writes must have taken for a
	// disk to be slow: a healthy one takes a hundredth. paceWithin is how old they
	// may be.
	slowWrite  = 250 * time.Millisecond
	paceWrites = 4
	paceWithin = 30 * time.Second
	// slowFactor is how many times as fast a follower must be for a slow leader
	// to hand over to it, and slowTenure how long that leader must have led: where
	// all disks are slow, nobody hands over.
	slowFactor = 4
	slowTenure = 5 * time.Second
)

// The divergence alarm.
const (
	// digestEveryDefault is how often an entry asks every node for its running
	// hash, while anything is applied at all: a difference is found within
	// about as long, and the question is one byte of an entry that is made anyway.
	digestEveryDefault = time.Second
	// wholeEveryDefault is how often it asks for a digest of the whole state,
	// which takes seconds of half a processor for millions of keys.
	wholeEveryDefault = time.Hour
	// capturesMax and wholeCapturesMax bound what is kept to be compared: a node
	// that is a minute behind can still be.
	capturesMax      = 64
	wholeCapturesMax = 4
	// digestPauseMax bounds a pause of the computation of a whole digest.
	digestPauseMax = 50 * time.Millisecond
	// digestCallsMax bounds those who wait for an entry that asks for a digest.
	digestCallsMax = 64
)

// Commit notices.
const (
	// noticeDelay is how long a follower waits for the news of a commit that
	// concerns no client of its own.
	noticeDelay = 200 * time.Microsecond
	// noticeRetryMax is the longest pause before a notice is tried again at a
	// follower that did not have the entry yet.
	noticeRetryMax = 20 * time.Millisecond
)

// Reads.
const (
	// roundRetry is the pause after a confirmation that failed.
	roundRetry = 10 * time.Millisecond
	// lateAfter is how long the voters asked first have before the others are
	// asked too.
	lateAfter = 5 * time.Millisecond
	// roundTimeout is how long one confirmation may take before it is asked again.
	roundTimeout = time.Second
	// fastReadsMax is how many fast reads may run before a write that waits for
	// the machine gets in between.
	fastReadsMax = 64
	// questionsMax bounds the questions of other nodes that wait for a round.
	questionsMax = 1024
	// readyWithin is how old the last confirmed read of a ready node may be, and lagMax
	// how long its machine may have taken to get there: the lag is below that.
	readyWithin = 2 * time.Second
	lagMax      = time.Second
	// probeEvery bounds its age at an idle node, which then asks again (and notices so that
	// the leader answers nothing, Peers.Unanswered); every readyLook
	// that is looked at; a look that is late shows that the process stood still.
	probeEvery = 750 * time.Millisecond
	readyLook  = 250 * time.Millisecond
	// freshStep is how much newer a confirmation has to be to be taken note of.
	freshStep = time.Millisecond
)

// Snapshots where Config gives no policy.
const (
	// snapshotEntriesDefault is after how many entries a snapshot is taken at the
	// latest: a restart applies some 70,000 a second.
	snapshotEntriesDefault = 1_000_000
	// snapshotEntriesMin is after how many a snapshot is taken that is small; each
	// further snapshotBytesPerEntry of its size allow one more. A restart reads
	// 67 MB of small keys a second, and applies as many entries in two.
	snapshotEntriesMin    = 20_000
	snapshotBytesPerEntry = 512
	// snapshotLogBytesDefault is after how many bytes of entries a snapshot is
	// taken that is no larger than that; a larger one waits for as many as it has.
	snapshotLogBytesDefault = 128 << 20
	// snapshotLogBytesMax bounds that, for the sake of restarts and of the disk.
	snapshotLogBytesMax = 2 << 30
	// turnParts divides an interval between two snapshots evenly among up to
	// seven members.
	turnParts               = 420
	snapshotTrailingDefault = 20_000
	// trailingMin is how many entries stay behind a snapshot, however large.
	trailingMin = 128
	// snapshotRetryMin is the pause after a snapshot that failed; it doubles up to
	// snapshotRetryMax, since a full disk does not empty itself.
	snapshotRetryMin = 5 * time.Second
	snapshotRetryMax = time.Minute
	// installRepeatWithin is how soon after another an installed snapshot counts
	// as a repetition.
	installRepeatWithin = 10 * time.Minute
	// persistBuffer gathers a snapshot's small writes.
	persistBuffer = 1 << 20
)

// cacheLineBytes is how many bytes processors fetch together, at most.
const cacheLineBytes = 128

// noDeadline stands for "nothing falls due".
const noDeadline = math.MaxInt64

// One entry must hold a node's fullest batch, and the leader must be able to
// go on proposing while its machine is one full entry behind.
const (
	_ uint = entry.EntryBytesMax - entry.BatchBytesMax - 64
	_ uint = backlogBytesMax - 2*entry.EntryBytesMax
	_ uint = queueBytesMax - 2*backlogBytesMax
	_ uint = inboxBytesMax - 2*batchesInFlightMax*entry.BatchBytesMax
)
