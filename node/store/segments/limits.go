package segments

import "time"

const (
	// entryBytesMax bounds an encoded entry, as raft-wal does: a length beyond it
	// is no length.
	entryBytesMax = 64 << 20
	// segmentBytesFirstRelease is the size of the first release's segments, which it
	// fills with zeros: the largest that are read at once.
	segmentBytesFirstRelease = 64 << 20
	// segmentBytes is the size of the smallest segment, and segmentBytesSpread what
	// a server's name may add, so that servers with the same log rotate it at
	// different entries. Small enough that a spare is made in a moment.
	segmentBytes       = 14 << 20
	segmentBytesSpread = 4 << 20
	// segmentBytesStep is what sizes are multiples of: a page, and more.
	segmentBytesStep = 64 << 10

	// zeroBytes is how much is zeroed by one write: a page.
	zeroBytes = 4 << 10
	// spareChunkBytes is how much of a spare is zeroed and synced at a time: little, so
	// that an entry that is stored meanwhile waits for no more than that.
	spareChunkBytes = 256 << 10
	// sparePauseMin and sparePauseShare slow a spare down: after each chunk it rests
	// that long at least, and that many times as long as the chunk took.
	sparePauseMin   = time.Millisecond
	sparePauseShare = 1
	// spareRoomBytes must be free, besides the spare, for one to be made.
	spareRoomBytes = 256 << 20

	// spareAtShare: once this part of a segment is written, a spare for the next is made.
	spareAtShare = 4

	// behindWorkMax is how many times the length of what a crash has torn may be read in
	// the search for whole batches in it.
	behindWorkMax = 64

	// metaLockWait bounds the wait for the lock on wal-meta.db, which can only be held by
	// something that ignores the data directory's own.
	metaLockWait = time.Second
)
