package node

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// streamLayer is Streams as Raft's transport takes it. It knows every open
// connection: the transport itself leaves pooled and accepted ones behind. It
// says when one that another server has opened ends. A peer that stands still, or
// has gone without a word, holds nobody (silenceMax, deafMax). And a server that
// dials itself is connected within the process.
type streamLayer struct {
	streams  Streams
	self     string            // this server
	broken   func(from string) // an accepted connection has ended; must not block
	accepted chan acceptance
	own      chan net.Conn // what this server has dialled to itself
	done     chan struct{}
	ending   sync.Once

	mu      sync.Mutex
	open    map[net.Conn]struct{}
	refused raft.ServerAddress // is not dialled now
	closed  bool
}

// acceptance is what Streams.Accept returns.
type acceptance struct {
	conn net.Conn
	from string
	err  error
}

func newStreamLayer(streams Streams, self string, broken func(from string)) *streamLayer {
	l := &streamLayer{
		streams: streams, self: self, broken: broken, open: map[net.Conn]struct{}{},
		accepted: make(chan acceptance), own: make(chan net.Conn), done: make(chan struct{}),
	}
	go l.accept()
	return l
}

// accept ends with the layer: Streams is closed after done.
func (l *streamLayer) accept() {
	for {
		conn, from, err := l.streams.Accept()
		select {
		case l.accepted <- acceptance{conn, from, err}:
		case <-l.done:
			if conn != nil {
				conn.Close()
			}
			return
		}
	}
}

func (l *streamLayer) Addr() net.Addr { return l.streams.Addr() }

func (l *streamLayer) Accept() (net.Conn, error) {
	select {
	case a := <-l.accepted:
		if a.err != nil {
			return nil, a.err
		}
		return l.track(&acceptedConn{Conn: a.conn, ended: func() { l.broken(a.from) }})
	case conn := <-l.own:
		return l.track(conn)
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *streamLayer) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	server, addr, ok := strings.Cut(string(to), "|")
	if !ok {
		return nil, fmt.Errorf("dial %q: it names no server", to)
	}
	if server == l.self {
		return l.dialSelf()
	}
	if l.refuses(to) {
		return nil, &dialError{errDeparted}
	}
	conn, err := l.streams.Dial(server, addr, timeout)
	if err != nil {
		return nil, &dialError{err}
	}
	return l.track(&dialledConn{Conn: conn, to: to})
}

func (l *streamLayer) refuses(to raft.ServerAddress) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return to == l.refused
}

// dialError is a call's failure for want of a connection.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

func (l *streamLayer) dialSelf() (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.own <- far:
		return l.track(near)
	case <-l.done:
		near.Close()
		return nil, net.ErrClosed
	}
}

func (l *streamLayer) track(conn net.Conn) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	l.open[conn] = struct{}{}
	return &trackedConn{Conn: conn, layer: l}, nil
}

// Close ends the listening, and leaves connections.
func (l *streamLayer) Close() error {
	l.ending.Do(func() { close(l.done) })
	return l.streams.Close()
}

// cut closes the layer and all its connections.
func (l *streamLayer) cut() {
	l.mu.Lock()
	l.closed = true
	open := l.open
	l.open = nil
	l.mu.Unlock()
	_ = l.Close()
	for conn := range open {
		conn.Close()
	}
}

type trackedConn struct {
	net.Conn
	layer *streamLayer
}

func (c *trackedConn) Close() error {
	c.layer.mu.Lock()
	delete(c.layer.open, c.Conn)
	c.layer.mu.Unlock()
	return c.Conn.Close()
}

// acceptedConn is one that another server has opened. It may be idle for ever, but
// in the midst of a call it may not be silent.
type acceptedConn struct {
	net.Conn
	ended func() // called when the other server, or the way to it, has ended it

	inCall atomic.Bool // something has been read since the last answer
	armed  bool        // there is a deadline; of the reader alone
}

// Read gives a connection that is silent in the midst of a call up as if it had
// been closed.
func (c *acceptedConn) Read(b []byte) (int, error) {
	if err := c.arm(c.inCall.Load()); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	c.inCall.Store(true)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = io.ErrUnexpectedEOF
	case err != nil:
		c.ended()
	}
	return n, err
}

func (c *acceptedConn) arm(wanted bool) error {
	switch {
	case wanted:
		c.armed = true
		return c.SetReadDeadline(time.Now().Add(silenceMax))
	case c.armed:
		c.armed = false
		return c.SetReadDeadline(time.Time{})
	}
	return nil
}

func (c *acceptedConn) Write(b []byte) (int, error) {
	c.inCall.Store(false)
	return c.Conn.Write(b)
}

// dialledConn is one that this server has opened. What Raft's transport sets as a
// deadline is for a whole call, which for a snapshot may be an hour.
type dialledConn struct {
	net.Conn
	to       raft.ServerAddress
	deadline time.Time // of the whole call; zero: none
}

func (c *dialledConn) SetDeadline(t time.Time) error {
	c.deadline = t
	return c.Conn.SetDeadline(t)
}

func (c *dialledConn) Write(b []byte) (int, error) {
	deadline := time.Now().Add(deafMax)
	if !c.deadline.IsZero() && c.deadline.Before(deadline) {
		deadline = c.deadline
	}
	if err := c.SetWriteDeadline(deadline); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
