package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"

	"github.com/kvorum/kvorum/transport/peer"
)

// invitation tells a waiting server where its cluster can be found.
type invitation struct {
	Cluster string   `json:"cluster"`
	Seeds   []string `json:"seeds"` // peer addresses of members, the leader's first
	Voter   bool     `json:"voter,omitempty"`
}

// inviteAnswer names the invited server.
type inviteAnswer struct {
	Server  string `json:"server"`
	Settled bool   `json:"settled,omitempty"` // it does not ask to be made a voter by itself
}

// invite runs on the leader. It sends the cluster's addresses to the server at an address and waits
// until that server, which asks for a place itself, has been added.
func (s *Service) invite(ctx context.Context, a *attached, q changeQuestion) error {
	if _, _, err := net.SplitHostPort(q.Addr); err != nil {
		return &Refused{fmt.Sprintf("%q is no peer address; want host:port, as in 10.0.0.4:16379", q.Addr)}
	}
	invited, err := s.askInvite(ctx, a, q)
	if err != nil {
		return err
	}
	for {
		now, err := a.membership.Committed(ctx)
		if err != nil {
			return fmt.Errorf("confirm the configuration: %w", err)
		}
		itself, _ := sameID(now.Servers, invited.Server)
		switch {
		case itself == nil:
		case itself.Voter && !q.Voter:
			return &Refused{fmt.Sprintf("%s is a voter already: demote it to make it a non-voter", invited.Server)}
		case !itself.Voter && q.Voter && invited.Settled:
			return &Refused{fmt.Sprintf("%s is a member already, as a non-voter: promote it to make it a voter", invited.Server)}
		default:
			return nil
		}
		if !s.pause(ctx, changeEvery) {
			return &notYet{fmt.Sprintf("%s has been invited and has not come yet; its log says why", invited.Server)}
		}
	}
}

// askInvite sends the invitation to the server at the operator's address.
func (s *Service) askInvite(ctx context.Context, a *attached, q changeQuestion) (answer inviteAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	i := invitation{Cluster: s.endpoint.Cluster(), Voter: q.Voter, Seeds: append([]string{s.cfg.Advertise}, s.whomToAsk(s.server)...)}
	i.Seeds = i.Seeds[:min(len(i.Seeds), seedsMax)]
	_, got, err := s.endpoint.Ask(ctx, q.Addr, "", peer.Request{Kind: kindInvite, Payload: encode(i)})
	if err != nil {
		return answer, &Refused{fmt.Sprintf("no server answers at %s (%v): start it there with --await", q.Addr, err)}
	}
	if err := errorOf(got); err != nil {
		return answer, err
	}
	return answer, decode(got.Payload, &answer)
}

// answerInvite accepts an invitation. A repeated invitation, or one from the cluster to which this
// server already belongs, changes nothing.
func (h handler) answerInvite(from string, payload []byte) ([]byte, error) {
	var i invitation
	if err := decode(payload, &i); err != nil {
		return nil, err
	}
	if i.Cluster == "" || len(i.Seeds) == 0 || len(i.Seeds) > seedsMax {
		return nil, &Refused{"the invitation names no cluster or no addresses"}
	}
	var answer inviteAnswer
	err := h.bind(func() error {
		identity := h.cfg.Vault.Identity()
		switch {
		case identity.Cluster == "" && !h.joins():
			return &Refused{fmt.Sprintf("%s was started with --cluster, to found one or to come back to it: start it with --await to be invited", h.server)}
		case identity.Cluster != "" && identity.Cluster != i.Cluster:
			return &Refused{fmt.Sprintf("%s belongs to cluster %s, and cannot join another: start it with an empty data directory", h.server, identity.Cluster)}
		case identity.Cluster == "" && !i.Voter && !identity.Settled:
			if err := h.cfg.Vault.Settle(); err != nil {
				return fmt.Errorf("store that this server is to be a non-voter: %w", err)
			}
		}
		h.invited.Store(&i.Seeds)
		answer = inviteAnswer{Server: h.server, Settled: h.cfg.Vault.Identity().Settled}
		return nil
	})
	if err != nil {
		return nil, err
	}
	h.logger.Info("invited to a cluster", slog.String("cluster", i.Cluster), slog.String("by", from))
	select {
	case h.bound <- struct{}{}:
	default:
	}
	return encode(answer), nil
}

// joins reports whether this server joins a running cluster and never founds one. Its own address
// does not count as a place to join at, since it leads to no cluster.
func (s *Service) joins() bool {
	others := slices.ContainsFunc(s.cfg.Join, func(addr string) bool { return addr != s.cfg.Advertise })
	return s.cfg.Await || others || s.cfg.Vault.Identity().Rebuilt
}

// seeds lists the addresses at which a cluster to join may be found.
func (s *Service) seeds() []string {
	if invited := s.invited.Load(); invited != nil {
		return append(append([]string(nil), *invited...), s.cfg.Join...)
	}
	return append(append([]string(nil), s.cfg.Join...), s.cfg.Vault.Identity().Seeds...)
}

// askToSettle tells a server not to ask by itself to be made a voter.
func (s *Service) askToSettle(ctx context.Context, server string) error {
	ctx, cancel := context.WithTimeout(ctx, runningTimeout)
	defer cancel()
	_, err := s.ask(ctx, server, peer.Request{Kind: kindSettle})
	return err
}
