package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/transport/peer"
)

// knock asks whether a leader would add this server, and returns that leader's cluster.
func (s *Service) knock(ctx context.Context) (cluster string, err error) {
	a, err := s.askAdmit(ctx, admitQuestion{Joining: true, Knock: true})
	return a.Cluster, err
}

// join asks for a place until this server is in the committed configuration (state 6 of Form).
func (s *Service) join(ctx context.Context, cluster string) error {
	r := &report{service: s}
	for {
		a, err := s.askAdmit(ctx, admitQuestion{Joining: true})
		switch {
		case err == nil && a.Cluster != cluster:
			err = fmt.Errorf("the members belong to cluster %s now", a.Cluster)
		case err == nil && a.Server:
			s.logger.Info("added to the cluster", slog.String("cluster", cluster))
			return nil
		case err == nil:
			err = errors.New("not added yet")
		}
		r.say("joining waits", append(s.rebuiltOthers(ctx), err.Error()))
		if !s.pauseOr(ctx, surveyEvery, s.bound) { // an invitation may bring better addresses
			return s.whyEnded(ctx)
		}
	}
}

// Settle returns nil once this server has its final role in the committed configuration: it is a
// voter, or a non-voter that does not ask to vote. A server that has never been a voter asks the
// leader, which promotes it once it has caught up. ErrNoPlace means that this server must not run.
// If no leader answers, Settle waits until ctx ends.
func (s *Service) Settle(ctx context.Context) error {
	r := &report{service: s, looked: time.Now()}
	defer r.over()
	for {
		asks := !s.cfg.Vault.Identity().Settled
		a, err := s.askAdmit(ctx, admitQuestion{Vote: asks}) // not joining: Form returns only after the addition is committed
		var no *Refused
		switch {
		case err == nil && a.Voter:
			if s.cfg.Nonvoter {
				s.logger.Warn("this server is a voter, and --nonvoter does not change that: demote it")
			}
			return s.settle()
		case errors.As(err, &no):
			return fmt.Errorf("%w: %s", ErrNoPlace, no.Text)
		case err == nil && a.Server && !asks:
			return nil
		case err == nil:
			r.say("becoming a voter waits", []string{"this server to catch up: it " + a.Waits})
		default:
			s.sayAwaiting(ctx, r)
		}
		if !s.pause(ctx, settleEvery) {
			return s.whyEnded(ctx)
		}
	}
}

// Doubted returns a channel that signals when another server believes that this one was removed.
// Settle finds out whether that is true.
func (s *Service) Doubted() <-chan struct{} { return s.doubted }

// dismiss tells a server that was just removed to ask for its place. A server that cannot be
// reached finds out by itself when it has had no leader for a while.
func (s *Service) dismiss(ctx context.Context, removed member.Server) {
	ctx, cancel := context.WithTimeout(ctx, runningTimeout)
	defer cancel()
	_, _, err := s.endpoint.Ask(ctx, removed.PeerAddr, removed.ID, peer.Request{Kind: kindDoubt})
	if err != nil {
		s.logger.Debug("a removed server could not be told", slog.String("server", removed.ID), slog.Any("error", err))
	}
}

// settle records that this server no longer asks by itself to be made a voter. Either it is a
// voter, so whoever demotes it later means it, or it is meant to be a non-voter.
func (s *Service) settle() error {
	return s.bind(func() error {
		if s.cfg.Vault.Identity().Settled {
			return nil
		}
		if err := s.cfg.Vault.Settle(); err != nil {
			return fmt.Errorf("store that this server has been a voter: %w", err)
		}
		return nil
	})
}

