package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/kvorum/kvorum/fsm/member"
)

// perform makes a change as the leader. It starts from the committed configuration and does nothing
// if that already is as requested.
func (s *Service) perform(ctx context.Context, a *attached, q changeQuestion) (changeAnswer, error) {
	if q.Op == opInvite {
		return changeAnswer{}, s.invite(ctx, a, q) // not under the token: the admission that it waits for takes it
	}
	release, err := s.aloneWithConfiguration(ctx)
	if err != nil {
		return changeAnswer{}, err
	}
	defer release()
	term := a.member.CurrentTerm()
	now, err := a.membership.Committed(ctx)
	if err != nil {
		return changeAnswer{}, fmt.Errorf("confirm the configuration: %w", err)
	}
	switch q.Op {
	case opResolve:
		return s.resolve(now, q.Server)
	case opFinish:
		if err := s.tooNew(q.Version); err != nil {
			return changeAnswer{}, err
		}
		return changeAnswer{}, s.finish(ctx, a, now, term)
	}
	if q.Op == opTransfer && q.Server == "" {
		return changeAnswer{}, s.giveUpLeading(ctx, a, now, q.Leader)
	}
	server, _ := sameID(now.Servers, q.Server)
	switch {
	case server == nil && q.Op == opRemove:
		return changeAnswer{}, nil // an earlier request has removed it
	case server == nil:
		return changeAnswer{}, &Refused{notMemberText(q.Server, now)}
	}
	switch q.Op {
	case opRemove, opDemote:
		err = s.takeVoteAway(ctx, now, *server, q)
	case opPromote:
		err = s.promoteOnRequest(ctx, a, now, *server)
	case opTransfer:
		err = s.transferTo(ctx, a, *server)
	default:
		err = &Refused{fmt.Sprintf("%s knows no change %q: it runs an older version", s.server, q.Op)}
	}
	return changeAnswer{}, err
}

// aloneWithConfiguration waits for the token that serialises changes of the configuration on this
// server. It is a token and not a mutex because its holder waits for commits, and waiters give up
// when ctx ends.
func (s *Service) aloneWithConfiguration(ctx context.Context) (release func(), err error) {
	select {
	case s.admitted <- struct{}{}:
		return func() { <-s.admitted }, nil
	case <-ctx.Done():
		return nil, ErrBusy
	}
}

// resolve returns the server that has an id now. For an empty id it returns this server, the
// leader.
func (s *Service) resolve(now Configuration, id string) (changeAnswer, error) {
	if id == "" {
		return changeAnswer{Server: s.server}, nil
	}
	for _, server := range now.Servers {
		if member.ID(server.ID) == id {
			return changeAnswer{Server: server.ID}, nil
		}
	}
	return changeAnswer{}, &Refused{notMemberText(id, now)}
}

func notMemberText(server string, now Configuration) string {
	names := make([]string, len(now.Servers))
	for i, s := range now.Servers {
		names[i] = s.ID
	}
	return fmt.Sprintf("%s is no member of this cluster; its members are %s", server, strings.Join(names, ", "))
}

// takeVoteAway removes or demotes a server.
func (s *Service) takeVoteAway(ctx context.Context, now Configuration, server member.Server, q changeQuestion) error {
	a := s.attached.Load()
	change := Change{Step: StepRemove, Server: server, From: now.Index}
	if q.Op == opDemote {
		change.Step = StepDemote
		if !server.Voter { // it may be about to become a voter
			if err := s.askToSettle(ctx, server.ID); err != nil {
				return &notYet{fmt.Sprintf("%s is no voter, and could not be told to stay none: %v", server.ID, err)}
			}
			return nil
		}
	}
	if server.Voter {
		if err := s.mayLose(ctx, now, server, q); err != nil {
			return err
		}
	}
	if server.ID == s.server {
		s.logger.Info("handing leadership over before this server is "+string(q.Op)+"d", slog.String("server", s.server))
		if err := a.membership.Transfer(ctx, ""); err != nil {
			return &notYet{fmt.Sprintf("%s leads, and leadership could not be handed over first: %v", s.server, err)}
		}
		return ErrNotLeader // the next leader does it
	}
	if change.Step == StepDemote {
		// It must not ask to be a voter again. If it does not answer, it has long known that it is
		// a voter, which has settled it too.
		_ = s.askToSettle(ctx, server.ID)
	}
	if err := a.membership.Change(ctx, change); err != nil {
		return fmt.Errorf("%s %s: %w", q.Op, server.ID, err)
	}
	s.logger.Warn("the configuration has been changed", slog.String("change", string(q.Op)), slog.String("server", server.ID), slog.Bool("force", q.Force))
	if change.Step == StepRemove {
		s.dismiss(ctx, server)
	}
	return nil
}

