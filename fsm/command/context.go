package command

import (
	"slices"

	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

// The errors that more than one command answers.
var (
	errSyntax       = reply.Err("ERR syntax error")
	errNotInteger   = reply.Err("ERR value is not an integer or out of range")
	errNotInt32     = reply.Err("ERR value is out of range, value must between -2147483648 and 2147483647")
	errNotFloat     = reply.Err("ERR value is not a valid float")
	errNoSuchKey    = reply.Err("ERR no such key")
	errSameObject   = reply.Err("ERR source and destination objects are the same")
	errDatabase     = reply.Err("ERR DB index is out of range")
	errStringTooBig = reply.Err("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
)

// object returns the object of key in the selected database, nil for none. A
// read that meets one past its deadline notes that it must be run again.
func (c *Context) object(key []byte) *keyspace.Object {
	o := c.Keys.Get(c.DB, key)
	if o != nil {
		c.notice(o)
	}
	return o
}

// lookup is object for a command that reads the value, or asks about it, and
// counts whether it was there. Redis counts no look-up of a command that only
// changes the key (7.0: db.c, lookupKeyRead and lookupKeyWrite).
func (c *Context) lookup(key []byte) *keyspace.Object {
	o := c.object(key)
	c.count(o)
	return o
}

func (c *Context) count(o *keyspace.Object) {
	if o != nil {
		c.Lookups.Hits++
	} else {
		c.Lookups.Misses++
	}
}

// notice sets DueMS if o's deadline has passed by the leader's stamp; of a
// write such objects are absent already.
func (c *Context) notice(o *keyspace.Object) {
	if o.Due(c.NowMS) {
		c.DueMS = o.DeadlineMS()
	}
}

// putString makes an argument the value of key, in the encoding that Redis gives
// a value that it has been sent. A large one is kept without a copy if the command
// came in a body of its own and is little more than this argument.
func (c *Context) putString(key, value []byte, deadlineMS int64) {
	c.put(keyspace.Draft{
		Key: key, Str: slices.Clip(value), Keep: c.BodyBytes > 0 && len(value) >= c.BodyBytes-c.BodyBytes/8,
		Encoding: encodingOf(value), DeadlineMS: deadlineMS,
	})
}

// put makes the object that d describes, written now, the one of its key. One
// whose deadline has passed is gone at once.
func (c *Context) put(d keyspace.Draft) {
	if d.DeadlineMS != 0 && d.DeadlineMS <= c.NowMS {
		c.Keys.Delete(c.DB, d.Key)
		return
	}
	d.AccessMS = c.NowMS
	c.Keys.Put(c.DB, d)
}

// bulkMax returns the greatest length of a string; a context without settings has the default.
func (c *Context) bulkMax() int64 {
	if c.Settings == nil {
		return bulkBytesMax
	}
	return c.Settings.BulkMax()
}

// arityError is Redis's answer to a count of arguments that the arity cannot express.
func (c *Context) arityError() reply.Value {
	return reply.Err("ERR wrong number of arguments for '" + c.Command.Name + "' command")
}

// expireTimeError is Redis's answer to a time to live that it cannot represent.
func (c *Context) expireTimeError() reply.Value {
	return reply.Err("ERR invalid expire time in '" + c.Command.Name + "' command")
}

// encodingOf is the encoding of a value as a client sends it.
func encodingOf(b []byte) keyspace.Encoding {
	if _, ok := parseInt(b); ok {
		return keyspace.Int
	}
	return textEncoding(b)
}

// textEncoding is the encoding of a string that is not tried as an integer.
func textEncoding(b []byte) keyspace.Encoding {
	if len(b) <= embstrBytesMax {
		return keyspace.Embstr
	}
	return keyspace.Raw
}
