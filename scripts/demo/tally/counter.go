// Package tally holds what clients have seen against what a store has in the
// end: what was acknowledged, found, lost and doubled, and when nothing was.
package tally

import (
	"fmt"
	"sync"
)

// Verdict says what became of the writes of a run.
type Verdict struct {
	Acknowledged int64 // answered with success
	Found        int64 // writes that the store has in the end
	Lost         int64 // acknowledged, and not there
	Doubled      int64 // there more often than they were sent
	Unknown      int64 // sent, with no certain answer: may be there or not
	Refused      int64 // answered that it was not done, and not sent again
}

// Kept reports whether nothing was lost or doubled.
func (v Verdict) Kept() bool { return v.Lost == 0 && v.Doubled == 0 }

func (v Verdict) String() string {
	return fmt.Sprintf("acknowledged %d, found %d, lost %d, doubled %d (unknown outcome %d, refused %d)",
		v.Acknowledged, v.Found, v.Lost, v.Doubled, v.Unknown, v.Refused)
}

// Counter judges one key that many clients count up with INCR. Every answer is
// a number, and the same number twice means that one of the two was lost.
type Counter struct {
	mu               sync.Mutex
	answered         map[int64]struct{}
	acked, largest   int64
	unknown, refused int64
}

// NewCounter judges a key that is not there yet.
func NewCounter() *Counter { return &Counter{answered: map[int64]struct{}{}} }

// Acked counts a write that was answered with a number.
func (c *Counter) Acked(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked++
	c.largest = max(c.largest, n)
	c.answered[n] = struct{}{}
}

// Unknown counts a write that may have happened or not.
func (c *Counter) Unknown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unknown++
}

// Refused counts a write that has not happened.
func (c *Counter) Refused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused++
}

// Largest is the largest number that was answered: no later read may show less.
func (c *Counter) Largest() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.largest
}

// Verdict judges the number that the key holds in the end; what it counts as
// yet is what the clients have seen up to now.
func (c *Counter) Verdict(found int64) Verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	var kept int64 // numbers that were answered and are within what was found
	for n := range c.answered {
		if 1 <= n && n <= found {
			kept++
		}
	}
	return Verdict{
		Acknowledged: c.acked,
		Found:        found,
		Lost:         c.acked - kept,
		Doubled:      max(0, found-kept-c.unknown), // counted, and nobody's
		Unknown:      c.unknown,
		Refused:      c.refused,
	}
}
