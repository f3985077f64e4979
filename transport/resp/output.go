package resp

import (
	"github.com/kvorum/kvorum/fsm/reply"
)

// output renders replies into one buffer and sends it when it is large or the
// plan's replies are all in it. Large strings are sent from where they are.
// Nothing else writes to a client's socket.
type output struct {
	client *client
	buf    []byte
	broken bool // the client is gone or was disconnected
}

// sendReplies sends the replies of the plan, in order.
func (c *client) sendReplies() {
	if limit := c.server.settings.output.Load(); limit.Hard > 0 || limit.Soft > 0 {
		if !c.within(limit) {
			c.output.abandon("output limit reached")
			return
		}
	}
	for i := range c.plan.jobs {
		if j := &c.plan.jobs[i]; !j.mute {
			c.output.add(&j.call.Reply, j.proto)
		}
	}
	c.output.flush()
	c.shown.pending.Store(0)
	c.shown.pendingFrom.Store(0)
	if cap(c.output.buf) > outputBytesKeep {
		c.output.buf = nil
	}
}

// within reports whether the plan's replies are within the hard limit, and
// shows the sweep what the soft limit is judged by.
func (c *client) within(limit *OutputLimit) bool {
	var size int64
	for i := range c.plan.jobs {
		if j := &c.plan.jobs[i]; !j.mute {
			size += wireBytes(&j.call.Reply)
		}
	}
	c.shown.pending.Store(size)
	c.shown.pendingFrom.Store(c.server.now())
	return limit.Hard == 0 || size <= limit.Hard
}

// wireBytes is about how many bytes v takes on the wire.
func wireBytes(v *reply.Value) int64 {
	size := int64(len(v.Bytes)) + 8
	for i := range v.Elems {
		size += wireBytes(&v.Elems[i])
	}
	return size
}

func (o *output) add(v *reply.Value, proto int) {
	switch {
	case len(v.Elems) > 0:
		o.buf = reply.AppendAggregateHeader(o.buf, *v, proto)
		for i := range v.Elems {
			o.add(&v.Elems[i], proto)
		}
		return
	case v.Kind == reply.Bulk && len(v.Bytes) >= directBytesMin:
		o.buf = reply.AppendBulkHeader(o.buf, len(v.Bytes))
		o.flush()
		o.write(v.Bytes)
		o.buf = append(o.buf, "\r\n"...)
	default:
		o.buf = reply.AppendRESP(o.buf, *v, proto)
	}
	if len(o.buf) >= outputBytesMax {
		o.flush()
	}
}

// fail sends an error that answers no command.
func (o *output) fail(text string) {
	v := reply.Err(text)
	o.add(&v, 2)
	o.flush()
}

func (o *output) flush() {
	o.write(o.buf)
	o.buf = o.buf[:0]
}

// write sends b in pieces, so that the sweep can tell a client that takes them
// slowly from one that takes none.
func (o *output) write(b []byte) {
	shown, stats := &o.client.shown, &o.client.server.stats
	for len(b) > 0 && !o.broken {
		shown.blockedAt.Store(o.client.server.now())
		n, err := o.client.guard.Conn.Write(b[:min(len(b), outputWriteBytesMax)])
		shown.blockedAt.Store(0)
		stats.outputBytes.Add(uint64(n))
		stats.writes.Add(1)
		if err != nil {
			o.broken, o.client.closing = true, true
		}
		b = b[n:]
	}
}

// abandon disconnects a client whose replies it is not worth to keep.
func (o *output) abandon(why string) {
	o.client.server.logger.Warn("client disconnected", "addr", o.client.addr, "reason", why)
	o.broken, o.client.closing = true, true
	o.buf = nil
}
