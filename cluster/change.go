package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kvorum/kvorum/transport/peer"
)

// What an operator changes, through any member: the request finds the leader
// and is repeated until the leader says that it is done, or refuses. An id is
// resolved to the server that has it before anything is changed, so that a
// repetition never reaches a server that has taken its place.

// changeOp is what is asked for.
type changeOp string

const (
	opResolve  changeOp = "resolve" // which server has this id; with "": which leads
	opInvite   changeOp = "invite"
	opRemove   changeOp = "remove"
	opPromote  changeOp = "promote"
	opDemote   changeOp = "demote"
	opTransfer changeOp = "transfer"
	opFinish   changeOp = "finish-upgrade"
)

// changeQuestion asks the leader for a change.
type changeQuestion struct {
	Op     changeOp `json:"op"`
	Server string   `json:"server,omitempty"`
	Addr   string   `json:"addr,omitempty"`  // of opInvite
	Voter  bool     `json:"voter,omitempty"` // of opInvite
	Force  bool     `json:"force,omitempty"`
	Leader string   `json:"leader,omitempty"` // of opTransfer: who is not to lead any more
	// Version, of opFinish, is the newest version of the machine that the asker knows.
	Version uint8 `json:"version,omitempty"`
}

// changeAnswer says that it is done.
type changeAnswer struct {
	Server string `json:"server,omitempty"` // of opResolve
}

// Invite has the server that waits at a peer address (--await, --join) join
// the cluster, to become a voter once it has caught up, or to stay a non-voter.
// It returns when the server has been added.
func (s *Service) Invite(ctx context.Context, addr string, voter bool) error {
	return s.change(ctx, changeQuestion{Op: opInvite, Addr: addr, Voter: voter})
}

// Remove takes a server out of the cluster for ever. It is refused if too few
// of the remaining voters are there, unless forced, and for the last voter.
// Before the leader is removed, another leads.
func (s *Service) Remove(ctx context.Context, server string, force bool) error {
	return s.change(ctx, changeQuestion{Op: opRemove, Server: server, Force: force})
}

// Promote makes a non-voter a voter, once it has caught up and stayed so.
func (s *Service) Promote(ctx context.Context, server string) error {
	return s.change(ctx, changeQuestion{Op: opPromote, Server: server})
}

// Demote makes a voter a non-voter, which stays one until it is promoted. It is
// refused as Remove is.
func (s *Service) Demote(ctx context.Context, server string, force bool) error {
	return s.change(ctx, changeQuestion{Op: opDemote, Server: server, Force: force})
}

// Transfer has a voter lead, "" being the one that is best placed, and returns
// once it does.
func (s *Service) Transfer(ctx context.Context, server string) error {
	return s.change(ctx, changeQuestion{Op: opTransfer, Server: server})
}

func (s *Service) change(ctx context.Context, q changeQuestion) error {
	switch q.Op {
	case opRemove, opDemote, opPromote:
		if q.Server == "" { // a variable of somebody's script that is not set
			return &Refused{fmt.Sprintf("nobody is named whom to %s: give an id of 'kvorum members list'", q.Op)}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, ChangeWithin)
	defer cancel()
	if q.Op != opInvite && q.Op != opFinish && !strings.Contains(q.Server, "@") {
		resolved, err := s.askUntilDone(ctx, changeQuestion{Op: opResolve, Server: q.Server})
		if err != nil {
			return err
		}
		if q.Server == "" {
			q.Leader = resolved.Server
		} else {
			q.Server = resolved.Server
		}
	}
	_, err := s.askUntilDone(ctx, q)
	return err
}

// askUntilDone puts a question to whoever leads, again after everything but an
// answer or a refusal.
func (s *Service) askUntilDone(ctx context.Context, q changeQuestion) (changeAnswer, error) {
	var waited *notYet // the last that somebody has said
	for {
		answer, err := s.askChange(ctx, q)
		var no *Refused
		if err == nil || errors.As(err, &no) {
			return answer, err
		}
		waits := errors.As(err, &waited)
		if !s.pause(ctx, changeEvery) {
			if waits {
				return answer, &Refused{"not done yet: " + waited.text}
			}
			if waited != nil {
				err = fmt.Errorf("%w (before that: %s)", err, waited.text)
			}
			return answer, fmt.Errorf("it is not known to be done, and may be asked for again: %w", err)
		}
	}
}

func (s *Service) askChange(ctx context.Context, q changeQuestion) (answer changeAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, askChangeTimeout)
	defer cancel()
	a := s.attached.Load()
	if a == nil {
		return answer, ErrStarting
	}
	switch leader := a.membership.Leader(); leader {
	case "":
		return answer, ErrNotLeader
	case s.server:
		return s.perform(ctx, a, q)
	default:
		passed, err := s.ask(ctx, leader, peer.Request{Kind: kindChange, Payload: encode(q)})
		if err != nil {
			return answer, err
		}
		return answer, decode(passed.Payload, &answer)
	}
}

// answerChange is the leader's side; nobody passes a change on.
func (h handler) answerChange(payload []byte) ([]byte, error) {
	var q changeQuestion
	if err := decode(payload, &q); err != nil {
		return nil, err
	}
	a := h.attached.Load()
	if a == nil {
		return nil, ErrStarting
	}
	ctx, cancel := context.WithTimeout(h.ctx, askChangeTimeout)
	defer cancel()
	answer, err := h.perform(ctx, a, q)
	return encode(answer), err
}
