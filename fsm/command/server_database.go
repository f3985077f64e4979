package command

import (
	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

// dbsizeCommand counts at the machine's clock; it waits for that clock only if
// the next deadline of all lies before the leader's stamp.
func dbsizeCommand(c *Context) reply.Value {
	if due, ok := c.Keys.NextDeadlineMS(); ok && due > c.Keys.ClockMS() && due <= c.NowMS {
		c.DueMS = due
	}
	return reply.Int(int64(c.Keys.Len(c.DB)))
}

// flushAllowed checks the option ASYNC or SYNC, which makes no difference here.
func (c *Context) flushAllowed() bool {
	return len(c.Args) == 1 || len(c.Args) == 2 && (is(c.Args[1], "async") || is(c.Args[1], "sync"))
}

func flushdbCommand(c *Context) reply.Value {
	if !c.flushAllowed() {
		return errSyntax
	}
	c.Keys.Flush(c.DB)
	return reply.OK
}

func flushallCommand(c *Context) reply.Value {
	if !c.flushAllowed() {
		return errSyntax
	}
	for db := range keyspace.Databases {
		c.Keys.Flush(db)
	}
	return reply.OK
}

func swapdbCommand(c *Context) reply.Value {
	a, refused := parseDatabase(c.Args[1])
	if refused.IsError() {
		return reply.Err("ERR invalid first DB index")
	}
	b, refused := parseDatabase(c.Args[2])
	switch {
	case refused.IsError():
		return reply.Err("ERR invalid second DB index")
	case !validDatabase(a) || !validDatabase(b):
		return errDatabase
	}
	if a != b {
		c.Keys.Swap(a, b)
	}
	return reply.OK
}
