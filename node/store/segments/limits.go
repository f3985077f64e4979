package segments

import "time"

const (
	// entryBytesMax bounds an encoded entry, as in raft-wal. A larger length is invalid.
	entryBytesMax = 64 << 20
	// segmentBytesFirstRelease is the size of the first release's segments, which it fills with
	// zeros. They are the largest files that are read at once.
	segmentBytesFirstRelease = 64 << 20
	// segmentBytes is the size of the smallest segment. segmentBytesSpread bounds what a server's
	// name adds to it, so that servers with the same log rotate it at different entries. Segments
	// are small enough that a spare is made in a moment.
	segmentBytes       = 14 << 20
	segmentBytesSpread = 4 << 20
	// segmentBytesStep divides every segment size. It is a multiple of the page size.
	segmentBytesStep = 64 << 10

	// zeroBytes is the number of bytes that one write zeroes: a page.
	zeroBytes = 4 << 10
	// spareChunkBytes is the amount of a spare that is zeroed and synced at a time. It is small, so
	// that an entry that is stored meanwhile waits for no more than that.
	spareChunkBytes = 256 << 10
	// sparePauseMin and sparePauseShare slow the making of a spare down. After each chunk it
	// pauses for at least sparePauseMin, and for sparePauseShare times as long as the chunk took.
	sparePauseMin   = time.Millisecond
	sparePauseShare = 1
	// spareRoomBytes is the space that must be free, besides the spare itself, for a spare to be
	// made.
	spareRoomBytes = 256 << 20

	// spareAtShare says when a spare for the next segment is made: once a segment is
	// 1/spareAtShare full.
	spareAtShare = 4

	// behindWorkMax bounds the search for whole batches in what a crash has torn. The search reads
	// at most this many times the torn length.
	behindWorkMax = 64

	// metaLockWait bounds the wait for the lock on wal-meta.db, which only a process that ignores
	// the data directory's own lock can hold.
	metaLockWait = time.Second
)
