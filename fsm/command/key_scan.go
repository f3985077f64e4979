package command

import (
	"math"
	"strconv"

	"github.com/kvorum/kvorum/fsm/command/glob"
	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

func keysCommand(c *Context) reply.Value {
	pattern := c.Args[1]
	all := isAll(pattern)
	var keys []reply.Value
	if all {
		keys = make([]reply.Value, 0, c.Keys.Len(c.DB))
	}
	c.Keys.Range(c.DB, func(o *keyspace.Object) bool {
		if all || glob.Match(pattern, []byte(o.Key())) {
			c.notice(o)
			keys = append(keys, reply.Text(o.Key()))
		}
		return true
	})
	return reply.List(keys...)
}

// isAll reports whether a pattern is the one that every name matches, "" too.
func isAll(pattern []byte) bool { return len(pattern) == 1 && pattern[0] == '*' }

func randomkeyCommand(c *Context) reply.Value {
	size := c.Keys.Len(c.DB)
	if size == 0 {
		return reply.Nil()
	}
	o := c.Keys.At(c.DB, c.Rand().Below(size))
	c.notice(o)
	return reply.Text(o.Key())
}

// scanOptions are the options of SCAN.
type scanOptions struct {
	count    int
	matching bool // only keys that match pattern
	pattern  []byte
	typed    bool // only keys of a type: each is looked up for it
	foreign  bool // it is a type that is not there
}

func parseScanOptions(args [][]byte) (o scanOptions, refused reply.Value) {
	o.count = 10
	for i := 0; i < len(args); i += 2 {
		if i+1 == len(args) {
			return o, errSyntax
		}
		value := args[i+1]
		switch {
		case is(args[i], "count"):
			n, ok := parseInt(value)
			if !ok {
				return o, errNotInteger
			}
			if n < 1 {
				return o, errSyntax
			}
			o.count = int(min(n, math.MaxInt32))
		case is(args[i], "match"):
			o.pattern, o.matching = value, !isAll(value)
		case is(args[i], "type"):
			o.typed, o.foreign = true, !is(value, "string")
		default:
			return o, errSyntax
		}
	}
	return o, reply.Value{}
}

func scanCommand(c *Context) reply.Value {
	cursor, ok := parseCursor(c.Args[1])
	if !ok {
		return reply.Err("ERR invalid cursor")
	}
	opts, refused := parseScanOptions(c.Args[2:])
	if refused.IsError() {
		return refused
	}
	var keys []reply.Value
	next := c.Keys.Scan(c.DB, cursor, opts.count, func(o *keyspace.Object) {
		c.notice(o)
		if opts.matching && !glob.Match(opts.pattern, []byte(o.Key())) {
			return
		}
		if opts.typed {
			c.count(o)
		}
		if opts.foreign {
			return
		}
		keys = append(keys, reply.Text(o.Key()))
	})
	return reply.List(reply.Bytes(strconv.AppendUint(nil, next, 10)), reply.List(keys...))
}

// parseCursor reads a cursor as C's strtoul does: an optional sign, and an
// empty one is 0.
func parseCursor(b []byte) (uint64, bool) {
	b = printed(b, len(b))
	if len(b) == 0 {
		return 0, true
	}
	negative := b[0] == '-'
	if negative || b[0] == '+' {
		b = b[1:]
	}
	n, err := strconv.ParseUint(string(b), 10, 64)
	if negative {
		n = -n
	}
	return n, err == nil
}
