package resp

import (
	"math"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// connectionCommand answers a command that concerns only its connection.
type connectionCommand func(c *client, args [][]byte) reply.Value

// connectionCommands holds the functions for commands whose row says command.ByConnection.
var connectionCommands = map[string]connectionCommand{
	"asking":                  (*client).askingCommand,
	"auth":                    (*client).authCommand,
	"client|getname":          (*client).clientGetnameCommand,
	"client|help":             (*client).clientHelpCommand,
	"client|id":               (*client).clientIDCommand,
	"client|info":             (*client).clientInfoCommand,
	"client|kill":             (*client).clientKillCommand,
	"client|list":             (*client).clientListCommand,
	"client|no-evict":         (*client).clientNoEvictCommand,
	"client|reply":            (*client).clientReplyCommand,
	"client|setinfo":          (*client).clientSetinfoCommand,
	"client|setname":          (*client).clientSetnameCommand,
	"command":                 (*client).commandCommand,
	"command|count":           (*client).commandCommand,
	"command|docs":            (*client).commandCommand,
	"command|getkeys":         (*client).commandCommand,
	"command|getkeysandflags": (*client).commandCommand,
	"command|help":            (*client).commandCommand,
	"command|info":            (*client).commandCommand,
	"command|list":            (*client).commandCommand,
	"echo":                    (*client).echoCommand,
	"hello":                   (*client).helloCommand,
	"monitor":                 (*client).monitorCommand,
	"ping":                    (*client).pingCommand,
	"quit":                    (*client).quitCommand,
	"readonly":                (*client).readonlyCommand,
	"readwrite":               (*client).readwriteCommand,
	"reset":                   (*client).resetCommand,
	"select":                  (*client).selectCommand,
}

// The error replies that several commands share.
var (
	errNoAuth     = reply.Err("NOAUTH Authentication required.")
	errSyntax     = reply.Err("ERR syntax error")
	errNotInteger = reply.Err("ERR value is not an integer or out of range")
)

// pingCommand is PING [message].
func (c *client) pingCommand(args [][]byte) reply.Value {
	switch len(args) {
	case 1:
		return pong
	case 2:
		return reply.Bytes(args[1])
	}
	return reply.Err("ERR wrong number of arguments for 'ping' command")
}

var pong = reply.Status("PONG")

func (c *client) echoCommand(args [][]byte) reply.Value { return reply.Bytes(args[1]) }

func (c *client) quitCommand([][]byte) reply.Value {
	c.closing = true
	return reply.OK
}

// askingCommand answers OK. Cluster clients send ASKING after an ASK redirect, which Kvorum never
// sends.
func (c *client) askingCommand([][]byte) reply.Value { return reply.OK }

func (c *client) readonlyCommand([][]byte) reply.Value  { return c.setReadonly(true) }
func (c *client) readwriteCommand([][]byte) reply.Value { return c.setReadonly(false) }

// setReadonly sets where later reads are answered. Reads that already wait run first, under the
// setting with which they arrived.
func (c *client) setReadonly(readonly bool) reply.Value {
	if c.session.readonly != readonly {
		c.execute()
		c.session.readonly = readonly
		c.shown.readonly.Store(readonly)
	}
	return reply.OK
}

func (c *client) resetCommand([][]byte) reply.Value {
	c.setReadonly(false)
	c.setState(plain)
	c.resetSession()
	c.setName(nil)
	return reply.Status("RESET")
}

// selectCommand is SELECT. It accepts the databases 0 to 15, as Redis does by default.
func (c *client) selectCommand(args [][]byte) reply.Value {
	n, ok := decimal(args[1])
	switch {
	case !ok:
		return errNotInteger
	case n < math.MinInt32 || n > math.MaxInt32:
		return reply.Err("ERR value is out of range, value must between -2147483648 and 2147483647")
	case n < 0 || n >= databases:
		return reply.Err("ERR DB index is out of range")
	}
	c.session.db = int(n)
	c.shown.db.Store(int32(n))
	return reply.OK
}

func (c *client) commandCommand(args [][]byte) reply.Value { return command.CommandCommand(args) }
