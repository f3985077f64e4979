package command

import "github.com/kvorum/kvorum/fsm/reply"

func delCommand(c *Context) reply.Value {
	var removed int64
	for _, key := range c.Args[1:] {
		if c.Keys.Delete(c.DB, key) {
			removed++
		}
	}
	return reply.Int(removed)
}

func unlinkCommand(c *Context) reply.Value { return delCommand(c) }

func existsCommand(c *Context) reply.Value {
	var found int64
	for _, key := range c.Args[1:] {
		if c.lookup(key) != nil {
			found++
		}
	}
	return reply.Int(found)
}

// touchCommand is a read here: a read leaves no trace in the replicated state,
// so only writes count as an object's last access.
func touchCommand(c *Context) reply.Value { return existsCommand(c) }

func typeCommand(c *Context) reply.Value {
	if c.lookup(c.Args[1]) == nil {
		return reply.Status("none")
	}
	return reply.Status("string")
}
