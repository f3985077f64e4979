package command

import (
	"slices"

	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

func renameCommand(c *Context) reply.Value {
	o := c.object(c.Args[1])
	if o == nil {
		return errNoSuchKey
	}
	if string(c.Args[1]) != string(c.Args[2]) {
		c.rename(o)
	}
	return reply.OK
}

func renamenxCommand(c *Context) reply.Value {
	o := c.object(c.Args[1])
	if o == nil {
		return errNoSuchKey
	}
	if string(c.Args[1]) == string(c.Args[2]) || c.object(c.Args[2]) != nil {
		return reply.Int(0)
	}
	c.rename(o)
	return reply.Int(1)
}

// rename moves o, the object of the first argument, to the key of the second.
func (c *Context) rename(o *keyspace.Object) {
	next := o.Draft()
	next.Key = c.Args[2]
	c.Keys.Delete(c.DB, c.Args[1])
	c.put(next)
}

func moveCommand(c *Context) reply.Value {
	to, refused := parseDatabase(c.Args[2])
	switch {
	case refused.IsError():
		return refused
	case !validDatabase(to):
		return errDatabase
	case to == c.DB:
		return errSameObject
	}
	o := c.object(c.Args[1])
	if o == nil || c.Keys.Get(to, c.Args[1]) != nil {
		return reply.Int(0)
	}
	next := o.Draft()
	next.AccessMS = c.NowMS
	c.Keys.Delete(c.DB, c.Args[1])
	c.Keys.Put(to, next)
	return reply.Int(1)
}

// copyOptions are the options of COPY.
type copyOptions struct {
	db      int
	replace bool
}

func (c *Context) parseCopyOptions() (o copyOptions, refused reply.Value) {
	o.db = c.DB
	for i := 3; i < len(c.Args); i++ {
		switch {
		case is(c.Args[i], "replace"):
			o.replace = true
		case is(c.Args[i], "db") && i+1 < len(c.Args):
			i++
			if o.db, refused = parseDatabase(c.Args[i]); refused.IsError() {
				return o, refused
			}
			if !validDatabase(o.db) {
				return o, errDatabase
			}
		default:
			return o, errSyntax
		}
	}
	return o, reply.Value{}
}

func copyCommand(c *Context) reply.Value {
	opts, refused := c.parseCopyOptions()
	if refused.IsError() {
		return refused
	}
	if opts.db == c.DB && string(c.Args[1]) == string(c.Args[2]) {
		return errSameObject
	}
	o := c.lookup(c.Args[1])
	if o == nil || !opts.replace && c.Keys.Get(opts.db, c.Args[2]) != nil {
		return reply.Int(0)
	}
	next := o.Draft()
	next.Key = c.Args[2]
	next.AccessMS = c.NowMS
	// The bytes may be shared; the room behind them stays the original's.
	next.Str = slices.Clip(next.Str)
	c.Keys.Put(opts.db, next)
	return reply.Int(1)
}
