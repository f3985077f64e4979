package resp

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// client is one connection. Its input reads, its plan runs what has arrived
// together, and its outbox writes the replies, all on one goroutine. Other
// goroutines see what is in shown, push to the outbox, and may call kill.
type client struct {
	server *Server
	conn   net.Conn
	ctx    context.Context // ends when the client is killed or found gone
	cancel context.CancelFunc

	number      uint64 // counts the connections of this process, from 1
	addr, laddr string
	descriptor  int
	since       time.Time

	input   input
	session session
	plan    plan
	outbox  outbox
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

	db, proto atomic.Int32
	state     atomic.Int32 // a state
	noEvict   atomic.Bool
	readonly  atomic.Bool
	last      atomic.Pointer[command.Command]
	giveUp    atomic.Pointer[context.CancelFunc] // ends the command of the node's that runs; nil: none runs
	activeAt  atomic.Int64                       // when it last sent something or took a reply (Server.now)
	busySince atomic.Int64                       // when the present command began; 0 for none
	blockedAt atomic.Int64                       // when the present write to its socket began; 0 for none
	pending   atomic.Int64                       // bytes that it is charged for and has not taken
	softSince atomic.Int64                       // since when these are beyond the soft limit; 0: they are not
	spare     atomic.Bool                        // it holds memory that it needs only while it is busy
	input     atomic.Int64                       // bytes that have arrived and are not parsed
	silent    atomic.Bool                        // what others run is kept from it (CLIENT REPLY)
}

func newClient(s *Server, conn net.Conn, number uint64) *client {
	c := &client{
		server: s, conn: conn, number: number, since: time.Now(),
		addr: conn.RemoteAddr().String(), laddr: conn.LocalAddr().String(),
		descriptor: descriptor(conn),
	}
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	c.input.conn, c.input.policy = conn, c
	c.outbox.client = c
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

// run serves the client until it leaves.
func (c *client) run() {
	defer c.leave()
	for !c.over() {
		args, ends, err := c.input.next()
		if refusal, ok := err.(protocolError); ok {
			c.refuse(refusal)
		}
		if err != nil {
			return
		}
		c.serve(args, ends)
	}
}

// over reports whether the client is sent nothing any more.
func (c *client) over() bool { return c.closing || c.outbox.broken.Load() }

// serve takes the commands that have arrived together, runs them and answers.
func (c *client) serve(args [][]byte, ends []int) {
	from := 0
	for _, to := range ends {
		c.take(args[from:to:to])
		from = to
	}
	c.flush()
	if cap(c.plan.jobs) > planCommandsIdle {
		c.shown.spare.Store(true)
	}
}

// leave ends the connection and forgets it.
func (c *client) leave() {
	c.kill()
	c.setState(plain)
	c.server.forget(c)
}

// kill disconnects; any goroutine may call it. What the client waits for is given up.
func (c *client) kill() {
	c.conn.Close() // first, so that it hears nothing of what is given up
	c.cancel()
}

// charge notes bytes that the client is to be sent, and reports whether it may have
// them. most bounds all of them where no limit is set; 0 is no bound.
func (c *client) charge(n, most int64) bool {
	pending := c.shown.pending.Add(n)
	limit := c.server.settings.output.Load()
	if limit.beyondSoft(pending) {
		c.shown.softSince.CompareAndSwap(0, c.server.now())
	}
	if limit.Hard > 0 {
		return !limit.beyondHard(pending)
	}
	return most == 0 || pending <= most
}

// discharge notes that the client has taken bytes.
func (c *client) discharge(n int64) {
	if n == 0 {
		return
	}
	if pending := c.shown.pending.Add(-n); !c.server.settings.output.Load().beyondSoft(pending) {
		c.shown.softSince.Store(0)
	}
}

// overLimit reports whether what waits for the client is beyond the limit that is set now,
// which may not be the one it was charged under.
func (c *client) overLimit(now int64) bool {
	limit, pending := c.server.settings.output.Load(), c.shown.pending.Load()
	switch {
	case limit.beyondHard(pending):
		return true
	case !limit.beyondSoft(pending):
		c.shown.softSince.Store(0)
		return false
	}
	c.shown.softSince.CompareAndSwap(0, now)
	since := c.shown.softSince.Load()
	return since != 0 && now-since > int64(limit.SoftTime)
}

// The input's policy.

func (c *client) mustAuthenticate() bool {
	return !c.session.authenticated && c.server.settings.password.Load() != nil
}

func (c *client) inputLimits() (bulkBytes, commandBytes int64) {
	settings := &c.server.settings
	return settings.bulkBytes.Load(), settings.commandBytes.Load()
}

func (c *client) finishing() bool { return c.server.finishing.Load() }

func (c *client) received(n int) {
	if n > 0 {
		if c.input.held.Load() > inputBytesMin { // also if no command becomes whole
			c.shown.spare.Store(true)
		}
		c.shown.activeAt.Store(c.server.now())
		c.server.stats.reads.Add(1)
		c.server.stats.inputBytes.Add(uint64(n))
	}
	c.shown.input.Store(int64(c.input.unparsed()))
}

// rest gives the memory back that a busy client has taken.
func (c *client) rest() {
	c.plan = plan{slowMax: c.plan.slowMax}
	c.outbox.rest()
	c.shown.spare.Store(false)
}

// refuse tells the client what was wrong with its bytes. All its earlier
// commands have been answered.
func (c *client) refuse(err protocolError) {
	c.server.stats.failed(nil, "ERR")
	c.server.logger.Debug("client broke the protocol", "addr", c.addr, "error", err)
	if !c.session.silent {
		c.outbox.fail("ERR " + err.Error())
	}
}
