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

// streamLayer adapts Streams to Raft's transport. It tracks every open connection, because the
// transport itself leaves pooled and accepted ones behind. It reports when a connection that
// another server opened ends. A peer that freezes, or has gone without a word, blocks nobody
// (silenceMax, deafMax). A server that dials itself is connected within the process.
type streamLayer struct {
	streams  Streams
	self     string            // this server
	broken   func(from string) // called when an accepted connection has ended; must not block
	accepted chan acceptance
	own      chan net.Conn // connections that this server has dialled to itself
	done     chan struct{}
	ending   sync.Once

	mu      sync.Mutex
	open    map[net.Conn]struct{}
	refused raft.ServerAddress // must not be dialled at present
	closed  bool
}

// acceptance is a result of Streams.Accept.
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

// accept accepts connections until the layer ends: Streams is closed after done.
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

// refuses reports whether a target must not be dialled at present.
func (l *streamLayer) refuses(to raft.ServerAddress) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return to == l.refused
}

// dialError is the failure of a call that could not open a connection.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// dialSelf connects this server to itself through a pipe.
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

// track records an open connection so that cut can close it.
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

// Close stops listening. Open connections stay.
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

// trackedConn is an open connection that the layer knows of.
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

// acceptedConn is a connection that another server has opened. It may be idle for ever, but must
// not fall silent in the middle of a call.
type acceptedConn struct {
	net.Conn
	ended func() // called when the other server, or the network, has ended the connection

	inCall atomic.Bool // something has been read since the last answer
	armed  bool        // a read deadline is set; used by the reader alone
}

// Read treats a connection that falls silent in the middle of a call as closed.
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

// arm sets or removes the read deadline.
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

// dialledConn is a connection that this server has opened. The deadline that Raft's transport sets
// is for a whole call, which for a snapshot may be an hour; Write adds a shorter one.
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
