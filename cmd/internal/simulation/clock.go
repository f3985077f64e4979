package simulation

import (
	"sync/atomic"
	"time"
)

// Clock is a server's wall clock: the bubble's time plus a skew, which may jump.
type Clock struct {
	skew     atomic.Int64
	readings atomic.Int64
}

// Now implements node.Clock. Its time has no monotonic reading, so that jumps show.
func (c *Clock) Now() time.Time {
	c.readings.Add(1)
	return time.Now().Round(0).Add(time.Duration(c.skew.Load()))
}

// Readings returns how often the clock was read.
func (c *Clock) Readings() int64 { return c.readings.Load() }

// Skew sets how far the clock is off.
func (c *Clock) Skew(d time.Duration) { c.skew.Store(int64(d)) }
