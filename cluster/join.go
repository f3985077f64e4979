package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

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
		r.say("joining waits", []string{err.Error()})
		if !s.pause(ctx, surveyEvery) {
			return s.whyEnded(ctx)
		}
	}
}

// Settle returns nil once this server is a voter of the committed
// configuration, asking the leader, which makes it one when it has caught up.
// ErrRemoved means that it is not in the configuration any more, and must not
// run. It waits as long as no leader answers, until ctx ends.
func (s *Service) Settle(ctx context.Context) error {
	r := &report{service: s}
	for {
		a, err := s.askAdmit(ctx, admitQuestion{}) // not joining: an addition is committed before Form returns
		var no *Refused
		switch {
		case err == nil && a.Voter:
			return nil
		case errors.As(err, &no):
			return fmt.Errorf("%w: %s", ErrRemoved, no.Text)
		case err == nil:
			r.say("becoming a voter waits", []string{"this server to catch up"})
		}
		if !s.pause(ctx, settleEvery) {
			return s.whyEnded(ctx)
		}
	}
}

// askAdmit puts a question for a place to the leader: ourselves, the leader
// that we know, or whichever listed member passes it on.
func (s *Service) askAdmit(ctx context.Context, q admitQuestion) (admitAnswer, error) {
	q.Server, q.PeerAddr = s.server, s.cfg.Advertise
	if own, ok := s.list.find(member.ID(s.server)); ok {
		q.PeerAddr = own.PeerAddr // as a formation would have it
	}
	var leader string
	if a := s.attached.Load(); a != nil {
		leader = a.membership.Leader()
	}
	if leader == s.server {
		ctx, cancel := context.WithTimeout(ctx, admitTimeout)
		defer cancel()
		return s.admit(ctx, q)
	}
	asked := s.others()
	if i := slices.IndexFunc(asked, func(m Listed) bool { return m.ID == member.ID(leader) }); i > 0 {
		asked[0], asked[i] = asked[i], asked[0] // the leader need not pass it on
	}
	req := peer.Request{Kind: kindAdmit, Payload: encode(q)}
	failures := []error{ErrNotLeader}
	for _, m := range asked {
		answer, err := s.askAdmitAt(ctx, m.PeerAddr, req)
		var no *Refused
		if err == nil || errors.As(err, &no) {
			return answer, err
		}
		failures = append(failures, fmt.Errorf("%s: %w", m.ID, err))
	}
	return admitAnswer{}, errors.Join(failures...)
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
