package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/cluster/admin"
	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/transport/resp"
)

// Server is one running node with its ports and its data directory.
type Server struct {
	cfg      Config
	env      Environment
	log      *slog.Logger
	identity member.Identity
	boot     uint64 // of this process
	stored   node.Stored

	service     *cluster.Service
	clients     *resp.Server // nil: no client port
	clientsAddr string       // the address on which the client port listens
	gate        gate         // between the clients and the member

	ctx      context.Context // cancelled to end the goroutines in entering
	cancel   context.CancelFunc
	entering sync.WaitGroup             // the goroutines that enter the cluster and watch the member
	member   atomic.Pointer[seatedNode] // nil until the member is open
	voted    atomic.Bool                // whether this server has been seen to be a voter
	undo     []step                     // what Open has started, to be ended in reverse order
	ending   ending
}

// ending records how and why a server stops.
type ending struct {
	claimed  atomic.Bool // one caller stops the server; all others wait for stopped, and take no lock
	failOnce sync.Once
	begun    atomic.Bool
	stopped  chan struct{}
	failure  error // what stopped the server; set before stopped is closed
	err      error // what went wrong while it stopped
}

// seatedNode is the open member with its administration.
type seatedNode struct {
	node    *node.Node
	admin   *admin.Admin
	cluster string
}

// step is one thing that was started, and how to end it.
type step struct {
	what string
	end  func(ctx context.Context) error
}

// Open starts a server. It takes over env.Disk and closes it even if it fails. It
// returns once the ports are open. Founding, joining or re-entering the cluster goes
// on in the background, because it waits for other servers. Ready tells when this
// server serves; until then, clients get LOADING.
func Open(cfg Config, env Environment) (*Server, error) {
	s := &Server{cfg: cfg.withDefaults(), env: env, ending: ending{stopped: make(chan struct{})},
		gate: gate{waiting: make(chan struct{}), patience: time.Now().Add(gatePatience)}}
	s.gate.early = &admin.Admin{Config: admin.Config{Process: process{s}}}
	s.log = s.cfg.Logger
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.began("close the data directory", func(context.Context) error { return env.Disk.Close() })
	stores, err := s.openPorts()
	if err != nil {
		s.cancel()
		return nil, errors.Join(err, s.endAll(context.Background()))
	}
	s.log.Info("started", slog.String("server", s.identity.Server), slog.Uint64("boot", s.boot), slog.String("version", s.cfg.Version))
	s.entering.Go(func() {
		switch err := s.enter(stores); {
		case err == nil || s.ctx.Err() != nil:
		case errors.Is(err, cluster.ErrNoPlace):
			s.collapse(err) // no command that waits here will ever be answered
		default:
			s.fail(err)
		}
	})
	return s, nil
}

// keepAddresses keeps, for a restarted server whose addresses no operator chose, the
// host that the other servers dial.
func (s *Server) keepAddresses() {
	known := s.stored.Servers
	if p := s.identity.Promise; p != nil && len(known) == 0 {
		known = p.Servers
	}
	for _, m := range known {
		host, _, err := net.SplitHostPort(m.PeerAddr)
		if m.ID != s.identity.Server || err != nil {
			continue
		}
		if s.cfg.Guessed.Peer {
			s.cfg.PeerAddr = m.PeerAddr
		}
		if _, port, err := net.SplitHostPort(s.cfg.ClientAddr); err == nil && s.cfg.Guessed.Client {
			s.cfg.ClientAddr = net.JoinHostPort(host, port)
		}
	}
}

// openPorts does the part of the start that needs no other server.
func (s *Server) openPorts() (node.Stores, error) {
	var err error
	// The disk comes first: if this directory must not vote, that is found out before
	// anybody has heard of this server. The boot number must be stored before anything
	// is sent under it.
	s.identity = s.env.Disk.Identity()
	if s.boot, err = s.env.Disk.RaiseBoot(); err != nil {
		return node.Stores{}, err
	}
	stores, err := s.env.Disk.Stores()
	if err != nil {
		return node.Stores{}, fmt.Errorf("open the stores: %w", err)
	}
	if s.stored, err = node.ReadStored(stores); err != nil {
		return node.Stores{}, fmt.Errorf("read the stores: %w", err)
	}
	s.keepAddresses()
	if err := s.openPeers(); err != nil {
		return node.Stores{}, err
	}
	// From now on the health port says what this server waits for.
	if s.env.ListenHTTP != nil {
		listener, err := s.env.ListenHTTP()
		if err != nil {
			return node.Stores{}, fmt.Errorf("open the HTTP port: %w", err)
		}
		s.began("close the HTTP port", openHTTP(listener, s, s.newRegistry()).close)
	}
	if s.env.ListenClients != nil {
		if err := s.openClients(); err != nil {
			return node.Stores{}, err
		}
	}
	return stores, nil
}

// openPeers opens the peer port with the cluster's service behind it.
func (s *Server) openPeers() error {
	listener, err := s.env.ListenPeers()
	if err != nil {
		return fmt.Errorf("open the peer port: %w", err)
	}
	hold, _ := s.env.Disk.(cluster.UpgradeHold)
	s.service, err = cluster.Open(cluster.Config{
		Members: s.cfg.listed(), Join: s.cfg.Joining.At, Await: s.cfg.Joining.Await, Nonvoter: s.cfg.Joining.Nonvoter,
		Vault: s.env.Disk, Versions: s.cfg.Machine, Release: s.cfg.Version, Hold: hold, Boot: s.boot,
		Listener: listener, Places: s.cfg.peerPlaces(), Dial: s.env.DialPeer,
		Advertise: s.cfg.PeerAddr, Chosen: !s.cfg.Guessed.Peer, Now: s.env.Clock.Now, Logger: s.log,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("open the peer port: %w", err), listener.Close())
	}
	s.began("close the peer port", func(context.Context) error { return s.service.Close() })
	return nil
}

