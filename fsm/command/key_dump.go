package command

import (
	"errors"

	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/rdb"
	"github.com/kvorum/kvorum/fsm/reply"
)

func dumpCommand(c *Context) reply.Value {
	o := c.lookup(c.Args[1])
	if o == nil {
		return reply.Nil()
	}
	return reply.Bytes(rdb.AppendDump(nil, o.Str()))
}

// restoreOptions are the options of RESTORE.
type restoreOptions struct {
	replace, absolute bool
	idleSeconds       int64 // -1: not given
	frequency         int64 // -1: not given
}

func parseRestoreOptions(args [][]byte) (o restoreOptions, refused reply.Value) {
	o.idleSeconds, o.frequency = -1, -1
	for i := 0; i < len(args); i++ {
		more := i+1 < len(args)
		switch {
		case is(args[i], "replace"):
			o.replace = true
		case is(args[i], "absttl"):
			o.absolute = true
		case is(args[i], "idletime") && more && o.frequency == -1:
			n, ok := parseInt(args[i+1])
			if !ok {
				return o, errNotInteger
			}
			if n < 0 {
				return o, reply.Err("ERR Invalid IDLETIME value, must be >= 0")
			}
			o.idleSeconds = n
			i++
		case is(args[i], "freq") && more && o.idleSeconds == -1:
			n, ok := parseInt(args[i+1])
			if !ok {
				return o, errNotInteger
			}
			if n < 0 || n > 255 {
				return o, reply.Err("ERR Invalid FREQ value, must be >= 0 and <= 255")
			}
			o.frequency = n
			i++
		default:
			return o, errSyntax
		}
	}
	return o, reply.Value{}
}

func restoreCommand(c *Context) reply.Value {
	opts, refused := parseRestoreOptions(c.Args[4:])
	if refused.IsError() {
		return refused
	}
	if !opts.replace && c.object(c.Args[1]) != nil {
		return reply.Err("BUSYKEY Target key name already exists.")
	}
	ttl, ok := parseInt(c.Args[2])
	switch {
	case !ok:
		return errNotInteger
	case ttl < 0:
		return reply.Err("ERR Invalid TTL value, must be >= 0")
	}
	value, err := rdb.ParseDump(c.Args[3], c.bulkMax())
	switch {
	case errors.Is(err, rdb.ErrChecksum):
		return reply.Err("ERR DUMP payload version or checksum are wrong")
	case err != nil:
		return reply.Err("ERR Bad data format")
	}
	if ttl != 0 && !opts.absolute {
		ttl += c.NowMS
	}
	c.restore(value, ttl, opts)
	return reply.OK
}

// restore puts a value that DUMP has serialised, which may share the
// arguments' bytes, in its place.
func (c *Context) restore(value []byte, deadlineMS int64, opts restoreOptions) {
	next := keyspace.Draft{
		Key:        c.Args[1],
		Str:        value,
		Encoding:   encodingOf(value),
		DeadlineMS: deadlineMS,
		AccessMS:   c.NowMS,
	}
	if deadlineMS != 0 && deadlineMS <= c.NowMS {
		c.Keys.Delete(c.DB, c.Args[1])
		return
	}
	if opts.idleSeconds > 0 {
		next.AccessMS -= min(opts.idleSeconds, c.NowMS/1000) * 1000
	}
	c.Keys.Put(c.DB, next)
}
