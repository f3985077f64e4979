package command

import (
	"math"

	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

// lifetime says what SET and GETEX do to a deadline.
type lifetime uint8

const (
	lifetimeUnset lifetime = iota
	lifetimeKeep
	lifetimePersist
	lifetimeEX
	lifetimePX
	lifetimeEXAT
	lifetimePXAT
)

// timed reports whether a time follows the option.
func (l lifetime) timed() bool { return l >= lifetimeEX }

// absolute reports whether that time is a Unix time.
func (l lifetime) absolute() bool { return l >= lifetimeEXAT }

// setOptions are the options of SET and GETEX.
type setOptions struct {
	nx, xx, get bool
	lifetime    lifetime
	time        []byte
}

// parseSetOptions reads what follows from the argument at first on; false is a syntax error.
func parseSetOptions(args [][]byte, first int, getex bool) (setOptions, bool) {
	var o setOptions
	for i := first; i < len(args); i++ {
		arg := args[i]
		if !getex && is(arg, "nx") && !o.xx {
			o.nx = true
			continue
		}
		if !getex && is(arg, "xx") && !o.nx {
			o.xx = true
			continue
		}
		if !getex && is(arg, "get") {
			o.get = true
			continue
		}
		l := lifetimeOption(arg, getex)
		if l == lifetimeUnset || o.lifetime != lifetimeUnset && o.lifetime != l {
			return o, false
		}
		o.lifetime = l
		if l.timed() {
			i++
			if i == len(args) {
				return o, false
			}
			o.time = args[i]
		}
	}
	return o, true
}

func lifetimeOption(arg []byte, getex bool) lifetime {
	switch {
	case is(arg, "ex"):
		return lifetimeEX
	case is(arg, "px"):
		return lifetimePX
	case is(arg, "exat"):
		return lifetimeEXAT
	case is(arg, "pxat"):
		return lifetimePXAT
	case !getex && is(arg, "keepttl"):
		return lifetimeKeep
	case getex && is(arg, "persist"):
		return lifetimePersist
	}
	return lifetimeUnset
}

// deadlineOf turns the time after EX, PX, EXAT or PXAT into a deadline; an
// error reply where Redis refuses it.
func (c *Context) deadlineOf(l lifetime, time []byte) (int64, reply.Value) {
	ms, ok := parseInt(time)
	if !ok {
		return 0, errNotInteger
	}
	if ms <= 0 {
		return 0, c.expireTimeError()
	}
	if l == lifetimeEX || l == lifetimeEXAT {
		if ms > math.MaxInt64/1000 {
			return 0, c.expireTimeError()
		}
		ms *= 1000
	}
	if !l.absolute() {
		if ms > math.MaxInt64-c.NowMS {
			return 0, c.expireTimeError()
		}
		ms += c.NowMS
	}
	return ms, reply.Value{}
}

func setCommand(c *Context) reply.Value {
	opts, ok := parseSetOptions(c.Args, 3, false)
	if !ok {
		return errSyntax
	}
	var deadlineMS int64
	if opts.lifetime.timed() {
		var refused reply.Value
		if deadlineMS, refused = c.deadlineOf(opts.lifetime, opts.time); refused.IsError() {
			return refused
		}
	}
	answer := reply.OK
	if opts.nx || opts.xx || opts.get || opts.lifetime == lifetimeKeep {
		old := c.object(c.Args[1])
		if opts.get {
			c.count(old)
			answer = bulkOrNil(old)
		}
		if opts.nx && old != nil || opts.xx && old == nil {
			if !opts.get {
				answer = reply.Nil()
			}
			return answer
		}
		if opts.lifetime == lifetimeKeep && old != nil {
			deadlineMS = old.DeadlineMS()
		}
	}
	c.putString(c.Args[1], c.Args[2], deadlineMS)
	return answer
}

// setKeyFlags tells what a SET does to its key, as COMMAND GETKEYSANDFLAGS
// judges it: any argument "get" makes it a read as well.
func setKeyFlags(args [][]byte) KeyFlags {
	for _, arg := range args[3:] {
		if is(arg, "get") {
			return KeyRW | KeyAccess | KeyUpdate
		}
	}
	return KeyOW | KeyUpdate
}

func setnxCommand(c *Context) reply.Value {
	if c.object(c.Args[1]) != nil {
		return reply.Int(0)
	}
	c.putString(c.Args[1], c.Args[2], 0)
	return reply.Int(1)
}

func setexCommand(c *Context) reply.Value { return c.setExpiring(lifetimeEX) }

func psetexCommand(c *Context) reply.Value { return c.setExpiring(lifetimePX) }

func (c *Context) setExpiring(l lifetime) reply.Value {
	deadlineMS, refused := c.deadlineOf(l, c.Args[2])
	if refused.IsError() {
		return refused
	}
	c.putString(c.Args[1], c.Args[3], deadlineMS)
	return reply.OK
}

func getsetCommand(c *Context) reply.Value {
	old := bulkOrNil(c.lookup(c.Args[1]))
	c.putString(c.Args[1], c.Args[2], 0)
	return old
}

func msetCommand(c *Context) reply.Value {
	if len(c.Args)%2 == 0 {
		return c.arityError()
	}
	c.setPairs()
	return reply.OK
}

func msetnxCommand(c *Context) reply.Value {
	if len(c.Args)%2 == 0 {
		return c.arityError()
	}
	for i := 1; i < len(c.Args); i += 2 {
		if c.object(c.Args[i]) != nil {
			return reply.Int(0)
		}
	}
	c.setPairs()
	return reply.Int(1)
}

func (c *Context) setPairs() {
	for i := 1; i < len(c.Args); i += 2 {
		c.putString(c.Args[i], c.Args[i+1], 0)
	}
}

func getexCommand(c *Context) reply.Value {
	opts, ok := parseSetOptions(c.Args, 2, true)
	if !ok {
		return errSyntax
	}
	o := c.lookup(c.Args[1])
	if o == nil {
		return reply.Nil()
	}
	next := o.Draft()
	switch {
	case opts.lifetime.timed():
		var refused reply.Value
		if next.DeadlineMS, refused = c.deadlineOf(opts.lifetime, opts.time); refused.IsError() {
			return refused
		}
	case opts.lifetime == lifetimePersist:
		next.DeadlineMS = 0
	default:
		return reply.Bytes(o.Str())
	}
	c.put(next)
	return reply.Bytes(o.Str())
}

// bulkOrNil is the reply of a command that answers a string.
func bulkOrNil(o *keyspace.Object) reply.Value {
	if o == nil {
		return reply.Nil()
	}
	return reply.Bytes(o.Str())
}
