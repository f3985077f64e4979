package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

// admit handles a join request on the leader. Repeating it is safe, on this leader or on the next,
// because every step starts from the committed configuration. The cases are:
//
//	asker in the configuration, outdated     refused: its data directory is an old copy
//	…, elsewhere                             its new address is taken over, unless it still runs at
//	                                         the old one: then the asker's directory is a copy
//	…, a voter                               nothing to do
//	…, no voter                              promoted once it has caught up and stayed so, if it asks
//	not in it, holds entries or a promise    refused: it was removed
//	not in it, fresh                         if it was told to join, is listed, or its id is there: an
//	                                         earlier incarnation of its id is removed (committed)
//	                                         first, unless it still runs; then the asker is added as
//	                                         a non-voter
func (s *Service) admit(ctx context.Context, q admitQuestion) (admitAnswer, error) {
	if own := s.endpoint.Cluster(); q.Cluster != "" && q.Cluster != own {
		// Not a Refused: the leader of its own cluster may be elsewhere.
		return admitAnswer{}, fmt.Errorf("%s belongs to cluster %s, and this server to %s", q.Server, q.Cluster, own)
	}
	release, err := s.aloneWithConfiguration(ctx)
	if err != nil {
		return admitAnswer{}, err
	}
	defer release()
	a := s.attached.Load()
	now, err := a.membership.Committed(ctx)
	if err != nil {
		return admitAnswer{}, fmt.Errorf("confirm the configuration: %w", err)
	}
	itself, earlier := sameID(now.Servers, q.Server)
	if itself != nil {
		return s.admitMember(ctx, now, *itself, q)
	}
	answer := admitAnswer{Cluster: s.endpoint.Cluster()}
	if err := s.judgeJoiner(ctx, now, q, earlier); err != nil || q.Knock {
		return answer, err
	}
	for _, old := range earlier {
		if now, err = s.changed(ctx, a, Change{Step: StepRemove, Server: old, From: now.Index}); err != nil {
			return admitAnswer{}, fmt.Errorf("remove %s: %w", old.ID, err)
		}
		s.logger.Warn("removed a server that is being replaced", slog.String("server", old.ID), slog.String("by", q.Server))
	}
	joiner := member.Server{ID: q.Server, PeerAddr: q.PeerAddr}
	if err := a.membership.Change(ctx, Change{Step: StepAdd, Server: joiner, From: now.Index}); err != nil {
		return admitAnswer{}, fmt.Errorf("add %s: %w", q.Server, err)
	}
	s.logger.Info("added a server, to be caught up", slog.String("server", q.Server), slog.String("addr", q.PeerAddr))
	answer.Server = true
	return answer, nil
}

// changed makes a change and returns the resulting committed configuration.
func (s *Service) changed(ctx context.Context, a *attached, c Change) (Configuration, error) {
	if err := a.membership.Change(ctx, c); err != nil {
		return Configuration{}, err
	}
	return a.membership.Committed(ctx)
}

// admitMember handles the request of a server that is already in the configuration.
func (s *Service) admitMember(ctx context.Context, now Configuration, itself member.Server, q admitQuestion) (admitAnswer, error) {
	a := s.attached.Load()
	answer := admitAnswer{Cluster: s.endpoint.Cluster(), Server: true, Voter: itself.Voter}
	moved := q.Chosen && q.PeerAddr != itself.PeerAddr
	if moved {
		if err := s.judgeMove(ctx, now, itself, q); err != nil {
			return admitAnswer{}, err
		}
	}
	// A running process has the boot number that it registered. A restarted process has a higher
	// one, whether or not it could ask a leader before.
	if seen := a.replicated.Boot(q.Server); q.Boot < seen || q.Resumes && q.Boot == seen {
		return admitAnswer{}, &Refused{outdatedText(q, seen)}
	}
	if err := s.judgeVersion(ctx, a, q); err != nil {
		return admitAnswer{}, err
	}
	if moved {
		was := itself.PeerAddr
		itself.PeerAddr = q.PeerAddr
		var err error
		if now, err = s.changed(ctx, a, Change{Step: StepMove, Server: itself, From: now.Index}); err != nil {
			return admitAnswer{}, fmt.Errorf("take over the address of %s: %w", itself.ID, err)
		}
		s.logger.Warn("a server has moved", slog.String("server", itself.ID), slog.String("from", was), slog.String("to", itself.PeerAddr))
	}
	if itself.Voter {
		delete(s.caughtUp, itself.ID)
		return answer, nil
	}
	if !q.Vote {
		return answer, nil
	}
	var err error
	answer.Voter, answer.Waits, err = s.promote(ctx, a, now, itself)
	return answer, err
}

