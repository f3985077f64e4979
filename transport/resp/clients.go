package resp

import (
	"fmt"
	"strings"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
)

var errNoSuchClient = reply.Err("ERR No such client")

func (c *client) clientIDCommand([][]byte) reply.Value {
	id, refusal := c.id()
	if refusal.IsError() {
		return refusal
	}
	return reply.Int(int64(id))
}

func (c *client) clientInfoCommand([][]byte) reply.Value {
	id, refusal := c.id()
	if refusal.IsError() {
		return refusal
	}
	return reply.VerbatimText(c.line(id) + "\n")
}

// line formats a client as a line of Redis 7.0's CLIENT LIST. Fields without a counterpart in
// Kvorum are zero.
func (c *client) line(id uint64) string {
	s := &c.shown
	s.mu.Lock()
	name := s.name
	s.mu.Unlock()
	last, flags := "NULL", string(states[c.state()].flag)
	if row := s.last.Load(); row != nil {
		last = row.Name
	}
	if s.readonly.Load() {
		flags += "r"
	}
	if s.noEvict.Load() {
		flags += "e"
	}
	if len(flags) > 1 {
		flags = strings.TrimPrefix(flags, string(states[plain].flag))
	}
	idle := time.Duration(c.server.now() - s.activeAt.Load())
	input, inputFree, pending := s.input.Load(), c.input.held.Load(), s.pending.Load()
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=0 psub=0 ssub=0 "+
		"multi=-1 qbuf=%d qbuf-free=%d argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=%d tot-mem=%d "+
		"events=r cmd=%s user=default redir=-1 resp=%d",
		id, c.addr, c.laddr, c.descriptor, name, int64(time.Since(c.since).Seconds()), int64(idle.Seconds()), flags,
		s.db.Load(), input, max(inputFree-input, 0), pending,
		inputFree+pending, last, s.proto.Load())
}

// clientListCommand is CLIENT LIST. It lists the clients of this node only.
func (c *client) clientListCommand(args [][]byte) reply.Value {
	wanted, refusal := clientFilter(args[2:])
	if refusal.IsError() {
		return refusal
	}
	base, refusal := c.idBase()
	if refusal.IsError() {
		return refusal
	}
	var list strings.Builder
	for _, other := range c.server.everyone() {
		if id := base | other.number; wanted == nil || wanted[int64(id)] {
			list.WriteString(other.line(id))
			list.WriteByte('\n')
		}
	}
	return reply.VerbatimText(list.String())
}

// clientFilter parses the options of CLIENT LIST. It returns the ids to list, or nil for all
// clients.
func clientFilter(options [][]byte) (map[int64]bool, reply.Value) {
	switch {
	case len(options) == 0:
		return nil, reply.OK
	case len(options) == 2 && is(options[0], "TYPE"):
		normal, refusal := clientType(options[1])
		if refusal.IsError() || normal {
			return nil, refusal
		}
		return map[int64]bool{}, reply.OK
	case len(options) >= 2 && is(options[0], "ID"):
		ids := make(map[int64]bool)
		for _, option := range options[1:] {
			id, ok := decimal(option)
			if !ok {
				return nil, reply.Err("ERR Invalid client ID")
			}
			ids[id] = true
		}
		return ids, reply.OK
	}
	return nil, errSyntax
}

// clientType parses a client type. All clients of Kvorum are of type normal.
func clientType(arg []byte) (normal bool, refusal reply.Value) {
	switch {
	case is(arg, "normal"):
		return true, reply.OK
	case is(arg, "slave"), is(arg, "replica"), is(arg, "pubsub"), is(arg, "master"):
		return false, reply.OK
	}
	return false, reply.Err("ERR Unknown client type '" + string(arg) + "'")
}

func (c *client) clientGetnameCommand([][]byte) reply.Value {
	c.shown.mu.Lock()
	defer c.shown.mu.Unlock()
	if c.shown.name == "" {
		return reply.Nil()
	}
	return reply.Text(c.shown.name)
}

