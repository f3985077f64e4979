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

func incrbyfloatCommand(c *Context) reply.Value {
	sum, by := newLongDouble(), newLongDouble()
	next := keyspace.Draft{Key: c.Args[1], Keep: true}
	if o := c.object(c.Args[1]); o != nil {
		next.DeadlineMS = o.DeadlineMS()
		if !parseLongDouble(sum, o.Str()) {
			return errNotFloat
		}
	}
	if !parseLongDouble(by, c.Args[2]) {
		return errNotFloat
	}
	if sum.IsInf() || by.IsInf() {
		return errNaN
	}
	sum.Add(sum, by)
	if sum.MantExp(nil) > longDoubleExpMax {
		return errNaN
	}
	next.Str = printLongDouble(sum)
	next.Encoding = textEncoding(next.Str)
	c.put(next)
	return reply.Bytes(next.Str)
}
