package resp

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
)

// outbox sends a client its replies, in order, and other clients' pushes between them. Its
// invariants:
//
//  1. Only one goroutine at a time is the writer, and nobody else writes to the socket. The
//     connection's own goroutine becomes the writer for the replies of a plan. If nobody
//     writes, a push starts a goroutine that ends when nothing is left.
//  2. A push stands between two replies, never inside one.
//  3. A push never waits. The connection's own goroutine does wait for its client, and takes
//     no commands meanwhile.
//  4. Every byte is charged before it is sent, and discharged when the operating system has
//     taken it. A client that is charged more than its limit is disconnected.
type outbox struct {
	client *client
	buf    []byte // rendered but not written; only for the writer
	owed   int64  // charged for what the writer has taken but not sent; only for the writer

	mu      sync.Mutex
	turn    *sync.Cond // signals the connection's goroutine while it waits to become the writer
	wanted  bool       // the connection's goroutine waits for its turn
	writing bool
	pushed  [][]byte // pushes for the client; other outboxes may share the bytes

	waits  atomic.Bool // whether pushed is not empty; read without mu
	broken atomic.Bool // the client is gone or was disconnected
}

// begin waits until the connection's goroutine is the writer.
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
	for o.wanted = true; o.wanted; { // the present writer hands its turn over
		o.turn.Wait()
	}
}

// end sends the replies and stops being the writer. If pushes wait, another goroutine sends them.
func (o *outbox) end() {
	o.finish()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.pushed) > 0 { // pushes may never stop coming, so the connection does not wait for the last one
		go o.drain()
		return
	}
	o.writing = false
}

// drain sends pushes until nothing is left, or until the connection's goroutine wants to send
// replies.
func (o *outbox) drain() {
	for {
		o.addPushed()
		o.finish()
		if o.handOver() {
			return
		}
	}
}

// handOver tries to end drain's turn. It returns false if there is more to send.
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

// finish sends what is rendered. It discharges the part of the charge that was estimated too high.
func (o *outbox) finish() {
	o.flush()
	o.client.discharge(o.owed)
	o.owed = 0
	o.keepLittle()
}

// push queues a line of size bytes, which is sent as soon as no reply is being sent. It builds the
// line only if the client may have that much more. The line never changes afterwards. push never
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

// addOwn adds a line about the client's own command after its reply. Unlike for other pushes, the
// client's pending replies do not count against the line.
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

// refusePush disconnects a client for which too many pushes wait.
func (o *outbox) refusePush() {
	o.mu.Lock()
	o.pushed = nil
	o.mu.Unlock()
	o.abandon("output limit reached")
}

// between adds the pushes that arrived while a reply was rendered.
func (o *outbox) between() {
	if o.waits.Load() {
		o.addPushed()
	}
}

// addPushed takes the queued pushes and adds them to what is sent.
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

// addLine adds a line that has been charged. A large line is not copied.
func (o *outbox) addLine(line []byte) {
	o.owed += int64(len(line))
	if len(line) >= directBytesMin {
		o.addRendered(line)
		return
	}
	o.buf = append(o.buf, line...)
	o.flushLarge()
}

// add renders a reply and sends it once enough is rendered.
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

// addRendered sends bytes after what is already rendered, without copying them.
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

// write sends b in pieces, so that the sweep can tell a slow client from one that takes nothing.
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

// keepLittle drops a large buffer. A buffer that is too large for an idle client is left to the
// sweep.
func (o *outbox) keepLittle() {
	switch {
	case cap(o.buf) > outputBytesKeep:
		o.buf = nil
	case cap(o.buf) > outputBytesIdle:
		o.client.shown.spare.Store(true)
	}
}

// fail sends an error that does not answer a command.
func (o *outbox) fail(text string) {
	v := reply.Err(text)
	o.begin()
	o.add(&v, 2)
	o.end()
}

// rest frees the memory for rendered replies.
func (o *outbox) rest() {
	o.begin()
	o.buf = nil
	o.end()
}

// abandon disconnects a client for which too many bytes wait.
func (o *outbox) abandon(why string) {
	c := o.client
	c.server.stats.outputLimited.Add(1)
	c.server.logger.Warn("client disconnected", "addr", c.addr, "reason", why)
	o.breakOff()
}

// breakOff ends the connection. Its goroutine, which may be waiting for commands, notices that.
func (o *outbox) breakOff() {
	o.broken.Store(true)
	o.client.kill()
}
