package resp

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
)

// Options holds the dependencies and settings of a Server.
type Options struct {
	Listener net.Listener
	Executor Executor
	Admin    Admin
	Logger   *slog.Logger
	Settings Settings
	Greeting Greeting
	// ClientIDBase returns a number that is added to the numbers of this process's connections to
	// make them unique in the cluster. Its low 32 bits are zero. It may wait for the number until
	// ctx ends, and returns an error reply if the number is not known.
	ClientIDBase func(ctx context.Context) (base uint64, refusal reply.Value)
	// DebugCommands allows clients to use DEBUG.
	DebugCommands bool
}

// Settings holds a node's settings that concern its clients. Zero values mean Redis's defaults.
// Each setting that CONFIG SET can change has a setter.
type Settings struct {
	Password     string        // requirepass; "" for none
	MaxClients   int           // maxclients
	BulkBytes    int64         // proto-max-bulk-len
	CommandBytes int64         // client-query-buffer-limit
	IdleTimeout  time.Duration // timeout; 0: never
	KeepAlive    time.Duration // tcp-keepalive; negative: none
	Output       OutputLimit   // client-output-buffer-limit normal
	StallMax     time.Duration // how long a client may take none of its replies, or send what is not read, while it waits
}

// OutputLimit is client-output-buffer-limit for normal clients. A client is disconnected if its
// pending replies take more than Hard bytes, or more than Soft bytes for SoftTime. Zero means no
// limit.
type OutputLimit struct {
	Hard, Soft int64
	SoftTime   time.Duration
}

// Greeting holds what HELLO says about the server. Zero values mean what Redis 7.0 says.
type Greeting struct {
	Server, Version, Mode string
	Role                  func() string // "master" or "replica"
}

// Server serves the clients of one node.
type Server struct {
	options  Options
	logger   *slog.Logger
	settings liveSettings
	stats    stats
	monitors monitors
	started  time.Time

	ctx       context.Context // ends everything that clients wait for
	cancel    context.CancelFunc
	finishing atomic.Bool
	stop      chan struct{} // closed when Close begins
	emptied   chan struct{} // closed when Close has seen the last client go

	mu      sync.Mutex
	clients map[uint64]*client
	numbers uint64         // number of connections so far
	turned  int64          // when a client that speaks another protocol was last logged
	running sync.WaitGroup // counts connections
	sweeper sync.WaitGroup
	closing sync.Once
}

// New makes a server and takes over the listener.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ClientIDBase == nil {
		o.ClientIDBase = func(context.Context) (uint64, reply.Value) { return 0, reply.Value{} }
	}
	o.Greeting = o.Greeting.withDefaults()
	s := &Server{
		options: o, logger: o.Logger, started: time.Now(),
		stop: make(chan struct{}), emptied: make(chan struct{}),
		clients: make(map[uint64]*client),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.settings.set(o.Settings)
	s.stats.init()
	return s
}

// Serve accepts and serves clients until Close.
func (s *Server) Serve() error {
	s.sweeper.Add(1)
	go s.sweepUntilStopped()
	s.acceptUntilClosed()
	s.sweeper.Wait()
	return nil
}

// Close stops accepting clients. It lets the commands that have arrived finish, sends their replies
// and disconnects the clients. Blocked commands are answered at once, and other node commands get
// finishWithin. When ctx ends, the remaining clients are cut off.
func (s *Server) Close(ctx context.Context) error {
	var err error
	s.closing.Do(func() { err = s.shutDown(ctx) })
	return err
}

// shutDown does the work of Close.
func (s *Server) shutDown(ctx context.Context) error {
	s.finishing.Store(true)
	close(s.stop)
	err := s.options.Listener.Close()
	for _, c := range s.everyone() {
		c.conn.SetReadDeadline(past) // wakes the clients that wait for commands
		c.conn.SetWriteDeadline(time.Now().Add(finishWithin))
		if c.state() == blocked {
			c.stopWaiting()
		}
	}
	patience := time.AfterFunc(finishWithin, func() {
		for _, c := range s.everyone() {
			c.stopWaiting()
		}
	})
	defer patience.Stop()
	gone := make(chan struct{})
	go func() { s.running.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-ctx.Done():
		for _, c := range s.everyone() {
			c.kill()
		}
		<-gone
	}
	s.cancel()
	close(s.emptied)
	return err
}

// forget removes a client that has left from the list.
func (s *Server) forget(c *client) {
	s.mu.Lock()
	delete(s.clients, c.number)
	s.mu.Unlock()
	s.running.Done()
}

// now returns a monotonic time in nanoseconds, always above zero.
func (s *Server) now() int64 { return int64(time.Since(s.started)) + 1 }
