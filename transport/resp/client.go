package resp

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidwall/redcon"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// client is one connection: its guard reads, its plan runs what has arrived
// together, its output writes the replies, all on the goroutine that redcon
// runs for it. Other goroutines see what is in shown, and may call kill.
type client struct {
	server *Server
	guard  *guard
	ctx    context.Context // ends when the client is killed or found gone
	cancel context.CancelFunc

	number      uint64 // counts the connections of this process, from 1
	addr, laddr string
	descriptor  int
	since       time.Time

	session session
	plan    plan
	output  output
	shown   shown
	closing bool // take no more commands, and disconnect once the replies are sent
}

// session is what commands like HELLO and SELECT change for those after them.
type session struct {
	proto         int
	db            int
	authenticated bool
	readonly      bool // READONLY: reads are this node's own; changed only while no read waits
	silent        bool // CLIENT REPLY OFF
	skip          bool // the present command is not answered (CLIENT REPLY SKIP)
	skipNext      bool
}

// shown is what CLIENT LIST and the sweep see of a client while it runs.
type shown struct {
	mu   sync.Mutex // guards the name
	name string

	db, proto   atomic.Int32
	noEvict     atomic.Bool
	readonly    atomic.Bool
	last        atomic.Pointer[command.Command]
	activeAt    atomic.Int64 // when it last sent something (Server.now)
	busySince   atomic.Int64 // when the present command began; 0 for none
	mayHangUp   atomic.Bool  // it is the node's, whose answer may be waited for in vain
	blockedAt   atomic.Int64 // when the present write to its socket began; 0 for none
	pending     atomic.Int64 // bytes of replies that are not written yet
	pendingFrom atomic.Int64 // since when there are any; 0 for none
	input       atomic.Int64 // bytes of the guard's buffer in use
	inputFree   atomic.Int64
}

func newClient(s *Server, conn net.Conn, number uint64) *client {
	c := &client{
		server: s, number: number, since: time.Now(),
		addr: conn.RemoteAddr().String(), laddr: conn.LocalAddr().String(),
		descriptor: descriptor(conn),
	}
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	c.guard = newGuard(conn, c)
	c.guard.client = c
	c.output.client = c
	c.resetSession()
	c.shown.activeAt.Store(s.now())
	return c
}

// resetSession is how a connection begins, and what RESET returns to.
func (c *client) resetSession() {
	c.session = session{
		proto: 2, authenticated: c.server.settings.password.Load() == nil,
		skip: c.session.skip, // RESET after CLIENT REPLY SKIP is not answered, as in Redis
	}
	c.shown.proto.Store(2)
	c.shown.db.Store(0)
	c.shown.readonly.Store(false)
}

// id is unique in the cluster; an error to answer while this process has no
// session in it.
func (c *client) id() (id uint64, refusal reply.Value) {
	base, refusal := c.idBase()
	return base | c.number, refusal
}

func (c *client) idBase() (base uint64, refusal reply.Value) {
	return c.server.options.ClientIDBase(c.ctx)
}

// serve takes the commands that have arrived together, runs them and answers.
func (c *client) serve(conn redcon.Conn) {
	args, ends := c.guard.batch()
	from := 0
	for _, to := range ends {
		c.take(args[from:to:to])
		from = to
	}
	c.run()
	if c.closing {
		conn.Close()
	}
}

// kill disconnects from another goroutine: what it is doing is given up.
func (c *client) kill() {
	c.guard.Conn.Close() // first, so that it hears nothing of what is given up
	c.cancel()
}

// The guard's policy.

func (c *client) mustAuthenticate() bool {
	return !c.session.authenticated && c.server.settings.password.Load() != nil
}

func (c *client) inputLimits() (bulkBytes, commandBytes int64) {
	settings := &c.server.settings
	return settings.bulkBytes.Load(), settings.commandBytes.Load()
}

func (c *client) finishing() bool { return c.server.finishing.Load() }

func (c *client) received(n int) {
	c.server.stats.inputBytes.Add(uint64(n))
	c.server.stats.reads.Add(1)
	c.shown.activeAt.Store(c.server.now())
	c.shown.input.Store(int64(c.guard.tail - c.guard.scan + n))
	c.shown.inputFree.Store(int64(len(c.guard.in)))
}

// refuse tells the client what was wrong with its bytes. All its earlier
// commands have been answered.
func (c *client) refuse(err protocolError) {
	c.server.stats.failed(nil, "ERR")
	c.server.logger.Debug("client broke the protocol", "addr", c.addr, "error", err)
	if !c.session.silent {
		c.output.fail("ERR " + err.Error())
	}
}
