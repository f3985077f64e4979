package peer

import (
	"context"
	"net"
	"sync"
	"time"
)

// Streams is the lane of Raft's own connections: it accepts those that other
// servers have opened to us and dials theirs. Closing it ends all of them, on
// both sides, and leaves the other lanes.
type Streams struct {
	endpoint *Endpoint
	waiting  chan *stream
	done     chan struct{}

	mu     sync.Mutex
	open   map[*stream]struct{}
	closed bool
}

func newStreams(e *Endpoint) *Streams {
	return &Streams{
		endpoint: e,
		waiting:  make(chan *stream, streamsWaitingMax),
		done:     make(chan struct{}),
		open:     map[*stream]struct{}{},
	}
}

// stream is a Raft connection that Close ends.
type stream struct {
	net.Conn
	streams *Streams
	from    string // who has opened it, "" for this server
}

func (s *stream) Close() error {
	s.streams.mu.Lock()
	delete(s.streams.open, s)
	s.streams.mu.Unlock()
	return s.Conn.Close()
}

// admit counts a connection in; nil means that the lane is closed.
func (s *Streams) admit(conn net.Conn, from string) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	st := &stream{Conn: conn, streams: s, from: from}
	s.open[st] = struct{}{}
	return st
}

// offer queues a connection accepted from a server and reports whether it was taken.
func (s *Streams) offer(conn net.Conn, from string) bool {
	st := s.admit(conn, from)
	if st == nil {
		return false
	}
	select {
	case s.waiting <- st:
		return true
	default: // nobody accepts: the other side finds it closed and dials again
		st.Close()
		return false
	}
}

func (s *Streams) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Accept waits for the next connection that another server (id@incarnation) has opened.
func (s *Streams) Accept() (conn net.Conn, from string, err error) {
	select {
	case st := <-s.waiting:
		return st, st.from, nil
	case <-s.done:
		return nil, "", net.ErrClosed
	}
}

// Dial opens a connection to a server (id@incarnation) that is to be found at addr.
func (s *Streams) Dial(server, addr string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := s.endpoint.ctx, func() {}
	if timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	conn, err := s.endpoint.open(ctx, addr, Raft, server)
	if err != nil {
		return nil, err
	}
	st := s.admit(conn, "")
	if st == nil {
		conn.Close()
		return nil, net.ErrClosed
	}
	return st, nil
}

// Close ends the lane and all its connections.
func (s *Streams) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	open := s.open
	s.open = map[*stream]struct{}{}
	s.mu.Unlock()
	close(s.done)
	for st := range open {
		st.Conn.Close()
	}
	return nil
}

// Addr is the advertised address.
func (s *Streams) Addr() net.Addr { return advertised(s.endpoint.cfg.Advertise) }

// advertised is a host:port as it was given: the host stays a name.
type advertised string

func (advertised) Network() string  { return "tcp" }
func (a advertised) String() string { return string(a) }
