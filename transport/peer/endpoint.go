package peer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// Config holds the settings and dependencies of an Endpoint.
type Config struct {
	Server    string // this server, id@incarnation
	Cluster   string // the cluster it belongs to; "" until Join
	Advertise string // host:port that other servers dial
	Listener  net.Listener
	Dial      func(ctx context.Context, addr string) (net.Conn, error) // resolves the name at every call
	Book      Book
	Handler   Handler
	Places    Places // zero: as many as the largest cluster needs
	Logger    *slog.Logger
}

// Endpoint is this server's side of all traffic between servers: one listener, the connections that
// it has accepted, and those that it has dialled.
type Endpoint struct {
	cfg     Config
	ctx     context.Context // ends with the endpoint
	cancel  context.CancelFunc
	running sync.WaitGroup
	streams *Streams
	lobby   lobby

	untaken complaints // about connections that were refused
	failing complaints // about the listener

	mu      sync.Mutex
	cluster string
	conns   map[net.Conn]struct{}
	links   map[linkKey]*link
	served  map[*serving]struct{} // accepted connections of requests
	closed  bool
}

type linkKey struct {
	server string
	class  Class
}

// Open starts serving and takes over the listener.
func Open(cfg Config) *Endpoint {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Endpoint{
		cfg: cfg, cluster: cfg.Cluster, lobby: newLobby(cfg.Places),
		untaken: complaints{log: cfg.Logger, level: slog.LevelWarn, what: "connections to the peer port were not taken"},
		failing: complaints{log: cfg.Logger, level: slog.LevelError, what: "cannot accept peers"},
		conns:   map[net.Conn]struct{}{}, links: map[linkKey]*link{}, served: map[*serving]struct{}{},
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.streams = newStreams(e)
	e.running.Go(e.accept)
	return e
}

// Join opens the lanes Raft and Requests for a cluster. A server belongs to one cluster for ever,
// so naming another is a bug and panics.
func (e *Endpoint) Join(cluster string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cluster != "" && e.cluster != cluster {
		panic(fmt.Sprintf("peer: a server of cluster %q cannot join %q", e.cluster, cluster))
	}
	e.cluster = cluster
}

// Cluster returns the cluster to which this server belongs, or "" if it has none yet.
func (e *Endpoint) Cluster() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cluster
}

// Server returns this server's own name.
func (e *Endpoint) Server() string { return e.cfg.Server }

// Streams returns the lane of Raft's own connections.
func (e *Endpoint) Streams() *Streams { return e.streams }

// Close ends every connection and every goroutine. Requests that wait for an answer fail. A handler
// must not call it.
func (e *Endpoint) Close() error {
	e.streams.Close()
	e.mu.Lock()
	already := e.closed
	e.closed = true
	conns := e.conns
	e.conns = map[net.Conn]struct{}{}
	e.mu.Unlock()
	e.cancel()
	var err error
	if !already {
		err = e.cfg.Listener.Close()
	}
	for conn := range conns {
		conn.Close()
	}
	e.running.Wait()
	return err
}

// Call sends a request to a server and waits for its answer or the end of ctx. Its errors are
// ErrNotSent or ErrUnknown; a refused connection is both ErrNotSent and ErrRefused.
func (e *Endpoint) Call(ctx context.Context, server string, req Request) (Answer, error) {
	l, err := e.link(server, req)
	if err != nil {
		return Answer{}, notSent(err)
	}
	return l.call(ctx, req)
}

// Send sends a request and returns at once. Requests of one class to one server arrive in the order
// of the calls. Send calls done once, from any goroutine; done must not block. The errors are those
// of Call.
func (e *Endpoint) Send(server string, req Request, done func(Answer, error)) {
	l, err := e.link(server, req)
	if err != nil {
		done(Answer{}, notSent(err))
		return
	}
	l.send(req, done)
}

// link returns the link for a request, and starts one if there is none.
func (e *Endpoint) link(server string, req Request) (*link, error) {
	if err := checkRequest(req); err != nil {
		return nil, err
	}
	key := linkKey{server, req.Class}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	l := e.links[key]
	if l == nil {
		l = newLink(e, server, req.Class)
		e.links[key] = l
		e.running.Go(l.run)
	}
	return l, nil
}

// checkRequest refuses a request that does not fit a frame.
func checkRequest(req Request) error {
	if req.Kind == probeKind || req.Kind&answerBit != 0 || req.Class >= classCount {
		return fmt.Errorf("no request has kind %d and class %d", req.Kind, req.Class)
	}
	if len(req.Payload) > payloadBytesMax {
		return fmt.Errorf("a request of %d bytes: at most %d fit a frame", len(req.Payload), payloadBytesMax)
	}
	return nil
}

// open dials an address and greets the server that is expected there.
func (e *Endpoint) open(ctx context.Context, addr string, lane Lane, to string) (*tracked, error) {
	g := Greeting{Lane: lane, Cluster: e.Cluster(), From: e.cfg.Server, To: to}
	conn, err := e.cfg.Dial(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	if !e.track(conn) {
		conn.Close()
		return nil, ErrClosed
	}
	if _, err := greet(ctx, conn, g); err != nil {
		e.untrack(conn)
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return &tracked{Conn: conn, endpoint: e}, nil
}

// Gone reports whether a server's process has ended: its host refuses connections, since nobody
// listens at its address. It returns false if there is no answer, a refused greeting or no known
// address.
func (e *Endpoint) Gone(ctx context.Context, server string) bool {
	addr, ok := e.cfg.Book.Address(server)
	if !ok {
		return false
	}
	conn, err := e.open(ctx, addr, Requests, server)
	if err != nil {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	conn.Close()
	return false
}

// background runs f on a goroutine for which Close waits.
func (e *Endpoint) background(f func()) { e.running.Go(f) }

// track registers a connection for Close to end. It returns false if Close was already called.
func (e *Endpoint) track(conn net.Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.conns[conn] = struct{}{}
	return true
}

func (e *Endpoint) untrack(conn net.Conn) {
	e.mu.Lock()
	delete(e.conns, conn)
	e.mu.Unlock()
}

// accept accepts connections and welcomes each on a goroutine of its own, until the endpoint
// closes.
func (e *Endpoint) accept() {
	for {
		conn, err := e.cfg.Listener.Accept()
		switch {
		case err == nil && e.track(conn):
			t := e.enter(conn)
			e.running.Go(func() { e.welcome(t) })
		case err == nil:
			conn.Close()
		case e.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default: // most likely out of descriptors, which may pass
			e.failing.note(err)
			select {
			case <-time.After(backoffMax):
			case <-e.ctx.Done():
				return
			}
		}
	}
}
