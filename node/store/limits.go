package store

import "time"

const (
	// snapshotsKept is how many verified snapshots stay: the newest, and one to
	// fall back to should the newest turn out to be damaged.
	snapshotsKept = 2
	// lockWait is how long a process that was killed may take to let go of the
	// directory, and lockRetry the pause between two tries.
	lockWait  = time.Second
	lockRetry = 20 * time.Millisecond
	// boltLockWait bounds the wait for raft.db's own lock, which can only be held
	// by something that ignores ours.
	boltLockWait = time.Second
	// incarnationBytes is the randomness of an incarnation: enough that no two
	// directories ever share one.
	incarnationBytes = 16
	// identityBytesMax bounds the file that is read at start; the largest part of
	// it is the list of a first configuration.
	identityBytesMax = 1 << 20
	// voteRecordBytes is the size of the vote file: one sector.
	voteRecordBytes = 512
	// presenceLook is how often a directory in use looks whether its files are
	// still there: two looks in a row must find the same.
	presenceLook = time.Second
)
