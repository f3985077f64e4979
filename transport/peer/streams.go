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
	arrived  chan struct{}   // capacity 1: a stream waits
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
	from    string // who has opened it, "" for this server
	spoken  bool   // something has come in; of the reader alone
}

// Read implements net.Conn. Raft keeps connections for its next call and takes one that
// was ended for a call that has failed: so only who says nothing from the start is ended
// for that.
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

// admit counts a connection in; nil means that the lane is closed.
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

// offer queues a connection accepted from a server and reports whether it was taken. If
// nobody accepts, the oldest makes room: its server finds it closed and dials again.
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

// next takes the stream that has waited for longest, nil if none waits.
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

// Accept waits for the next connection that another server (id@incarnation) has opened.
func (s *Streams) Accept() (conn net.Conn, from string, err error) {
	for {
		if st := s.next(); st != nil {
			// From now on it is read: before, nobody could hear its first word.
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

// Dial opens a connection to a server (id@incarnation) that is to be found at addr.
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

// Addr is the advertised address.
func (s *Streams) Addr() net.Addr { return advertised(s.endpoint.cfg.Advertise) }

// advertised is a host:port as it was given: the host stays a name.
type advertised string

func (advertised) Network() string  { return "tcp" }
func (a advertised) String() string { return string(a) }
