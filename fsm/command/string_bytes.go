package command

import (
	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/internal/memory"
)

var errOffset = reply.Err("ERR offset is out of range")

func getCommand(c *Context) reply.Value { return bulkOrNil(c.lookup(c.Args[1])) }

func getdelCommand(c *Context) reply.Value {
	o := c.lookup(c.Args[1])
	if o != nil {
		c.Keys.Delete(c.DB, c.Args[1])
	}
	return bulkOrNil(o)
}

func mgetCommand(c *Context) reply.Value {
	values := make([]reply.Value, 0, len(c.Args)-1)
	for _, key := range c.Args[1:] {
		values = append(values, bulkOrNil(c.lookup(key)))
	}
	return reply.List(values...)
}

func strlenCommand(c *Context) reply.Value {
	o := c.lookup(c.Args[1])
	if o == nil {
		return reply.Int(0)
	}
	return reply.Int(int64(len(o.Str())))
}

func getrangeCommand(c *Context) reply.Value {
	start, ok1 := parseInt(c.Args[2])
	end, ok2 := parseInt(c.Args[3])
	if !ok1 || !ok2 {
		return errNotInteger
	}
	o := c.lookup(c.Args[1])
	if o == nil {
		return reply.Bytes(nil)
	}
	size := int64(len(o.Str()))
	if start < 0 && end < 0 && start > end {
		return reply.Bytes(nil)
	}
	start, end = fromEnd(start, size), fromEnd(end, size)
	end = min(end, size-1)
	if start > end {
		return reply.Bytes(nil)
	}
	return reply.Bytes(o.Str()[start : end+1])
}

// fromEnd turns an index that counts from the end into one that counts from
// the beginning, at least 0.
func fromEnd(index, size int64) int64 {
	if index < 0 {
		index = max(index+size, 0)
	}
	return index
}

func substrCommand(c *Context) reply.Value { return getrangeCommand(c) }

func setrangeCommand(c *Context) reply.Value {
	offset, ok := parseInt(c.Args[2])
	switch {
	case !ok:
		return errNotInteger
	case offset < 0:
		return errOffset
	}
	o, patch := c.object(c.Args[1]), c.Args[3]
	next := keyspace.Draft{Key: c.Args[1], Keep: true, Encoding: keyspace.Raw}
	var old []byte
	if o != nil {
		next.DeadlineMS, old = o.DeadlineMS(), o.Str()
	}
	if len(patch) == 0 {
		return reply.Int(int64(len(old)))
	}
	if offset > c.bulkMax()-int64(len(patch)) {
		return errStringTooBig
	}
	size := max(len(old), int(offset)+len(patch))
	next.Str = memory.Grow(old, size)[:size]
	copy(next.Str[offset:], patch)
	c.put(next)
	return reply.Int(int64(len(next.Str)))
}

func appendCommand(c *Context) reply.Value {
	o, tail := c.object(c.Args[1]), c.Args[2]
	if o == nil {
		c.putString(c.Args[1], tail, 0)
		return reply.Int(int64(len(tail)))
	}
	if int64(len(o.Str())) > c.bulkMax()-int64(len(tail)) {
		return errStringTooBig
	}
	next := o.Draft()
	next.Encoding = keyspace.Raw
	next.Tail = tail
	c.put(next)
	return reply.Int(int64(len(next.Str) + len(tail)))
}
