package node

import "time"

// hold keeps a line back for a moment in which more calls are likely to come:
// clients whose calls were just answered, or are about to be, send again one by
// one, and would be parted into groups each of which costs as much as a full one.
//
// Who is woken, and by whom:
//   - the sender of a line (run, or the committer while this node leads) asks for
//     how long it is held, and if it is, sets a timer and counts as timed;
//   - a call that comes wakes the sender unless the line is held and the sender
//     is timed; so while calls wait, the sender has been woken or has a timer;
//   - nothing makes a hold end earlier but calls that come, and it ends holdMax
//     after the last answer in any case.
type hold struct {
	want  int       // with so many calls the line is not held
	until time.Time // nor after this
	timed bool      // the sender looks again by itself, soon enough
}

// expect says that calls were answered, or are about to be, while others waited.
func (h *hold) expect(answered, waiting int, now time.Time) {
	if now.After(h.until) {
		h.want = 0
	}
	if answered < holdCallsMin {
		return
	}
	group := min(waiting+answered, holdCallsMax)
	h.want = max(h.want, group-group/8)
	h.until = now.Add(holdMax)
}

// left is for how long a line of so many calls is held at most, 0 for not at all.
func (h *hold) left(waiting int, now time.Time) time.Duration {
	if waiting >= h.want {
		return 0
	}
	return max(h.until.Sub(now), 0)
}

// end forgets what was expected.
func (h *hold) end() { *h = hold{} }