// openClients opens the client port with the gate behind it.
func (s *Server) openClients() error {
	maxClients, err := s.maxClients()
	if err != nil {
		return err
	}
	listener, err := s.env.ListenClients()
	if err != nil {
		return fmt.Errorf("open the client port: %w", err)
	}
	s.clientsAddr = listener.Addr().String()
	mode := "standalone"
	if s.cfg.Follower == Redirect {
		mode = "cluster"
	}
	s.clients = resp.New(resp.Options{
		Listener: listener, Executor: &s.gate, Admin: &s.gate, Logger: s.log,
		Settings:     resp.Settings{Password: s.cfg.RequirePass, MaxClients: maxClients},
		Greeting:     resp.Greeting{Mode: mode, Role: s.role},
		ClientIDBase: s.clientIDBase, DebugCommands: s.cfg.DebugCommands,
	})
	go func() {
		if err := s.clients.Serve(); err != nil && !s.ending.begun.Load() && !errors.Is(err, net.ErrClosed) {
			s.fail(fmt.Errorf("serve clients: %w", err))
		}
	}()
	s.began("close the client port", s.clients.Close)
	return nil
}

// enter brings the server into its cluster and opens the member.
func (s *Server) enter(stores node.Stores) error {
	start, err := s.service.Form(s.ctx, s.stored.Any, s.stored.Servers)
	if err != nil {
		return err
	}
	var port node.Port
	if s.clients != nil {
		port = s.clients
	}
	n, err := node.Open(node.Config{
		Session:    entry.Session{Server: s.identity.Server, Boot: s.boot},
		ClientAddr: s.cfg.ClientAddr, Formation: start.Formation,
		Stores: stores, Streams: s.service.Streams(), Peers: peers{s.service},
		Clock: s.env.Clock, Port: port, Logger: s.log, NeverLead: s.cfg.NeverLead,
		WriteTimeout: s.cfg.WriteTimeout, Timing: s.cfg.Timing, Policy: s.cfg.Policy, Digests: s.cfg.Digests, Newest: s.cfg.Machine.Newest,
	})
	if err != nil {
		return fmt.Errorf("open the member: %w", err)
	}
	a := s.newAdmin(n, start.Cluster)
	s.member.Store(&seatedNode{n, a, start.Cluster})
	s.service.Attach(seat{n}, seat{n}, seat{n})
	s.service.Audit(audited{n, s.env.Disk, s.log})
	s.gate.let(&opened{s.executor(n), a})
	s.log.Info("member opened", slog.String("cluster", start.Cluster))
	s.entering.Go(func() { s.watch(n) })
	return s.stayMember(n)
}

// executor returns what runs the clients' commands.
func (s *Server) executor(n *node.Node) resp.Executor {
	if s.cfg.Follower == Redirect {
		return &cluster.Redirector{Next: n, Leadership: leadership{n, s.identity.Server}, Within: s.cfg.WriteTimeout}
	}
	return n
}

// Node returns the member, or nil until it is open.
func (s *Server) Node() *node.Node {
	if m := s.member.Load(); m != nil {
		return m.node
	}
	return nil
}

// Service returns the service through which this server talks to the others.
func (s *Server) Service() *cluster.Service { return s.service }

var (
	errStarting = errors.New("entering the cluster")
	errStopping = errors.New("stopping")
	errNoVoter  = errors.New("joining: not a voter yet")
)

// Ready returns nil once the server serves and has its intended role, else the reason
// why not. A server that has just joined serves before it votes. It is not ready until
// it votes: whoever restarts or wipes servers one by one waits for ready, and stopping
// the next server without this one's vote could cost the majority.
func (s *Server) Ready() error {
	m := s.member.Load()
	switch {
	case m != nil && m.node.Err() != nil: // even while the server stops
		return m.node.Err()
	case s.ending.begun.Load():
		return errStopping
	case m == nil:
		return s.waiting(errStarting)
	}
	if err := m.node.Ready(); err != nil {
		return s.waiting(err)
	}
	if why := s.service.Unready(); why != "" {
		return errors.New(why)
	}
	if !s.env.Disk.Identity().Settled && !s.votes(m.node) {
		return s.waiting(errNoVoter)
	}
	return nil
}

// waiting adds to the reason why this server is not ready what its entry into the
// cluster waits for.
func (s *Server) waiting(why error) error {
	if waits := s.service.Waits(); waits != "" {
		return fmt.Errorf("%w: %s", why, waits)
	}
	return why
}

// votes reports whether this server is, or has been, a voter of the committed
// configuration. The first yes is remembered, because asking the machine may have to
// wait for it.
func (s *Server) votes(n *node.Node) (votes bool) {
	if s.voted.Load() {
		return true
	}
	n.View(func(m *fsm.Machine) {
		votes = slices.ContainsFunc(m.Servers(), func(other member.Server) bool {
			return other.ID == s.identity.Server && other.Voter
		})
	})
	if votes {
		s.voted.Store(true)
	}
	return votes
}

// Status describes this server as it is now.
func (s *Server) Status() Status {
	status := Status{ID: s.cfg.ID, Server: s.identity.Server, Cluster: s.identity.Cluster}
	if err := s.Ready(); err != nil {
		status.Reason = err.Error()
	} else {
		status.Ready = true
	}
	if m := s.member.Load(); m != nil {
		status.Cluster, status.Term = m.cluster, m.node.CurrentTerm()
		status.Leading, status.Leader = m.node.IsLeader(), m.node.Leader()
		for _, other := range m.node.Servers() {
			status.Members = append(status.Members, Seat{other.ID, other.Voter})
		}
	}
	return status
}