// resume asks whether a server that comes back still has its place, before its member is opened.
// known is the newest configuration that the server has stored. ErrNoPlace means that it has no
// place: it must not start, because Raft would count the vote of a removed or copied server.
//
// A server that has not moved goes on if no leader answers at once, since no leader can answer when
// a whole cluster starts. A server that has moved waits until the leader has taken over its new
// address, because until then it cannot be told from a copy that runs beside the original. The only
// voter has nobody to ask, and takes its new address by itself.
func (s *Service) resume(ctx context.Context, known []member.Server) error {
	s.known = known
	if process, runs := s.processAt(ctx, s.server, s.cfg.Advertise); runs && process != s.process {
		return fmt.Errorf("%w: %s", ErrNoPlace, copiedText(s.server, s.cfg.Advertise))
	}
	itself, _ := sameID(known, s.server)
	moved := s.cfg.Chosen && itself != nil && itself.PeerAddr != s.cfg.Advertise && (!itself.Voter || voters(known) > 1)
	r := &report{service: s}
	for {
		within, cancel := context.WithTimeout(ctx, resumeWithin)
		_, err := s.askAdmit(within, admitQuestion{Resumes: true})
		cancel()
		var no *Refused
		switch {
		case errors.As(err, &no):
			return fmt.Errorf("%w: %s", ErrNoPlace, no.Text)
		case err == nil || !moved:
			return nil
		}
		r.say("moving waits", []string{fmt.Sprintf("the leader to take over %s in place of %s: %v", s.cfg.Advertise, itself.PeerAddr, err)})
		if !s.pause(ctx, surveyEvery) {
			return s.whyEnded(ctx)
		}
	}
}

func copiedText(server, addr string) string {
	return fmt.Sprintf("another process runs as %s at %s: this data directory is a copy of that one's, or was started twice. "+
		"A copy must not run: stop this one; a further server starts with an empty directory, an id of its own and --join", server, addr)
}

func outdatedText(q admitQuestion, seen uint64) string {
	return fmt.Sprintf("%s comes with boot number %d, and the cluster has seen boot %d of it: its data directory is an old copy, or was restored from a backup. "+
		"It may lack writes that this server has acknowledged, and must not run: start it with an empty data directory and --join, and it joins as a new one", q.Server, q.Boot, seen)
}

// processAt asks which server runs at an address. runs reports whether it is the given server, and
// process tells which of its processes answered.
func (s *Service) processAt(ctx context.Context, server, addr string) (process string, runs bool) {
	ctx, cancel := context.WithTimeout(ctx, runningTimeout)
	defer cancel()
	who, a, err := s.endpoint.Ask(ctx, addr, server, peer.Request{Kind: kindHello, Payload: encode(helloQuestion{s.list})})
	if who == "" { // nobody answers, or another server does
		return "", false
	}
	var answer helloAnswer
	if err == nil && errorOf(a) == nil {
		_ = decode(a.Payload, &answer) // an answer that cannot be read counts as another process
	}
	return answer.Process, true
}

// askAdmit sends a join request to the leader: to this server itself, to the leader that it knows,
// or to any member, which passes it on.
func (s *Service) askAdmit(ctx context.Context, q admitQuestion) (admitAnswer, error) {
	q = s.identified(q)
	var leader string
	if a := s.attached.Load(); a != nil {
		leader = a.membership.Leader()
	}
	if leader == s.server {
		ctx, cancel := context.WithTimeout(ctx, admitTimeout)
		defer cancel()
		return s.admit(ctx, q)
	}
	return s.askAround(ctx, s.whomToAsk(leader), peer.Request{Kind: kindAdmit, Payload: encode(q)})
}

// identified fills in the parts of a join request that describe this server.
func (s *Service) identified(q admitQuestion) admitQuestion {
	q.Server, q.PeerAddr, q.Chosen, q.Process = s.server, s.cfg.Advertise, s.cfg.Chosen, s.process
	q.Cluster = s.cfg.Vault.Identity().Cluster
	q.Boot, q.Explicit = s.cfg.Boot, s.joins() || len(s.cfg.Vault.Identity().Seeds) > 0
	if own, ok := s.list.find(member.ID(s.server)); ok {
		q.PeerAddr = own.PeerAddr // as a formation would have it
	}
	return q
}

