package cluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/transport/peer"
)

// Config holds the settings and dependencies of a Service.
type Config struct {
	Members   []Listed // the list of the first start, with this server in it; empty if it joins or comes back
	Join      []string // peer addresses of members of a running cluster; a server that has any never founds one
	Await     bool     // wait for an invitation, and never found a cluster
	Nonvoter  bool     // join as a non-voter
	Vault     Vault
	Versions  Versions     // the versions of the machine that this program knows
	Release   string       // the release that this program tells other servers; may be ""
	Hold      UpgradeHold  // nil: no operator holds upgrades here
	Boot      uint64       // boot number of this process, higher than that of any earlier one
	Listener  net.Listener // the peer port
	Places    peer.Places  // how many connections the peer port holds; zero: the useful maximum
	Dial      func(ctx context.Context, addr string) (net.Conn, error)
	Advertise string           // host:port that other servers dial
	Chosen    bool             // the operator chose Advertise: if the configuration has another address, it takes this one over
	Now       func() time.Time // the wall clock, for measuring skew
	Logger    *slog.Logger
}

// Service represents this server among the others. It owns the peer port, asks the other servers
// questions and answers theirs.
type Service struct {
	cfg      Config
	server   string // id@incarnation
	process  string // tells apart two processes of one server
	list     list
	endpoint *peer.Endpoint
	logger   *slog.Logger

	ctx     context.Context // ends with the service
	cancel  context.CancelFunc
	running sync.WaitGroup
	ending  sync.Mutex // orders Attach and Close
	ended   bool

	attached atomic.Pointer[attached]
	audited  atomic.Pointer[Audited] // nil before Audit
	opened   chan struct{}           // closed once endpoint is set: handlers wait for it
	handlers chan struct{}           // one token per handler at work
	entering
	changing
	upgrading upgrading
	health    healthBook
}

// entering is the state of this server's way into the cluster.
type entering struct {
	binding  chan struct{} // one token; its holder may bind the vault
	surveyor string        // the founder that last asked where this server stands; guarded by binding
	bound    chan struct{} // capacity 1: a promise was stored, or an invitation has arrived
	invited  atomic.Pointer[[]string]
	doubted  chan struct{}          // capacity 1: another server says that this one has been removed
	known    []member.Server        // the configuration that a returning server has stored
	knew     atomic.Pointer[bool]   // whether there is a stored configuration; nil before Form
	waitsFor atomic.Pointer[string] // what the start waits for; nil: nothing
	// besideText says that this cluster of one runs beside another cluster; nil: it does not.
	besideText atomic.Pointer[string]
}

// changing is the state that the leader needs to change the configuration.
type changing struct {
	admitted chan struct{} // one token; its holder may change the configuration
	caughtUp map[string]look
	absent   map[string]absence // servers that do not answer; only the watch goroutine uses it
}

// attached is the running member, as Attach received it.
type attached struct {
	member     Member
	membership Membership
	replicated Replicated
}

// Open opens the peer port and takes over the listener. Until Attach, the Service answers only the
// questions of the first start.
func Open(cfg Config) (*Service, error) {
	identity := cfg.Vault.Identity()
	own, err := cfg.list(identity)
	if err != nil {
		return nil, err
	}
	if cfg.Versions == (Versions{}) {
		return nil, errNoVersions
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Service{
		cfg: cfg, server: identity.Server, process: rand.Text(), list: own, logger: cfg.Logger,
		opened:   make(chan struct{}),
		handlers: make(chan struct{}, handlersMax),
		entering: entering{binding: make(chan struct{}, 1), bound: make(chan struct{}, 1), doubted: make(chan struct{}, 1)},
		changing: changing{admitted: make(chan struct{}, 1), caughtUp: map[string]look{}, absent: map[string]absence{}},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.endpoint = peer.Open(peer.Config{
		Server: identity.Server, Advertise: cfg.Advertise, Listener: cfg.Listener,
		Dial: cfg.Dial, Book: addressBook{s}, Handler: handler{s}, Places: cfg.Places, Logger: cfg.Logger,
	})
	close(s.opened)
	return s, nil
}

// list checks the list of members. Only a first start needs one.
func (cfg *Config) list(identity member.Identity) (list, error) {
	if len(cfg.Join) > seedsMax {
		return nil, fmt.Errorf("%d addresses to join at; at most %d are possible", len(cfg.Join), seedsMax)
	}
	joins := cfg.Await || len(cfg.Join) > 0
	if len(cfg.Members) == 0 && (joins || identity.Cluster != "") {
		return nil, nil
	}
	own, err := newList(cfg.Members)
	if err != nil {
		return nil, fmt.Errorf("the list of members: %w", err)
	}
	id := member.ID(identity.Server)
	if _, ok := own.find(id); !ok && identity.Cluster == "" && !joins {
		return nil, fmt.Errorf("the list of members %s does not name this server, %q", own, id)
	}
	return own, nil
}

// Waits says what this server's way into its cluster waits for, or returns "" if it does not wait.
func (s *Service) Waits() string {
	if text := s.waitsFor.Load(); text != nil {
		return *text
	}
	return ""
}

// Unready says why this server is not ready although its member may be, or returns "" if nothing
// speaks against it.
func (s *Service) Unready() string {
	if text := s.besideText.Load(); text != nil {
		return *text
	}
	return ""
}

// Streams returns the lane of Raft's connections, for the member's transport.
func (s *Service) Streams() *peer.Streams { return s.endpoint.Streams() }

// PeersDisplaced counts the peer connections that were closed to make room for others.
func (s *Service) PeersDisplaced() uint64 { return s.endpoint.Displaced() }

// Server returns this server's name, id@incarnation.
func (s *Service) Server() string { return s.server }

// Attach hands the service the member, which can be opened after Form. From then on the service
// answers the other servers' questions and watches those servers. It is called once.
func (s *Service) Attach(m Member, ms Membership, r Replicated) {
	s.ending.Lock()
	defer s.ending.Unlock()
	if s.ended {
		return
	}
	s.attached.Store(&attached{m, ms, r})
	s.running.Go(s.watch)
	s.running.Go(s.watchUpgrade)
}

// Close ends the service and all its connections. The member must not ask anything afterwards; its
// pending questions fail.
func (s *Service) Close() error {
	s.ending.Lock()
	s.ended = true
	s.ending.Unlock()
	s.cancel()
	err := s.endpoint.Close()
	s.running.Wait()
	if err != nil {
		return fmt.Errorf("close the peer port: %w", err)
	}
	return nil
}

// pause waits for d. It returns false if ctx or the service ends first.
func (s *Service) pause(ctx context.Context, d time.Duration) bool { return s.pauseOr(ctx, d, nil) }

// pauseOr is pause, but a signal on early cuts the wait short.
func (s *Service) pauseOr(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-early:
		return true
	case <-ctx.Done():
		return false
	case <-s.ctx.Done():
		return false
	}
}

// whyEnded returns the reason for which a wait ended.
func (s *Service) whyEnded(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return peer.ErrClosed
}
