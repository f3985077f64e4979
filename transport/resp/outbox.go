package resp

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
)

// outbox sends a client its replies, in order, and between them what others have for
// it. What must hold is:
//
//  1. One goroutine at a time is the writer, and nobody else writes to the socket. The
//     connection's own takes its turn for the replies of a plan. Where nobody writes,
//     a push begins a goroutine, which ends when nothing is left.
//  2. A push stands between two replies, never inside one.
//  3. Who pushes never waits. A connection's own goroutine waits for its client, and
//     takes no commands meanwhile.
//  4. Every byte is charged before it is sent, and discharged when the system has
//     taken it. A client that is charged more than its limit is disconnected.
type outbox struct {
	client *client
	buf    []byte // rendered and not written; the writer's
	owed   int64  // what is charged for what the writer has taken and not sent; the writer's

	mu      sync.Mutex
	turn    *sync.Cond // of the connection's goroutine, while it waits to be the writer
	wanted  bool       // it waits
	writing bool
	pushed  [][]byte // what others have for the client; the bytes may be shared with other outboxes

	waits  atomic.Bool // pushed is not empty; read without mu
	broken atomic.Bool // the client is gone or was disconnected
}

// begin makes the connection's goroutine the writer.
func (o *outbox) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.writing {
		o.writing = true
		return
	}
	if o.turn == nil {
		o.turn = sync.NewCond(&o.mu)
	}
	for o.wanted = true; o.wanted; { // who writes hands its turn over
		o.turn.Wait()
	}
}

// end sends the replies and lets others write.
func (o *outbox) end() {
	o.finish()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.pushed) > 0 { // there may always be one more: the connection does not wait for the last
		go o.drain()
		return
	}
	o.writing = false
}

// drain sends what was pushed until nothing is left, or the connection's goroutine wants
// to send replies.
func (o *outbox) drain() {
	for {
		o.addPushed()
		o.finish()
		if o.handOver() {
			return
		}
	}
}

// handOver ends the turn of drain; false means that something is left to be sent.
func (o *outbox) handOver() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.wanted:
		o.wanted = false
		o.turn.Signal()
	case len(o.pushed) > 0:
		return false
	default:
		o.writing = false
	}
	return true
}

// finish sends what is rendered, and discharges what was estimated and was not sent.
func (o *outbox) finish() {
	o.flush()
	o.client.discharge(o.owed)
	o.owed = 0
	o.keepLittle()
}

// push has a line of size bytes sent as soon as no reply is under way. It is made only
// for a client that may have so much more, and never changed afterwards. push never
// waits for the client.
func (o *outbox) push(size int64, build func() []byte) {
	if o.broken.Load() {
		return
	}
	if !o.client.charge(size, pushBytesMax) {
		o.refusePush()
		return
	}
	line := build()
	o.mu.Lock()
	if o.broken.Load() {
		o.mu.Unlock()
		return
	}
	o.pushed = append(o.pushed, line)
	o.waits.Store(true)
	idle := !o.writing
	o.writing = true
	o.mu.Unlock()
	if idle {
		go o.drain()
	}
}

// addOwn adds a line about the client's own command behind its reply. What of its replies
// waits does not count against the line, as it does against what others push.
func (o *outbox) addOwn(size int64, build func() []byte) {
	if o.broken.Load() {
		return
	}
	if !o.client.charge(size, o.client.shown.pending.Load()+pushBytesMax) {
		o.refusePush()
		return
	}
	o.addLine(build())
}

// refusePush disconnects a client for which too much was pushed.
func (o *outbox) refusePush() {
	o.mu.Lock()
	o.pushed = nil
	o.mu.Unlock()
	o.abandon("output limit reached")
}

// between adds what was pushed while a reply was rendered.
func (o *outbox) between() {
	if o.waits.Load() {
		o.addPushed()
	}
}

func (o *outbox) addPushed() {
	o.mu.Lock()
	pushed := o.pushed
	o.pushed = nil
	o.waits.Store(false)
	o.mu.Unlock()
	for _, line := range pushed {
		o.addLine(line)
	}
}

// addLine adds a line that has been charged. A large one is not copied.
func (o *outbox) addLine(line []byte) {
	o.owed += int64(len(line))
	if len(line) >= directBytesMin {
		o.addRendered(line)
		return
	}
	o.buf = append(o.buf, line...)
	o.flushLarge()
}

// add renders a reply.
func (o *outbox) add(v *reply.Value, proto int) {
	switch {
	case len(v.Elems) > 0:
		o.buf = reply.AppendAggregateHeader(o.buf, *v, proto)
		for i := range v.Elems {
			if o.broken.Load() {
				return
			}
			o.add(&v.Elems[i], proto)
		}
		return
	case v.Kind == reply.Bulk && len(v.Bytes) >= directBytesMin:
		o.buf = reply.AppendBulkHeader(o.buf, len(v.Bytes))
		o.addRendered(v.Bytes)
		o.buf = append(o.buf, "\r\n"...)
	default:
		o.buf = reply.AppendRESP(o.buf, *v, proto)
	}
	o.flushLarge()
}

// addRendered sends bytes behind what is rendered, without a copy.
func (o *outbox) addRendered(b []byte) {
	o.flush()
	o.write(b)
}

func (o *outbox) flushLarge() {
	if len(o.buf) >= outputBytesMax {
		o.flush()
	}
}

func (o *outbox) flush() {
	o.write(o.buf)
	o.buf = o.buf[:0]
}

// write sends b in pieces, so that the sweep can tell a client that takes them
// slowly from one that takes none.
func (o *outbox) write(b []byte) {
	c := o.client
	shown, stats := &c.shown, &c.server.stats
	for len(b) > 0 && !o.broken.Load() {
		shown.blockedAt.Store(c.server.now())
		if c.finishing() {
			c.conn.SetWriteDeadline(time.Now().Add(finishWithin))
		}
		n, err := c.conn.Write(b[:min(len(b), outputWriteBytesMax)])
		shown.blockedAt.Store(0)
		shown.activeAt.Store(c.server.now())
		stats.outputBytes.Add(uint64(n))
		stats.writes.Add(1)
		if err != nil {
			o.breakOff()
		}
		b = b[n:]
		paid := min(int64(n), o.owed)
		o.owed -= paid
		c.discharge(paid)
	}
}

// keepLittle gives a large buffer back.
func (o *outbox) keepLittle() {
	switch {
	case cap(o.buf) > outputBytesKeep:
		o.buf = nil
	case cap(o.buf) > outputBytesIdle:
		o.client.shown.spare.Store(true)
	}
}

// fail sends an error that answers no command.
func (o *outbox) fail(text string) {
	v := reply.Err(text)
	o.begin()
	o.add(&v, 2)
	o.end()
}

// rest gives back the memory that renders replies.
func (o *outbox) rest() {
	o.begin()
	o.buf = nil
	o.end()
}

// abandon disconnects a client for whom too much waits.
func (o *outbox) abandon(why string) {
	c := o.client
	c.server.stats.outputLimited.Add(1)
	c.server.logger.Warn("client disconnected", "addr", c.addr, "reason", why)
	o.breakOff()
}

// breakOff ends the connection: its goroutine, which may wait for commands, notices.
func (o *outbox) breakOff() {
	o.broken.Store(true)
	o.client.kill()
}
