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

// Config is what a Service is made of.
type Config struct {
	Members   []Listed // the first start's list, this server among them; none if it joins or comes back
	Join      []string // peer addresses of members of a running cluster; a server that has them never founds one
	Await     bool     // it waits to be invited, and never founds
	Nonvoter  bool     // it joins to be a non-voter
	Vault     Vault
	Versions  Versions     // of the machine, that this program knows
	Release   string       // what this program calls itself, for those who need it; may be ""
	Hold      UpgradeHold  // nil: nobody holds an upgrade
	Boot      uint64       // of this process: higher than that of any before it
	Listener  net.Listener // the peer port
	Places    peer.Places  // how many connections it holds; zero: the most that are of use
	Dial      func(ctx context.Context, addr string) (net.Conn, error)
	Advertise string           // host:port that other servers dial
	Chosen    bool             // by the operator: a configuration that has another address takes it over
	Now       func() time.Time // the wall clock, for measuring skew
	Logger    *slog.Logger
}

// Service is this server's place among the others: its peer port, what it asks
// them and what it answers.
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

// entering is what the way into the cluster needs.
type entering struct {
	binding  chan struct{} // one token: who holds it may bind the vault
	surveyor string        // the founder that last asked where we stand; under binding
	bound    chan struct{} // capacity 1: a promise was stored, or an invitation has come
	invited  atomic.Pointer[[]string]
	doubted  chan struct{}          // capacity 1: somebody says that we have been removed
	known    []member.Server        // the configuration that a server which comes back has stored
	knew     atomic.Pointer[bool]   // whether there is one; nil before Form
	waitsFor atomic.Pointer[string] // what the way into the cluster waits for; nil: nothing
	// besideText says that this cluster of one runs beside another; nil: it does not.
	besideText atomic.Pointer[string]
}

// changing is what the leader needs to change the configuration.
type changing struct {
	admitted chan struct{} // one token: who holds it may change the configuration
	caughtUp map[string]look
	absent   map[string]absence // servers that do not answer; of the goroutine that watches
}

// attached is the running member.
type attached struct {
	member     Member
	membership Membership
	replicated Replicated
}

// Open opens the peer port. Until Attach, only questions of the first start
// are answered. The Service owns the listener from then on.
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

// list checks the list of members, which only a first start needs.
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

// Waits says what this server's way into its cluster waits for; "" for nothing.
func (s *Service) Waits() string {
	if text := s.waitsFor.Load(); text != nil {
		return *text
	}
	return ""
}

// Unready says why this server is not ready although its member may be; "" for nothing.
func (s *Service) Unready() string {
	if text := s.besideText.Load(); text != nil {
		return *text
	}
	return ""
}

// Streams is the lane of Raft's connections, for the member's transport.
func (s *Service) Streams() *peer.Streams { return s.endpoint.Streams() }

// PeersDisplaced counts the connections to the peer port that made room for others.
func (s *Service) PeersDisplaced() uint64 { return s.endpoint.Displaced() }

// Server is this server's name, id@incarnation.
func (s *Service) Server() string { return s.server }

// Attach gives the service the member that Form made possible. From then on it
// answers others' questions and watches them. It is called once.
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

// Close ends the service and every connection. The member must not be asked
// anything afterwards; what it has asked fails.
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

// pause waits for d; false means that ctx or the service has ended.
func (s *Service) pause(ctx context.Context, d time.Duration) bool { return s.pauseOr(ctx, d, nil) }

// pauseOr is pause, cut short by early.
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

// whyEnded says why a wait ended.
func (s *Service) whyEnded(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return peer.ErrClosed
}
