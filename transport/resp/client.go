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

// client is one connection. On a single goroutine, its input reads, its plan runs the commands that
// arrived together, and its outbox writes the replies. Other goroutines read the fields in shown,
// push to the outbox, and may call kill.
type client struct {
	server *Server
	conn   net.Conn
	ctx    context.Context // ends when the client is killed or found gone
	cancel context.CancelFunc

	number      uint64 // number of this connection in this process, from 1
	addr, laddr string
	descriptor  int
	since       time.Time

	input   input
	session session
	plan    plan
	outbox  outbox
	shown   shown
	closing bool // take no more commands; disconnect once the replies are sent
}

// session holds the choices that commands like HELLO and SELECT make for later commands.
type session struct {
	proto         int
	db            int
	authenticated bool
	readonly      bool // READONLY: reads come from this node's machine; changes only while no read waits
	silent        bool // CLIENT REPLY OFF
	skip          bool // do not answer the current command (CLIENT REPLY SKIP)
	skipNext      bool
}

// shown is the part of a running client that CLIENT LIST and the sweep can see.
type shown struct {
	mu   sync.Mutex // guards name
	name string

	db, proto atomic.Int32
	state     atomic.Int32 // a state
	noEvict   atomic.Bool
	readonly  atomic.Bool
	last      atomic.Pointer[command.Command]
	giveUp    atomic.Pointer[context.CancelFunc] // cancels the running node command; nil: none runs
	activeAt  atomic.Int64                       // when it last sent something or took a reply (Server.now)
	busySince atomic.Int64                       // when the current command began; 0: none
	blockedAt atomic.Int64                       // when the current write to its socket began; 0: none
	pending   atomic.Int64                       // bytes charged to it that it has not taken yet
	softSince atomic.Int64                       // since when pending exceeds the soft limit; 0: it does not
	spare     atomic.Bool                        // it holds memory that it needs only while busy
	input     atomic.Int64                       // bytes that have arrived and are not parsed yet
	silent    atomic.Bool                        // pushes are withheld from it (CLIENT REPLY)
}

// newClient makes the client of an accepted connection, in the state in which a connection starts.
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

// resetSession restores the session with which a connection starts. RESET uses it, too.
func (c *client) resetSession() {
	c.session = session{
		proto: 2, authenticated: c.server.settings.password.Load() == nil,
		skip: c.session.skip, // as in Redis, RESET after CLIENT REPLY SKIP is not answered
	}
	c.shown.proto.Store(2)
	c.shown.db.Store(0)
	c.shown.readonly.Store(false)
}

// id returns the client's id, which is unique in the cluster. While this process has no session in
// the cluster, it returns an error reply.
func (c *client) id() (id uint64, refusal reply.Value) {
	base, refusal := c.idBase()
	return base | c.number, refusal
}

func (c *client) idBase() (base uint64, refusal reply.Value) {
	return c.server.options.ClientIDBase(c.ctx)
}

// run serves the client until the connection ends.
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

// over reports whether nothing more will be sent to the client.
func (c *client) over() bool { return c.closing || c.outbox.broken.Load() }

// serve runs the commands that arrived together and sends their replies.
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

// leave disconnects the client and removes it from the server's list.
func (c *client) leave() {
	c.kill()
	c.setState(plain)
	c.server.forget(c)
}

// kill disconnects the client and cancels what it waits for. Any goroutine may call it.
func (c *client) kill() {
	c.conn.Close() // first, so that the client is sent nothing about what is cancelled
	c.cancel()
}

// charge adds n bytes to what the client is charged for, and reports whether it may have them. If
// no hard limit is set, most bounds the total; 0 means no bound.
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

// discharge takes n bytes that the client has received off its charge.
func (c *client) discharge(n int64) {
	if n == 0 {
		return
	}
	if pending := c.shown.pending.Add(-n); !c.server.settings.output.Load().beyondSoft(pending) {
		c.shown.softSince.Store(0)
	}
}

// overLimit reports whether the bytes pending for the client exceed the limit that is set now,
// which may have changed since they were charged.
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

// The methods that implement the input's policy.

func (c *client) mustAuthenticate() bool {
	return !c.session.authenticated && c.server.settings.password.Load() != nil
}

func (c *client) inputLimits() (bulkBytes, commandBytes int64) {
	settings := &c.server.settings
	return settings.bulkBytes.Load(), settings.commandBytes.Load()
}

func (c *client) finishing() bool { return c.server.finishing.Load() }

// received updates the client's counters after the input has read n bytes.
func (c *client) received(n int) {
	if n > 0 {
		if c.input.held.Load() > inputBytesMin { // needed even if no command ever becomes complete
			c.shown.spare.Store(true)
		}
		c.shown.activeAt.Store(c.server.now())
		c.server.stats.reads.Add(1)
		c.server.stats.inputBytes.Add(uint64(n))
	}
	c.shown.input.Store(int64(c.input.unparsed()))
}

// rest frees the memory that a busy client has taken.
func (c *client) rest() {
	c.plan = plan{slowMax: c.plan.slowMax}
	c.outbox.rest()
	c.shown.spare.Store(false)
}

// refuse tells the client about its protocol error. All its earlier commands have been answered.
func (c *client) refuse(err protocolError) {
	c.server.stats.failed(nil, "ERR")
	c.server.logger.Debug("client broke the protocol", "addr", c.addr, "error", err)
	if !c.session.silent {
		c.outbox.fail("ERR " + err.Error())
	}
}
