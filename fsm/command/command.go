package command

import (
	"strings"

	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/fsm/setting"
)

// Route says who runs a command.
type Route uint8

// The routes.
const (
	Local Route = iota // the connection, or the node's administration
	Gate               // a read: a machine whose state is confirmed to be current
	Log                // a write: every machine, from the log
)

// Answerer says who answers a command whose route is Local.
type Answerer uint8

// The answerers.
const (
	ByMachine    Answerer = iota // the machine: the route is Gate or Log
	ByConnection                 // the connection, from what it knows by itself
	ByNode                       // the node's administration
)

// Inside says what a command answers inside a transaction or a script, where the
// machine runs what stands in one entry.
type Inside uint8

// What a command answers inside. A reply that is made in the log must not depend on the
// node that makes it, so in a script what a node or a connection alone knows is refused.
const (
	Runs       Inside = iota // it runs in the machine, as outside
	FromEntry                // the machine answers in the connection's place, from the entry and the state
	InPlace                  // its answerer answers, at its place among the replies, once the entry has been applied
	AtOnce                   // it is not queued, and answered when it is sent
	NoTimeLeft               // as outside when its time is over: it never waits
	Refused                  // it is refused by name
)

// Call is one command of one client on its way through a node: made by the
// connection, answered by whoever its route names.
type Call struct {
	Command *Command
	DB      int
	Args    [][]byte // Args[0] is the name in lower case; valid until the call is answered
	Reply   reply.Value
	Lookups Lookups // of a read: those of the run that Reply is of
}

// Lookups counts the keys that were looked up to be read, as INFO shows them.
// They are no part of the machine's state.
type Lookups struct {
	Hits, Misses uint32
}

// Add adds others to l.
func (l *Lookups) Add(others Lookups) {
	l.Hits += others.Hits
	l.Misses += others.Misses
}

// Context holds what a command's function may see and change.
type Context struct {
	Keys  *keyspace.Keyspace
	DB    int      // the selected database
	NowMS int64    // of a write: the machine's clock; of a read: the leader's stamp that confirmed it
	Args  [][]byte // Args[0] is the name; the bytes belong to the caller: keep what is kept
	// BodyBytes is the number of bytes that the arguments share and that nobody else refers to,
	// since the command came in parts; 0: they are the log's.
	BodyBytes int
	Seed      uint64 // the entry's randomness (of a read: the node's)
	Stream    uint64 // tells apart the commands of one entry
	Settings  *setting.Values
	Command   *Command

	// DueMS is set by a read that met a key whose deadline the leader's stamp
	// has passed and the machine's clock has not: the read must be run again
	// once the machine's clock has reached DueMS (design, invariant 2).
	DueMS int64

	Lookups Lookups // counted since the context was made

	digits [20]byte // room for a number on its way into an object
}

// Rand is the command's randomness: the same draws on every node.
func (c *Context) Rand() *Rand { return NewRand(c.Seed, c.Stream) }

// Flags are a row's flags, as COMMAND INFO names them.
type Flags uint32

// The flags (Redis 7.0: server.h, CMD_*).
const (
	Write Flags = 1 << iota
	ReadOnly
	DenyOOM
	Admin
	PubSub
	NoScript
	Blocking
	Loading
	Stale
	SkipMonitor
	SkipSlowlog
	Asking
	Fast
	NoAuth
	MayReplicate
	NoMandatoryKeys
	NoMulti
	NoAsyncLoading
	AllowBusy
	MovableKeys
)

// Command is one row of the table, made by the functions of table_row.go.
type Command struct {
	Name       string // lower case; a sub-command's is "client|id"
	Arity      int    // exact if positive, at least -Arity if negative; the name counts
	Flags      Flags
	Keys       []KeySpec
	Categories []string // ACL categories without "@"
	Tips       []string
	Doc        Doc
	Sub        []*Command
	Run        func(*Context) reply.Value // nil: answered by the connection or the node
	Version    uint8                      // the machine version that the row begins with; 0: the first
	By         Answerer                   // who answers it
	Waits      bool                       // ByNode: it may wait for what need not come
	Script     Inside                     // what it answers in a script
	Exec       Inside                     // what it answers in a transaction

	own      []string   // categories that do not follow from the flags, in place of the group's
	unlisted []*Command // sub-commands that run here and that Redis's table does not know as such
	sub      table      // Sub and unlisted by name
	told     told
}

// Route says who runs the command.
func (c *Command) Route() Route {
	switch {
	case c.Run == nil:
		return Local
	case c.Flags&Write != 0:
		return Log
	}
	return Gate
}

// NotYetActive answers a row that the active machine version does not have.
func NotYetActive(row *Command, active uint8) reply.Value {
	return errorf("ERR '%s' needs machine version %d, and this cluster is at version %d until all its nodes run a release that knows it "+
		"and the upgrade is finished ('kvorum status' says who is waited for); it was not applied", row.Name, row.Version, active)
}

// DebugDisabled answers DEBUG and its sub-commands where the operator has not
// enabled them.
var DebugDisabled = reply.Err("ERR DEBUG command not allowed. " +
	`If the enable-debug-command option is set to "local", you can run it from a local connection, ` +
	"otherwise you need to set this option in the configuration file, and then restart the server.")

// Debugs reports whether the command is DEBUG or one of its sub-commands,
// whoever runs it. A node answers these only if its operator has enabled them.
func (c *Command) Debugs() bool { return c.Name == "debug" || strings.HasPrefix(c.Name, "debug|") }
