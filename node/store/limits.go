package store

import "time"

const (
	// snapshotsKept is how many verified snapshots stay. The log never reaches
	// back to an older one: keeping what makes that a fallback would keep two
	// snapshots and twice the log.
	snapshotsKept = 1
	// snapshotSyncBytes is how much of a snapshot is written before it has to go to the
	// disk: the log's own syncs wait behind no more than that (20 ms at 200 MB/s).
	snapshotSyncBytes = 4 << 20
	// snapshotPauseMax bounds the pause that follows where the disk did not keep up: the
	// disk belongs to the log meanwhile.
	snapshotPauseMax = 50 * time.Millisecond
	// snapshotReserveBytes is what a snapshot leaves of the free space: some segments
	// of the log, and the spare one.
	snapshotReserveBytes = 128 << 20
	// metaBytesMax bounds the description of a snapshot that is read; the largest
	// part of it is the list of the members.
	metaBytesMax = 1 << 20
	// checkBuffer gathers the reads of a snapshot that is being checked.
	checkBuffer = 256 << 10
	// lockWait is how long a process that was killed may take to let go of the
	// directory, and lockRetry the pause between two tries.
	lockWait  = time.Second
	lockRetry = 20 * time.Millisecond
	// boltLockWait bounds the wait for raft.db's own lock, which can only be held
	// by something that ignores ours.
	boltLockWait = time.Second
	// firstSegmentBytes is the size of a new log's first segment. It is zeroed at the first
	// start, which waits for it; the later ones are made ready beside the traffic.
	firstSegmentBytes = 4 << 20
	// incarnationBytes is the randomness of an incarnation: enough that no two
	// directories ever share one.
	incarnationBytes = 16
	// spareStepBytes is in what steps space is set aside for the next identity,
	// two more than the last one needed: the unit of most file systems.
	spareStepBytes = 4096
	// identityBytesMax bounds the file that is read at start; the largest part of
	// it is the list of a first configuration.
	identityBytesMax = 1 << 20
	// voteRecordBytes is the size of the vote file: one sector.
	voteRecordBytes = 512
	// presenceLook is how often a directory in use looks whether its files are
	// still there: two looks in a row must find the same.
	presenceLook = time.Second

	// termsAheadMax is by how many terms raft.db may be ahead of the vote file.
	termsAheadMax = 1 << 32
)
