package node

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// streamLayer is Streams as Raft's transport takes it. It knows every open
// connection: the transport itself leaves pooled and accepted ones behind. It
// says when one that another server has opened ends. And a server that dials
// itself is connected within the process.
type streamLayer struct {
	streams  Streams
	self     string            // this server
	broken   func(from string) // an accepted connection has ended; must not block
	accepted chan acceptance
	own      chan net.Conn // what this server has dialled to itself
	done     chan struct{}
	ending   sync.Once

	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
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
		return l.track(a.conn, func() { l.broken(a.from) })
	case conn := <-l.own:
		return l.track(conn, nil)
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
	conn, err := l.streams.Dial(server, addr, timeout)
	if err != nil {
		return nil, &dialError{err}
	}
	return l.track(conn, nil)
}

// dialError is a call's failure for want of a connection.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

func (l *streamLayer) dialSelf() (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.own <- far:
		return l.track(near, nil)
	case <-l.done:
		near.Close()
		return nil, net.ErrClosed
	}
}

func (l *streamLayer) track(conn net.Conn, ended func()) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	l.open[conn] = struct{}{}
	return &trackedConn{Conn: conn, layer: l, ended: ended}, nil
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
	ended func() // called when nothing more can be read; nil: nobody asks
}

func (c *trackedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil && c.ended != nil {
		c.ended()
	}
	return n, err
}

func (c *trackedConn) Close() error {
	c.layer.mu.Lock()
	delete(c.layer.open, c.Conn)
	c.layer.mu.Unlock()
	return c.Conn.Close()
}
