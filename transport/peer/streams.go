package peer

import (
	"context"
	"net"
	"sync"
	"time"
)

// Streams is the lane of Raft's own connections. It accepts those that other servers open and dials
// theirs. Closing it ends all of them, on both sides, but leaves the other lanes open.
type Streams struct {
	endpoint *Endpoint
	arrived  chan struct{}   // capacity 1: a stream is waiting
	ctx      context.Context // ends with the lane
	cancel   context.CancelFunc

	mu      sync.Mutex
	waiting []*stream // accepted, in the order of arrival
	open    map[*stream]struct{}
	closed  bool
}

func newStreams(e *Endpoint) *Streams {
	ctx, cancel := context.WithCancel(e.ctx)
	return &Streams{
		endpoint: e, ctx: ctx, cancel: cancel,
		arrived: make(chan struct{}, 1),
		open:    map[*stream]struct{}{},
	}
}

// stream is a Raft connection that Close ends.
type stream struct {
	*tracked
	streams *Streams
	from    string // the server that opened it; "" for this server
	spoken  bool   // something has arrived; used only by the reader
}

// Read implements net.Conn. The deadline for silence applies only until the first byte has arrived.
// Raft keeps connections open for its next call, and a kept one that was ended would look to it like
// a failed call.
func (s *stream) Read(b []byte) (int, error) {
	n, err := s.tracked.Read(b)
	if n == 0 || s.from == "" {
		return n, err
	}
	if !s.spoken {
		s.spoken = true
		if err := s.SetReadDeadline(time.Time{}); err != nil {
			return n, err
		}
	}
	s.heard(s.from)
	return n, err
}

func (s *stream) Close() error {
	s.streams.mu.Lock()
	delete(s.streams.open, s)
	s.streams.mu.Unlock()
	return s.tracked.Close()
}

// admit registers a connection. It returns nil if the lane is closed.
func (s *Streams) admit(conn *tracked, from string) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	st := &stream{tracked: conn, streams: s, from: from}
	s.open[st] = struct{}{}
	return st
}

// offer queues a connection from a server and reports whether the lane took it. If nobody accepts,
// the oldest makes room; its server finds it closed and dials again.
func (s *Streams) offer(conn *tracked, from string) bool {
	st := s.admit(conn, from)
	if st == nil {
		return false
	}
	var oldest *stream
	s.mu.Lock()
	s.waiting = append(s.waiting, st)
	if len(s.waiting) > streamsWaitingMax {
		oldest, s.waiting = s.waiting[0], s.waiting[1:]
	}
	s.mu.Unlock()
	signal(s.arrived)
	if oldest != nil {
		oldest.Close()
	}
	return true
}

// next takes the stream that has waited longest, or returns nil if none is waiting.
func (s *Streams) next() *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return nil
	}
	st := s.waiting[0]
	s.waiting = s.waiting[1:]
	return st
}

func (s *Streams) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Accept waits for the next connection that another server (id@incarnation) opens.
func (s *Streams) Accept() (conn net.Conn, from string, err error) {
	for {
		if st := s.next(); st != nil {
			// The time for the first word starts here, since nobody could read it before.
			_ = st.SetReadDeadline(time.Now().Add(firstWordWithin)) // its error shows at the reader
			return st, st.from, nil
		}
		select {
		case <-s.arrived:
		case <-s.ctx.Done():
			return nil, "", net.ErrClosed
		}
	}
}

// Dial opens a connection to a server (id@incarnation) at addr.
func (s *Streams) Dial(server, addr string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := s.ctx, func() {}
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
	s.waiting = nil
	s.mu.Unlock()
	s.cancel()
	for st := range open {
		st.tracked.Close()
	}
	return nil
}

// Addr returns the advertised address.
func (s *Streams) Addr() net.Addr { return advertised(s.endpoint.cfg.Advertise) }

// advertised is a host:port as it was given, with the host name not resolved.
type advertised string

func (advertised) Network() string  { return "tcp" }
func (a advertised) String() string { return string(a) }
