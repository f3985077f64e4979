package node

import "time"

// hold delays a line for a moment in which more calls are likely to come. Clients whose calls were
// just answered, or are about to be, send again one by one. Without the delay they would be split
// into small groups, each of which costs as much as a full one.
//
// Who wakes whom:
//   - The sender of a line (run, or the committer while this node leads) asks how
//     long the line is held. If it is held, the sender sets a timer and counts as
//     timed.
//   - A call that arrives wakes the sender, unless the line is held and the sender
//     is timed. So while calls wait, the sender has been woken or has a timer.
//   - Only arriving calls end a hold early. It ends at the latest holdMax after the
//     last answer.
type hold struct {
	want  int       // with this many calls the line is not held
	until time.Time // the line is not held after this
	timed bool      // the sender will look again by itself, soon enough
}

// expect records that calls were answered, or are about to be, while others waited.
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

// left returns how much longer a line of this many calls may be held; 0 if it is not held.
func (h *hold) left(waiting int, now time.Time) time.Duration {
	if waiting >= h.want {
		return 0
	}
	return max(h.until.Sub(now), 0)
}

// end forgets what was expected.
func (h *hold) end() { *h = hold{} }