func (c *client) clientSetnameCommand(args [][]byte) reply.Value { return c.setName(args[2]) }

// setName sets the client's name for CLIENT SETNAME and HELLO. An empty name clears it.
func (c *client) setName(name []byte) reply.Value {
	if !printable(name) {
		return reply.Err("ERR Client names cannot contain spaces, newlines or special characters.")
	}
	c.shown.mu.Lock()
	c.shown.name = string(name)
	c.shown.mu.Unlock()
	return reply.OK
}

// printable reports whether text may stand in a field of CLIENT LIST.
func printable(text []byte) bool {
	for _, b := range text {
		if b < '!' || b > '~' {
			return false
		}
	}
	return true
}

// clientSetinfoCommand is CLIENT SETINFO of Redis 7.2, which client libraries send when they
// connect. It checks the values but does not store them, since CLIENT LIST has the format of Redis
// 7.0.
func (c *client) clientSetinfoCommand(args [][]byte) reply.Value {
	if !is(args[2], "LIB-NAME") && !is(args[2], "LIB-VER") {
		return reply.Err("ERR Unrecognized option '" + string(args[2]) + "'")
	}
	if !printable(args[3]) {
		option := strings.ToLower(string(args[2]))
		return reply.Err("ERR " + option + " cannot contain spaces, newlines or special characters.")
	}
	return reply.OK
}

// clientNoEvictCommand is CLIENT NO-EVICT. The flag only shows in CLIENT LIST.
func (c *client) clientNoEvictCommand(args [][]byte) reply.Value {
	switch {
	case is(args[2], "on"):
		c.shown.noEvict.Store(true)
	case is(args[2], "off"):
		c.shown.noEvict.Store(false)
	default:
		return errSyntax
	}
	return reply.OK
}

// clientReplyCommand is CLIENT REPLY ON, OFF or SKIP.
func (c *client) clientReplyCommand(args [][]byte) reply.Value {
	switch {
	case is(args[2], "on"):
		c.session.silent, c.session.skip = false, false
	case is(args[2], "off"):
		c.session.silent = true
	case is(args[2], "skip"):
		c.session.skip = true // this command is not answered either
		c.session.skipNext = true
	default:
		return errSyntax
	}
	return reply.OK
}

func (c *client) clientHelpCommand([][]byte) reply.Value { return clientHelp }

// clientHelp lists the sub-commands of CLIENT that Kvorum supports.
var clientHelp = statusLines(
	"CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
	"GETNAME",
	"    Return the name of the current connection.",
	"ID",
	"    Return the ID of the current connection.",
	"INFO",
	"    Return information about the current client connection.",
	"KILL <ip:port>",
	"    Kill connection made from <ip:port>.",
	"KILL <option> <value> [<option> <value> [...]]",
	"    Kill connections. Options are:",
	"    * ADDR (<ip:port>|<unixsocket>:0)",
	"      Kill connections made from the specified address",
	"    * LADDR (<ip:port>|<unixsocket>:0)",
	"      Kill connections made to specified local address",
	"    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
	"      Kill connections by type.",
	"    * USER <username>",
	"      Kill connections authenticated by <username>.",
	"    * SKIPME (YES|NO)",
	"      Skip killing current connection (default: yes).",
	"LIST [options ...]",
	"    Return information about client connections. Options:",
	"    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
	"      Return clients of specified type.",
	"REPLY (ON|OFF|SKIP)",
	"    Control the replies sent to the current connection.",
	"SETINFO <option> <value>",
	"    Note the client's library. Options are LIB-NAME and LIB-VER.",
	"SETNAME <name>",
	"    Assign the name <name> to the current connection.",
	"NO-EVICT (ON|OFF)",
	"    Protect current client connection from eviction.",
	"HELP",
	"    Prints this help.")

func statusLines(lines ...string) reply.Value {
	values := make([]reply.Value, len(lines))
	for i, line := range lines {
		values[i] = reply.Status(line)
	}
	return reply.List(values...)
}
