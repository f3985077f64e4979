package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

// admit is the leader's side of joining. It is safe to repeat, by this leader
// or by the next: every step starts from the committed configuration.
//
//	asker in the configuration, a voter      nothing to do
//	…, no voter                              promoted once it has caught up and stayed so
//	not in it, holds entries or a promise    refused: it was removed
//	not in it, fresh                         an earlier incarnation of its id is removed
//	                                         (committed) first, unless it still runs; then the
//	                                         asker is added as a non-voter
func (s *Service) admit(ctx context.Context, q admitQuestion) (admitAnswer, error) {
	select { // one change of the configuration at a time; a token, since it waits for commits
	case s.admitted <- struct{}{}:
	case <-ctx.Done():
		return admitAnswer{}, ErrBusy
	}
	defer func() { <-s.admitted }()
	a := s.attached.Load()
	servers, err := a.membership.Committed(ctx)
	if err != nil {
		return admitAnswer{}, fmt.Errorf("confirm the configuration: %w", err)
	}
	answer := admitAnswer{Cluster: s.endpoint.Cluster()}
	itself, earlier := sameID(servers, q.Server)
	if itself != nil {
		answer.Server = true
		answer.Voter, err = s.promote(ctx, a, *itself)
		return answer, err
	}
	if err := s.judgeJoiner(ctx, q, earlier); err != nil || q.Knock {
		return answer, err
	}
	for _, old := range earlier {
		if err := a.membership.Remove(ctx, old.ID); err != nil {
			return admitAnswer{}, fmt.Errorf("remove %s: %w", old.ID, err)
		}
		s.logger.Warn("removed a server that is being replaced", slog.String("server", old.ID), slog.String("by", q.Server))
	}
	if err := a.membership.Add(ctx, member.Server{ID: q.Server, PeerAddr: q.PeerAddr}); err != nil {
		return admitAnswer{}, fmt.Errorf("add %s: %w", q.Server, err)
	}
	s.logger.Info("added a server, to be caught up", slog.String("server", q.Server), slog.String("addr", q.PeerAddr))
	answer.Server = true
	return answer, nil
}

// judgeJoiner is the list of gates that a server outside the configuration passes.
func (s *Service) judgeJoiner(ctx context.Context, q admitQuestion, earlier []member.Server) error {
	id, _, err := member.SplitServerID(q.Server)
	if err != nil {
		return &Refused{err.Error()}
	}
	if !q.Joining {
		return &Refused{removedText(q.Server, earlier)}
	}
	if _, listed := s.list.find(id); !listed {
		return &Refused{fmt.Sprintf("%s is not listed: the leader %s was started with %s", id, s.server, s.list)}
	}
	if _, _, err := net.SplitHostPort(q.PeerAddr); err != nil {
		return &Refused{fmt.Sprintf("%s advertises %q, which is not of the form host:port", q.Server, q.PeerAddr)}
	}
	for _, old := range earlier {
		ctx, cancel := context.WithTimeout(ctx, runningTimeout)
		_, err := s.Inspect(ctx, old.ID)
		cancel()
		if err == nil {
			return fmt.Errorf("%s cannot take the place of %s, which runs at %s", q.Server, old.ID, old.PeerAddr)
		}
	}
	return nil
}

func removedText(server string, successors []member.Server) string {
	text := fmt.Sprintf("%s is not in the configuration of this cluster any more", server)
	for _, s := range successors {
		text += fmt.Sprintf("; %s has taken its place", s.ID)
	}
	return text + ". A removed server must not come back with its data: start it with an empty data directory, and it joins as a new one"
}

// promote makes a non-voter a voter once it has caught up and stayed so, and
// reports whether it is one.
func (s *Service) promote(ctx context.Context, a *attached, server member.Server) (voter bool, err error) {
	if server.Voter {
		delete(s.caughtUp, server.ID)
		return true, nil
	}
	goal := a.member.State().Applied
	h, err := s.Inspect(ctx, server.ID)
	if err != nil || h.State.Applied+caughtUpEntries < goal {
		delete(s.caughtUp, server.ID)
		return false, nil
	}
	since, before := s.caughtUp[server.ID]
	if !before {
		s.caughtUp[server.ID] = time.Now()
		return false, nil
	}
	if time.Since(since) < caughtUpFor {
		return false, nil
	}
	server.Voter = true
	if err := a.membership.Add(ctx, server); err != nil {
		return false, fmt.Errorf("make %s a voter: %w", server.ID, err)
	}
	delete(s.caughtUp, server.ID)
	s.logger.Info("a server that has caught up is a voter now", slog.String("server", server.ID))
	return true, nil
}
