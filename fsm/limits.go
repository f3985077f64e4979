package fsm

import "github.com/kvorum/kvorum/fsm/entry"

// Limits of the machine. Those that shape the state are the same on every node. Changing
// one changes how old entries apply, so it needs a new machine version (version.go).
const (
	// digestStride is the number of objects after which a digest asks again whether to go on.
	digestStride = 4096

	// purgeMax bounds how many expired objects one entry removes, so that a million
	// keys that expire at the same instant delay no entry by more than about a
	// millisecond.
	purgeMax = 1000

	// storedBytesMax bounds the replies that are kept for one session. The oldest are
	// dropped first; a batch whose replies were dropped is Forgotten.
	storedBytesMax = 4 << 20

	// storedOverhead is added to the size of each kept batch's replies, so that the
	// number of empty ones is bounded too.
	storedOverhead = 256

	// partsBytesMax bounds the parts of a session's unfinished command (version 1), and
	// the memory that is allocated at once for a body.
	partsBytesMax = entry.SplitBytesMax

	// announcedBytesMax bounds the sum of a session's unfinished bodies, as their first
	// parts announce them. The real sum may be lower, because a last part may be smaller.
	// unfinishedMax bounds their number. Both apply from version 2 on.
	announcedBytesMax = partsBytesMax + unfinishedMax*entry.PartBytesMax
	unfinishedMax     = 64

	// partsIdleMS is the time, by the machine's clock, for which an unfinished body is kept without
	// a new part (from version 2 on).
	partsIdleMS = 60_000

	// scratchKept bounds the encoding buffer for replies that is kept between entries.
	scratchKept = 1 << 20

	// sessionsMax bounds the sessions, and likewise the servers, that a snapshot may claim.
	sessionsMax = 4096
)
