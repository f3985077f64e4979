package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/transport/peer"
)

// Health holds what this server last learned of another server.
type Health struct {
	Server    string
	Reachable bool // it answered the last question
	Err       error
	State     State
	AsOf      time.Time     // when it last answered, on this server's clock
	RTT       time.Duration // round-trip time of that question
	// Skew is the other server's wall clock minus ours, accurate to half of RTT.
	Skew time.Duration
}

type healthBook struct {
	mu      sync.Mutex
	servers map[string]Health
}

// encodeState encodes this server's state and wall clock for the answer to kindState.
func (h handler) encodeState(s State) []byte {
	var flags uint64
	if s.NeverLeads {
		flags |= stateNeverLeads
	}
	if s.Diverged {
		flags |= stateDiverged
	}
	b := appendNumbers(nil, s.Stored, s.Applied, s.Term, uint64(h.cfg.Now().UnixNano()), flags)
	return append(b, s.Leader...)
}

// Inspect asks a server for its state now. The error says why there is no answer.
func (s *Service) Inspect(ctx context.Context, server string) (Health, error) {
	sent, wall := time.Now(), s.cfg.Now()
	a, err := s.ask(ctx, server, peer.Request{Kind: kindState})
	if err != nil {
		return Health{Server: server, Err: err}, fmt.Errorf("ask %s for its state: %w", server, err)
	}
	h := Health{Server: server, Reachable: true, RTT: time.Since(sent), AsOf: time.Now()}
	var theirs, flags uint64
	rest, err := cutNumbers(a.Payload, &h.State.Stored, &h.State.Applied, &h.State.Term, &theirs, &flags)
	if err != nil {
		return Health{Server: server, Err: err}, err
	}
	h.State.Leader, h.State.NeverLeads = string(rest), flags&stateNeverLeads != 0
	h.State.Diverged = flags&stateDiverged != 0
	h.Skew = time.Unix(0, int64(theirs)).Sub(wall.Add(h.RTT / 2))
	return h, nil
}

// Stored asks a server for the index of the last entry on its disk (used by WAIT).
func (s *Service) Stored(ctx context.Context, server string) (uint64, error) {
	h, err := s.Inspect(ctx, server)
	return h.State.Stored, err
}

// Links lists the open connections with other servers.
func (s *Service) Links() []peer.LinkInfo { return s.endpoint.Links() }

// Health returns what was last learned of a server, and false if nothing has been learned yet.
func (s *Service) Health(server string) (Health, bool) {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	h, ok := s.health.servers[server]
	return h, ok
}

// watch looks at the other servers every watchEvery.
func (s *Service) watch() {
	for s.pause(s.ctx, watchEvery) {
		s.look()
		s.lookBeside()
		s.removeDead()
		s.forgetDeparted()
	}
}

// forgetDeparted drops the connections to servers that are no longer in the configuration.
func (s *Service) forgetDeparted() {
	servers := s.attached.Load().member.Servers()
	if len(servers) == 0 {
		return // not known yet
	}
	s.endpoint.Retain(func(server string) bool {
		return slices.ContainsFunc(servers, func(m member.Server) bool { return m.ID == server })
	})
}

// look asks every other server for its state once, all at the same time.
func (s *Service) look() {
	ctx, cancel := context.WithTimeout(s.ctx, watchTimeout)
	defer cancel()
	var mu sync.Mutex
	var asking sync.WaitGroup
	found := map[string]Health{}
	for _, other := range s.attached.Load().member.Servers() {
		if other.ID == s.server {
			continue
		}
		asking.Go(func() {
			h, _ := s.Inspect(ctx, other.ID) // its error is in h
			mu.Lock()
			found[other.ID] = h
			mu.Unlock()
		})
	}
	asking.Wait()
	s.health.mu.Lock()
	before := s.health.servers
	s.health.servers = found
	s.health.mu.Unlock()
	s.noteAbsent(found)
	for server, h := range found {
		if was, known := before[server]; known && was.Reachable != h.Reachable {
			s.logger.Info("a peer's reachability has changed", slog.String("server", server), slog.Bool("reachable", h.Reachable))
		}
	}
}
