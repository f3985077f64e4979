package command

import (
	"math"
	"strconv"

	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

var (
	errOverflow     = reply.Err("ERR increment or decrement would overflow")
	errDecrOverflow = reply.Err("ERR decrement would overflow")
	errNaN          = reply.Err("ERR increment would produce NaN or Infinity")
)

// parseInt reads a signed 64-bit decimal that is written in the one way that
// Redis accepts: no sign but "-", no leading zeros, no spaces.
func parseInt(b []byte) (int64, bool) {
	digits := b
	negative := len(b) > 1 && b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 19 {
		return 0, false
	}
	if digits[0] == '0' {
		return 0, len(b) == 1
	}
	var n uint64
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + uint64(d-'0') // 19 digits fit
	}
	if negative {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n <= math.MaxInt64
}

func incrCommand(c *Context) reply.Value { return c.increment(1) }

func decrCommand(c *Context) reply.Value { return c.increment(-1) }

func incrbyCommand(c *Context) reply.Value {
	by, ok := parseInt(c.Args[2])
	if !ok {
		return errNotInteger
	}
	return c.increment(by)
}

func decrbyCommand(c *Context) reply.Value {
	by, ok := parseInt(c.Args[2])
	switch {
	case !ok:
		return errNotInteger
	case by == math.MinInt64:
		return errDecrOverflow
	}
	return c.increment(-by)
}

// increment adds by to the integer at the first argument, which begins as 0.
func (c *Context) increment(by int64) reply.Value {
	next := keyspace.Draft{Key: c.Args[1], Encoding: keyspace.Int}
	var n int64
	if o := c.object(c.Args[1]); o != nil {
		var ok bool
		if n, ok = parseInt(o.Str()); !ok {
			return errNotInteger
		}
		next.DeadlineMS = o.DeadlineMS()
	}
	if by > 0 && n > math.MaxInt64-by || by < 0 && n < math.MinInt64-by {
		return errOverflow
	}
	next.Str = strconv.AppendInt(c.digits[:0], n+by, 10)
	c.put(next)
	return reply.Int(n + by)
}
