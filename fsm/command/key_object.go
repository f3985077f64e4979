package command

import (
	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

var errNoFrequency = reply.Err("ERR An LFU maxmemory policy is not selected, access frequency not tracked. " +
	"Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.")

// onObject answers about the object that an OBJECT sub-command names; null without one.
func (c *Context) onObject(answer func(*keyspace.Object) reply.Value) reply.Value {
	o := c.lookup(c.Args[2])
	if o == nil {
		return reply.Nil()
	}
	return answer(o)
}

func objectEncodingCommand(c *Context) reply.Value {
	return c.onObject(func(o *keyspace.Object) reply.Value {
		switch o.Encoding() {
		case keyspace.Int:
			return reply.Text("int")
		case keyspace.Embstr:
			return reply.Text("embstr")
		}
		return reply.Text("raw")
	})
}

func objectFreqCommand(c *Context) reply.Value {
	return c.onObject(func(*keyspace.Object) reply.Value { return errNoFrequency })
}

func objectIdletimeCommand(c *Context) reply.Value {
	return c.onObject(func(o *keyspace.Object) reply.Value {
		return reply.Int(max(c.NowMS-o.AccessMS(), 0) / 1000)
	})
}

// objectRefcountCommand answers what Redis does, where small integers are shared.
func objectRefcountCommand(c *Context) reply.Value {
	return c.onObject(func(o *keyspace.Object) reply.Value {
		if n, ok := parseInt(o.Str()); ok && o.Encoding() == keyspace.Int && n >= 0 && n < sharedIntegers {
			return reply.Int(1<<31 - 1)
		}
		return reply.Int(1)
	})
}

func objectHelpCommand(*Context) reply.Value { return objectHelp }

var objectHelp = help("OBJECT",
	"ENCODING <key>", "The internal form of the value.",
	"FREQ <key>", "How often the key is used, under an LFU policy.",
	"IDLETIME <key>", "Seconds since the value was last written.",
	"REFCOUNT <key>", "How many references the value has.")