// mayLose refuses to take a server's vote away if the cluster could not go on without it.
func (s *Service) mayLose(ctx context.Context, now Configuration, server member.Server, q changeQuestion) error {
	var rest []member.Server
	for _, v := range now.Servers {
		if v.Voter && v.ID != server.ID {
			rest = append(rest, v)
		}
	}
	if len(rest) == 0 {
		return &Refused{fmt.Sprintf("%s is the last voter, and stays one: without it the cluster and its data are gone. Make another server a voter first", server.ID)}
	}
	missing := s.missing(ctx, rest)
	needed := len(rest)/2 + 1
	if q.Force || len(rest)-len(missing) >= needed {
		return nil
	}
	return &Refused{fmt.Sprintf("%s stays a voter: without it %d of %d voters have to be there, and %s. "+
		"FORCE does it all the same; then nothing can be written or read until enough of them are back, and if they never come, all data is lost to this cluster",
		server.ID, needed, len(rest), strings.Join(missing, "; "))}
}

// missing lists the servers that do not answer or lag behind, each with its reason.
func (s *Service) missing(ctx context.Context, servers []member.Server) (missing []string) {
	goal := s.attached.Load().member.State().Applied
	lacks := make([]string, len(servers))
	var asking sync.WaitGroup
	for i, server := range servers {
		if server.ID == s.server {
			continue
		}
		asking.Go(func() { lacks[i] = s.lack(ctx, server.ID, goal) })
	}
	asking.Wait()
	for i, lack := range lacks {
		if lack != "" {
			missing = append(missing, servers[i].ID+" "+lack)
		}
	}
	return missing
}

// lack says why a server does not count as caught up with goal, or returns "" if it does.
func (s *Service) lack(ctx context.Context, server string, goal uint64) string {
	ctx, cancel := context.WithTimeout(ctx, runningTimeout)
	defer cancel()
	h, err := s.Inspect(ctx, server)
	switch {
	case err != nil:
		return "does not answer"
	case h.State.Diverged:
		return "has diverged from the others and must be replaced by a server with an empty directory"
	case h.State.Applied+caughtUpEntries < goal:
		return fmt.Sprintf("is %d entries behind", goal-h.State.Applied)
	}
	return ""
}

// promoteOnRequest runs promote for an operator. If the server has not caught up, the operator has
// to wait.
func (s *Service) promoteOnRequest(ctx context.Context, a *attached, now Configuration, server member.Server) error {
	voter, waits, err := s.promote(ctx, a, now, server)
	if err == nil && !voter {
		err = &notYet{fmt.Sprintf("%s becomes a voter when it has caught up; it %s", server.ID, waits)}
	}
	return err
}

// transferTo hands leadership to a server. It returns ErrNotLeader after the hand-over, so the
// asker asks again until the new leader confirms that it leads.
func (s *Service) transferTo(ctx context.Context, a *attached, server member.Server) error {
	switch {
	case server.ID == s.server:
		return nil
	case !server.Voter:
		return &Refused{server.ID + " is no voter, and only a voter can lead: promote it first"}
	}
	if lack := s.lack(ctx, server.ID, a.member.State().Applied); lack != "" {
		return &notYet{fmt.Sprintf("leadership stays with %s: %s %s", s.server, server.ID, lack)}
	}
	if err := a.membership.Transfer(ctx, server.ID); err != nil {
		return &notYet{fmt.Sprintf("leadership stays with %s for now: %v", s.server, err)}
	}
	return ErrNotLeader // the next leader says whether it is the right one
}

// giveUpLeading hands leadership to the best-placed voter, unless the server that was to give it up
// no longer leads.
func (s *Service) giveUpLeading(ctx context.Context, a *attached, now Configuration, leader string) error {
	if leader != s.server {
		return nil
	}
	if voters(now.Servers) < 2 {
		return &Refused{fmt.Sprintf("%s is the only voter: nobody else can lead", s.server)}
	}
	if err := a.membership.Transfer(ctx, ""); err != nil {
		return &notYet{fmt.Sprintf("leadership stays with %s for now: %v", s.server, err)}
	}
	return ErrNotLeader
}