// judgeMove checks whether a server may move to a new address.
func (s *Service) judgeMove(ctx context.Context, now Configuration, itself member.Server, q admitQuestion) error {
	if err := judgeAddress(now, q, nil); err != nil {
		return err
	}
	process, runs := s.process, true
	if itself.ID != s.server {
		process, runs = s.processAt(ctx, itself.ID, itself.PeerAddr)
	}
	if runs && process != q.Process {
		return &Refused{copiedText(itself.ID, itself.PeerAddr)}
	}
	return nil
}

// judgeAddress refuses an address that nobody can dial, or that another server already has.
func judgeAddress(now Configuration, q admitQuestion, earlier []member.Server) error {
	if _, _, err := net.SplitHostPort(q.PeerAddr); err != nil {
		return &Refused{fmt.Sprintf("%s advertises %q, which is not of the form host:port", q.Server, q.PeerAddr)}
	}
	if err := member.CheckText(q.PeerAddr); err != nil {
		return &Refused{fmt.Sprintf("%s advertises an address that cannot be told: %v", q.Server, err)}
	}
	for _, other := range now.Servers {
		if other.PeerAddr == q.PeerAddr && other.ID != q.Server && !slices.Contains(earlier, other) {
			return &Refused{fmt.Sprintf("%s advertises %s, which is the address of %s: give it one of its own, or remove that one first", q.Server, q.PeerAddr, other.ID)}
		}
	}
	return nil
}

// judgeJoiner checks whether a server outside the configuration may join.
func (s *Service) judgeJoiner(ctx context.Context, now Configuration, q admitQuestion, earlier []member.Server) error {
	id, _, err := member.SplitServerID(q.Server)
	if err == nil {
		err = member.CheckText(q.Server)
	}
	if err != nil {
		return &Refused{err.Error()}
	}
	if !q.Joining {
		return &Refused{removedText(q.Server, earlier)}
	}
	if _, listed := s.list.find(id); !listed && !q.Explicit && len(earlier) == 0 {
		return &Refused{fmt.Sprintf("%s is not known to this cluster, whose leader %s was started with %s: start it with --join instead of --cluster, and it joins", id, s.server, s.list)}
	}
	if err := judgeAddress(now, q, earlier); err != nil {
		return err
	}
	if len(now.Servers)-len(earlier) >= serversMax {
		return &Refused{fmt.Sprintf("the cluster has %d servers, and takes no more: remove one first", len(now.Servers))}
	}
	for _, old := range earlier {
		if _, runs := s.processAt(ctx, old.ID, old.PeerAddr); runs || old.ID == s.server {
			return &notYet{fmt.Sprintf("%s cannot take the place of %s, which runs at %s: every server has an id of its own", q.Server, old.ID, old.PeerAddr)}
		}
	}
	return s.judgeVersion(ctx, s.attached.Load(), q)
}

// removedText tells a removed server that it was removed, which server has replaced it, and how it
// can come back.
func removedText(server string, successors []member.Server) string {
	text := fmt.Sprintf("%s is not in the configuration of this cluster any more", server)
	for _, s := range successors {
		text += fmt.Sprintf("; %s has taken its place", s.ID)
	}
	return text + ". A removed server must not come back with its data: start it with an empty data directory and --join, and it joins as a new one"
}

// look records when the leader first and last saw that a server had caught up.
type look struct{ since, last time.Time }

// promote makes a non-voter a voter once it has caught up and has stayed caught up for a while. If
// the server is not a voter yet, waits says what it still lacks ("is 100 entries behind", …).
func (s *Service) promote(ctx context.Context, a *attached, now Configuration, server member.Server) (voter bool, waits string, err error) {
	if server.Voter {
		delete(s.caughtUp, server.ID)
		return true, "", nil
	}
	if voters(now.Servers) >= membersMax {
		return false, fmt.Sprintf("has %d voters before it, which is as many as there may be", membersMax), nil
	}
	if lack := s.lack(ctx, server.ID, a.member.State().Applied); lack != "" {
		delete(s.caughtUp, server.ID)
		return false, lack, nil
	}
	maps.DeleteFunc(s.caughtUp, func(id string, _ look) bool { itself, _ := sameID(now.Servers, id); return itself == nil })
	seen, at := s.caughtUp[server.ID], time.Now()
	if at.Sub(seen.last) > lookedWithin {
		seen.since = at
	}
	seen.last = at
	s.caughtUp[server.ID] = seen
	if at.Sub(seen.since) < caughtUpFor {
		return false, "has just caught up, and is watched for a moment", nil
	}
	server.Voter = true
	if err := a.membership.Change(ctx, Change{Step: StepPromote, Server: server, From: now.Index}); err != nil {
		return false, "", fmt.Errorf("make %s a voter: %w", server.ID, err)
	}
	delete(s.caughtUp, server.ID)
	s.logger.Info("a server that has caught up is a voter now", slog.String("server", server.ID))
	return true, "", nil
}
