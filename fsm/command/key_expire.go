package command

import (
	"math"

	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

func expireCommand(c *Context) reply.Value    { return c.expire(c.NowMS, 1000) }
func pexpireCommand(c *Context) reply.Value   { return c.expire(c.NowMS, 1) }
func expireatCommand(c *Context) reply.Value  { return c.expire(0, 1000) }
func pexpireatCommand(c *Context) reply.Value { return c.expire(0, 1) }

// expireOptions are the conditions of EXPIRE and its kin.
type expireOptions struct{ nx, xx, gt, lt bool }

func parseExpireOptions(args [][]byte) (o expireOptions, refused reply.Value) {
	for _, arg := range args {
		switch {
		case is(arg, "nx"):
			o.nx = true
		case is(arg, "xx"):
			o.xx = true
		case is(arg, "gt"):
			o.gt = true
		case is(arg, "lt"):
			o.lt = true
		default:
			return o, errorf("ERR Unsupported option %s", printed(arg, len(arg)))
		}
	}
	if o.nx && (o.xx || o.gt || o.lt) {
		return o, reply.Err("ERR NX and XX, GT or LT options at the same time are not compatible")
	}
	if o.gt && o.lt {
		return o, reply.Err("ERR GT and LT options at the same time are not compatible")
	}
	return o, reply.Value{}
}

// allow reports whether a deadline (0 for none) may become nextMS.
func (o expireOptions) allow(deadlineMS, nextMS int64) bool {
	has := deadlineMS != 0
	return !(o.nx && has) && !(o.xx && !has) &&
		!(o.gt && (!has || nextMS <= deadlineMS)) && !(o.lt && has && nextMS >= deadlineMS)
}

// expire sets the deadline to the second argument, in units of unitMS, from baseMS on.
func (c *Context) expire(baseMS, unitMS int64) reply.Value {
	opts, refused := parseExpireOptions(c.Args[3:])
	if refused.IsError() {
		return refused
	}
	when, ok := parseInt(c.Args[2])
	if !ok {
		return errNotInteger
	}
	if when > math.MaxInt64/unitMS || when < math.MinInt64/unitMS || when*unitMS > math.MaxInt64-baseMS {
		return c.expireTimeError()
	}
	when = when*unitMS + baseMS
	o := c.object(c.Args[1])
	if o == nil || !opts.allow(o.DeadlineMS(), when) {
		return reply.Int(0)
	}
	if when <= c.NowMS {
		c.Keys.Delete(c.DB, c.Args[1])
		return reply.Int(1)
	}
	next := o.Draft()
	next.DeadlineMS = when
	c.put(next)
	return reply.Int(1)
}

func persistCommand(c *Context) reply.Value {
	o := c.object(c.Args[1])
	if o == nil || o.DeadlineMS() == 0 {
		return reply.Int(0)
	}
	next := o.Draft()
	next.DeadlineMS = 0
	c.put(next)
	return reply.Int(1)
}

func ttlCommand(c *Context) reply.Value  { return c.lifetimeLeft(c.leftMS, 1000) }
func pttlCommand(c *Context) reply.Value { return c.lifetimeLeft(c.leftMS, 1) }

func expiretimeCommand(c *Context) reply.Value {
	return c.lifetimeLeft((*keyspace.Object).DeadlineMS, 1000)
}
func pexpiretimeCommand(c *Context) reply.Value {
	return c.lifetimeLeft((*keyspace.Object).DeadlineMS, 1)
}

// leftMS returns the time that an object with a deadline has left, at least 1 while it is there.
func (c *Context) leftMS(o *keyspace.Object) int64 { return max(o.DeadlineMS()-c.NowMS, 1) }

// lifetimeLeft answers what of says of the object in units of unitMS, rounded
// to the nearest; -1 without a deadline, -2 without the key.
func (c *Context) lifetimeLeft(of func(*keyspace.Object) int64, unitMS int64) reply.Value {
	o := c.lookup(c.Args[1])
	switch {
	case o == nil:
		return reply.Int(-2)
	case o.DeadlineMS() == 0:
		return reply.Int(-1)
	}
	ms := of(o)
	rounded := ms / unitMS
	if ms%unitMS*2 >= unitMS && unitMS > 1 {
		rounded++
	}
	return reply.Int(rounded)
}
