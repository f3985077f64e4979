package fsm

import "github.com/kvorum/kvorum/fsm/entry"

// Limits of the machine. Those that shape the state are the same on every
// node: changing one changes how old entries apply, and needs a new version
// (version.go).
const (
	// digestStride is after how many objects a digest asks whether to go on.
	digestStride = 4096

	// purgeMax bounds how many objects past their deadline one entry removes,
	// so that an instant with a million due keys delays no entry by more than
	// about a millisecond.
	purgeMax = 1000

	// storedBytesMax bounds the replies that are kept for one session, from the
	// oldest on; a batch whose replies are no longer kept is Forgotten.
	storedBytesMax = 4 << 20

	// storedOverhead is what a kept batch counts beside its replies, so that
	// empty ones are bounded too.
	storedOverhead = 256

	// partsBytesMax bounds the parts that one session has under way.
	partsBytesMax = entry.SplitBytesMax

	// announcedBytesMax bounds the bytes of the bodies that one session has under way,
	// as their first parts announce them: a last part may be smaller. unfinishedMax
	// bounds their number (both from version 2 on).
	announcedBytesMax = partsBytesMax + unfinishedMax*entry.PartBytesMax
	unfinishedMax     = 64

	// partsIdleMS is how long, by the machine's clock, parts stay to which none is
	// added (from version 2 on).
	partsIdleMS = 60_000

	// scratchKept bounds the buffer in which replies are encoded between entries.
	scratchKept = 1 << 20

	// sessionsMax bounds the sessions, servers and settings that a snapshot may claim.
	sessionsMax = 4096
)
