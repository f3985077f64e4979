package store

import "time"

const (
	// snapshotsKept is the number of verified snapshots that are kept. The log never reaches back
	// to an older one. To make an older one a usable fallback, twice the log would have to be kept
	// as well.
	snapshotsKept = 1
	// snapshotSyncBytes is the amount of a snapshot that is written before it is sent to the disk.
	// The log's own syncs wait behind no more than that (20 ms at 200 MB/s).
	snapshotSyncBytes = 4 << 20
	// snapshotPauseMax bounds the pause after each such piece if the disk did not keep up. During
	// the pause the disk belongs to the log.
	snapshotPauseMax = 50 * time.Millisecond
	// snapshotReserveBytes is the free space that a snapshot must leave: some segments of the log,
	// and the spare one.
	snapshotReserveBytes = 128 << 20
	// metaBytesMax bounds the size of a snapshot's description. The largest part of it is the list
	// of the members.
	metaBytesMax = 1 << 20
	// checkBuffer is the size of the read buffer for checking a snapshot.
	checkBuffer = 256 << 10
	// lockWait bounds the time that a killed process may take to release the directory. lockRetry
	// is the pause between two attempts to lock it.
	lockWait  = time.Second
	lockRetry = 20 * time.Millisecond
	// boltLockWait bounds the wait for raft.db's own lock, which only a process that ignores our
	// lock can hold.
	boltLockWait = time.Second
	// firstSegmentBytes is the size of a new log's first segment. The first start waits while it
	// is zeroed; later segments are prepared while traffic goes on.
	firstSegmentBytes = 4 << 20
	// incarnationBytes is the number of random bytes in an incarnation: enough that no two
	// directories ever share one.
	incarnationBytes = 16
	// spareStepBytes is the step in which space is reserved for the next identity, always two
	// steps more than the last identity needed. It is the allocation unit of most file systems.
	spareStepBytes = 4096
	// identityBytesMax bounds the identity file that is read at start. The largest part of it is
	// the list of a first configuration.
	identityBytesMax = 1 << 20
	// voteRecordBytes is the size of the vote file: one sector.
	voteRecordBytes = 512
	// presenceLook is the interval at which a directory in use is checked for missing files. Two
	// checks in a row must find the same.
	presenceLook = time.Second

	// termsAheadMax bounds the number of terms by which raft.db may be ahead of the vote file.
	termsAheadMax = 1 << 32
)
