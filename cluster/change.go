package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kvorum/kvorum/transport/peer"
)

// Operators change the membership through any member. The member finds the leader and repeats the
// request until the leader reports success or refuses. A plain id is first resolved to the full
// name of the server (id@incarnation), so that a repetition can never hit a server that has taken
// its place.

// changeOp names the change that is requested.
type changeOp string

const (
	opResolve  changeOp = "resolve" // which server has this id; with an empty id, which server leads
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
	Leader string   `json:"leader,omitempty"` // of opTransfer: the server that is to stop leading
	// Version is the newest version of the machine that the asker knows (opFinish).
	Version uint8 `json:"version,omitempty"`
}

// changeAnswer reports success.
type changeAnswer struct {
	Server string `json:"server,omitempty"` // of opResolve
}

// Invite tells the server that waits at a peer address (--await, --join) to join the cluster. It
// becomes a voter once it has caught up, or stays a non-voter. Invite returns when the server has
// been added.
func (s *Service) Invite(ctx context.Context, addr string, voter bool) error {
	return s.change(ctx, changeQuestion{Op: opInvite, Addr: addr, Voter: voter})
}

// Remove takes a server out of the cluster for ever. It refuses to remove the last voter. Unless
// forced, it also refuses if too few of the remaining voters are available. A leader hands over
// leadership before it is removed.
func (s *Service) Remove(ctx context.Context, server string, force bool) error {
	return s.change(ctx, changeQuestion{Op: opRemove, Server: server, Force: force})
}

// Promote makes a non-voter a voter once it has caught up and has stayed caught up for a while.
func (s *Service) Promote(ctx context.Context, server string) error {
	return s.change(ctx, changeQuestion{Op: opPromote, Server: server})
}

// Demote makes a voter a non-voter, which it stays until it is promoted. It is refused in the same
// cases as Remove.
func (s *Service) Demote(ctx context.Context, server string, force bool) error {
	return s.change(ctx, changeQuestion{Op: opDemote, Server: server, Force: force})
}

// Transfer makes a voter the leader and returns once it leads. An empty server stands for the
// best-placed voter.
func (s *Service) Transfer(ctx context.Context, server string) error {
	return s.change(ctx, changeQuestion{Op: opTransfer, Server: server})
}

// change resolves an id to a server if necessary, then asks the leader until the change is done.
func (s *Service) change(ctx context.Context, q changeQuestion) error {
	switch q.Op {
	case opRemove, opDemote, opPromote:
		if q.Server == "" { // typically an unset variable in a script
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

// askUntilDone sends a request to the current leader. It retries after every failure except a
// refusal, until ctx ends.
func (s *Service) askUntilDone(ctx context.Context, q changeQuestion) (changeAnswer, error) {
	var waited *notYet // the last reason for waiting that a leader gave
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

// askChange sends a request to the current leader once, or performs it if this server leads.
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

// answerChange performs a change as the leader. Requests for changes are never passed on.
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
