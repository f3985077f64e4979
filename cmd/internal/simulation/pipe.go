package simulation

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// windowBytes is the number of bytes that one direction of a connection holds before writes block.
const windowBytes = 1 << 20

// conn is one end of a connection.
type conn struct {
	in, out       *pipe
	local, remote address
}

func (c *conn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *conn) Write(b []byte) (int, error) { return c.out.write(b) }

// Close ends both directions. The other end may still read what was sent.
func (c *conn) Close() error {
	c.out.closeWrite()
	c.in.fail(net.ErrClosed)
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readDeadline, t)
	c.out.setDeadline(&c.out.writeDeadline, t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readDeadline, t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writeDeadline, t)
	return nil
}

var errReset = errors.New("connection reset by peer")

// pipe is one direction of a connection.
type pipe struct {
	network *Network
	link    link
	comesIn bool // the sender has dialled the receiver

	mu            sync.Mutex
	changed       chan struct{} // closed and replaced on every change
	chunks        []chunk
	queued        int
	lastArrival   time.Time
	eof           bool
	err           error
	readDeadline  time.Time
	writeDeadline time.Time
}

type chunk struct {
	data []byte
	at   time.Time
}

func (n *Network) newPipe(from, to string) *pipe {
	p := &pipe{network: n, link: link{from, to}, changed: make(chan struct{})}
	n.pipes[p] = struct{}{}
	return p
}

func (p *pipe) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signal()
}

func (p *pipe) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pipe) setDeadline(field *time.Time, t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*field = t
	p.signal()
}

// fail breaks the pipe for both ends, and drops what was under way.
func (p *pipe) fail(err error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
		p.chunks, p.queued = nil, 0
		p.signal()
	}
	p.mu.Unlock()
	p.network.forget(p)
}

func (n *Network) forget(p *pipe) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.pipes, p)
}

func (p *pipe) closeWrite() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.eof = true
	p.signal()
}

// write queues bytes once there is room for them.
func (p *pipe) write(b []byte) (int, error) {
	at := p.network.arrival(p.link)
	for {
		p.mu.Lock()
		switch {
		case p.err != nil:
			defer p.mu.Unlock()
			return 0, p.err
		case p.eof:
			defer p.mu.Unlock()
			return 0, net.ErrClosed
		case p.queued == 0 || p.queued+len(b) <= windowBytes:
			defer p.mu.Unlock()
			if at.Before(p.lastArrival) {
				at = p.lastArrival
			}
			p.lastArrival = at
			p.chunks = append(p.chunks, chunk{append([]byte(nil), b...), at})
			p.queued += len(b)
			p.signal()
			return len(b), nil
		}
		changed, deadline := p.changed, p.writeDeadline
		p.mu.Unlock()
		if !waitUntil(changed, deadline) {
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// read waits for bytes that have arrived.
func (p *pipe) read(b []byte) (int, error) {
	for {
		p.mu.Lock()
		changed := p.changed // read before the cut is checked, so that no Heal is missed
		p.mu.Unlock()
		cut := p.network.isCut(p)
		p.mu.Lock()
		if p.err != nil {
			defer p.mu.Unlock()
			return 0, p.err
		}
		if !p.readDeadline.IsZero() && !time.Now().Before(p.readDeadline) {
			p.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		}
		next := p.readDeadline
		switch {
		case cut: // wait for Heal, which signals
		case len(p.chunks) == 0 && p.eof:
			p.mu.Unlock()
			p.network.forget(p)
			return 0, io.EOF
		case len(p.chunks) > 0 && !time.Now().Before(p.chunks[0].at):
			defer p.mu.Unlock()
			return p.take(b), nil
		case len(p.chunks) > 0 && (next.IsZero() || p.chunks[0].at.Before(next)):
			next = p.chunks[0].at
		}
		p.mu.Unlock()
		waitUntil(changed, next)
	}
}

// take moves bytes from the first chunk to b.
func (p *pipe) take(b []byte) int {
	n := copy(b, p.chunks[0].data)
	p.queued -= n
	if p.chunks[0].data = p.chunks[0].data[n:]; len(p.chunks[0].data) == 0 {
		p.chunks = p.chunks[1:]
	}
	p.signal()
	return n
}

// waitUntil waits for changed until t (zero: for ever). It returns false if t came first.
func waitUntil(changed <-chan struct{}, t time.Time) bool {
	if t.IsZero() {
		<-changed
		return true
	}
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-changed:
		return true
	case <-timer.C:
		return false
	}
}
