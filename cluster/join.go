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

// knock asks whether a leader would add this server, and returns its cluster.
func (s *Service) knock(ctx context.Context) (cluster string, err error) {
	a, err := s.askAdmit(ctx, admitQuestion{Joining: true, Knock: true})
	return a.Cluster, err
}

// join asks until this server is in the committed configuration (state 6 of Form).
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

// Settle returns nil once this server is what it is to be in the committed
// configuration: a voter, or a non-voter that asks for nothing. A server that
// has never been a voter asks the leader, which makes it one when it has caught
// up. ErrNoPlace means that it must not run. It waits as long as no leader
// answers, until ctx ends.
func (s *Service) Settle(ctx context.Context) error {
	r := &report{service: s, looked: time.Now()}
	defer r.over()
	for {
		asks := !s.cfg.Vault.Identity().Settled
		a, err := s.askAdmit(ctx, admitQuestion{Vote: asks}) // not joining: an addition is committed before Form returns
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

// Doubted tells that another server takes this one for removed: whether it is,
// Settle finds out.
func (s *Service) Doubted() <-chan struct{} { return s.doubted }

// dismiss tells a server that has just been removed to ask for itself. One
// that cannot be told finds out when it has had no leader for a while.
func (s *Service) dismiss(ctx context.Context, removed member.Server) {
	ctx, cancel := context.WithTimeout(ctx, runningTimeout)
	defer cancel()
	_, _, err := s.endpoint.Ask(ctx, removed.PeerAddr, removed.ID, peer.Request{Kind: kindDoubt})
	if err != nil {
		s.logger.Debug("a removed server could not be told", slog.String("server", removed.ID), slog.Any("error", err))
	}
}

// settle records that this server asks for no vote by itself from now on: it is
// a voter, or is to be none, and whoever demotes it means it.
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

// resume asks, before the member of a server that comes back is opened, whether
// it still has its place; known is the newest configuration that it has stored.
// ErrNoPlace says that it has none: Raft would count the vote of a removed or a
// copied server.
//
// A server that has not moved goes on when no leader answers at once, as all do
// when a whole cluster starts. One that has moved waits until the leader has
// taken over its new address: until then it cannot be told from a copy that
// runs beside the original. The only voter has nobody to ask, and moves by itself.
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

// processAt asks who runs at an address; runs says that it is that server,
// and process which of its processes.
func (s *Service) processAt(ctx context.Context, server, addr string) (process string, runs bool) {
	ctx, cancel := context.WithTimeout(ctx, runningTimeout)
	defer cancel()
	who, a, err := s.endpoint.Ask(ctx, addr, server, peer.Request{Kind: kindHello, Payload: encode(helloQuestion{s.list})})
	if who == "" { // nobody, or not that one
		return "", false
	}
	var answer helloAnswer
	if err == nil && errorOf(a) == nil {
		_ = decode(a.Payload, &answer) // what cannot be read is another process
	}
	return answer.Process, true
}

// askAdmit puts a question for a place to the leader: ourselves, the leader
// that we know, or whichever member passes it on.
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

// identified is a question for a place with what it says of this server.
func (s *Service) identified(q admitQuestion) admitQuestion {
	q.Server, q.PeerAddr, q.Chosen, q.Process = s.server, s.cfg.Advertise, s.cfg.Chosen, s.process
	q.Cluster = s.cfg.Vault.Identity().Cluster
	q.Boot, q.Explicit = s.cfg.Boot, s.joins() || len(s.cfg.Vault.Identity().Seeds) > 0
	if own, ok := s.list.find(member.ID(s.server)); ok {
		q.PeerAddr = own.PeerAddr // as a formation would have it
	}
	return q
}

// askAround puts a question for a place to members at some addresses, side by side, and
// returns the first answer or refusal. Who is asked passes the question on to the
// leader, so not all are asked at once: one that fails makes room for the next, and
// when nobody has answered for askNext, as many more are asked as have been already. So a
// host that is gone, and does not even refuse, costs a moment.
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

// whomToAsk lists the peer addresses at which a member may be: the leader's
// first, which need not pass a question on, then the newest configuration's,
// the list's and the seeds.
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

// answerAdmit answers a question for a place, or passes it on to the leader once.
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

// sameID returns the servers of a configuration with the id of server, and
// server itself if it is there.
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