// askAround sends a join request to the members at some addresses and returns the first answer or
// refusal. Each of them passes the request on to the leader, so it does not ask all of them at
// once. When one fails, it asks the next. When nobody has answered for askNext, it doubles the
// number that were asked. So a host that is gone, and does not even refuse connections, costs only
// a moment.
func (s *Service) askAround(ctx context.Context, addrs []string, req peer.Request) (admitAnswer, error) {
	type result struct {
		at     int
		answer admitAnswer
		err    error
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results, failures := make(chan result, len(addrs)), make([]error, len(addrs))
	asked, open := 0, 0
	ask := func(more int) {
		for ; more > 0 && asked < len(addrs) && open < askedMax && ctx.Err() == nil; more-- {
			at := asked
			asking.Go(func() {
				answer, err := s.askAdmitAt(ctx, addrs[at], req)
				results <- result{at, answer, err}
			})
			asked, open = asked+1, open+1
		}
	}
	again := time.NewTicker(askNext)
	defer again.Stop()
	for ask(1); open > 0; {
		select {
		case r := <-results:
			var no *Refused
			if r.err == nil || errors.As(r.err, &no) {
				return r.answer, r.err
			}
			failures[r.at] = fmt.Errorf("%s: %w", addrs[r.at], r.err)
			open--
			ask(1)
		case <-again.C:
			ask(asked)
		}
	}
	return admitAnswer{}, errors.Join(append([]error{ErrNotLeader}, failures...)...)
}

// whomToAsk lists the peer addresses at which a member may be found. The leader's comes first,
// since the leader need not pass a question on. Then come those of the newest configuration, the
// list and the seeds.
func (s *Service) whomToAsk(leader string) []string {
	servers := s.known
	if a := s.attached.Load(); a != nil {
		servers = a.member.Servers()
	}
	var addrs []string
	add := func(addr string) {
		if addr != s.cfg.Advertise && !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	if i := slices.IndexFunc(servers, func(m member.Server) bool { return m.ID == leader }); i >= 0 {
		add(servers[i].PeerAddr)
	}
	for _, m := range servers {
		if m.ID != s.server {
			add(m.PeerAddr)
		}
	}
	for _, m := range s.others() {
		add(m.PeerAddr)
	}
	for _, addr := range s.seeds() {
		add(addr)
	}
	return addrs
}

// askAdmitAt sends a join request to the member at one address.
func (s *Service) askAdmitAt(ctx context.Context, addr string, req peer.Request) (answer admitAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, askAdmitTimeout)
	defer cancel()
	_, a, err := s.endpoint.Ask(ctx, addr, "", req)
	if err == nil {
		err = errorOf(a)
	}
	if err != nil {
		return answer, err
	}
	return answer, decode(a.Payload, &answer)
}

// answerAdmit answers a join request if this server leads, else passes it on to the leader, at most
// once.
func (h handler) answerAdmit(req peer.Request) ([]byte, error) {
	var q admitQuestion
	if err := decode(req.Payload, &q); err != nil {
		return nil, err
	}
	a := h.attached.Load()
	if a == nil {
		return nil, ErrStarting
	}
	ctx, cancel := context.WithTimeout(h.ctx, admitTimeout)
	defer cancel()
	leader := a.membership.Leader()
	if leader == h.server {
		answer, err := h.admit(ctx, q)
		return encode(answer), err
	}
	if leader == "" || req.Hops >= hopsMax {
		return nil, ErrNotLeader
	}
	passed, err := h.ask(ctx, leader, peer.Request{Kind: kindAdmit, Hops: req.Hops + 1, Payload: req.Payload})
	return passed.Payload, err
}

// sameID searches a configuration for the servers that share server's id. It returns server itself,
// if it is there, and its other incarnations.
func sameID(servers []member.Server, server string) (itself *member.Server, earlier []member.Server) {
	for _, s := range servers {
		switch {
		case s.ID == server:
			itself = &s
		case member.ID(s.ID) == member.ID(server):
			earlier = append(earlier, s)
		}
	}
	return itself, earlier
}

// voters counts the voters of a configuration.
func voters(servers []member.Server) (count int) {
	for _, s := range servers {
		if s.Voter {
			count++
		}
	}
	return count
}
