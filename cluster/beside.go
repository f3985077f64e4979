package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/transport/peer"
)

// kvorum init makes a directory for a cluster of one. Once served, even by mistake, that directory
// holds a whole cluster. If it is started with flags that are meant for another cluster, it would
// be ready, empty, and take writes that the other servers never see. So a server that founded its
// cluster alone, and is still alone, asks the servers that its flags name. If one of them belongs
// to another cluster at the start, this server does not start. If that shows only later, this
// server becomes unready but keeps running, since its data may be in use.

// aloneStill reports whether this server founded its cluster alone and is still its only member.
// servers is the configuration that it knows.
func (s *Service) aloneStill(servers []member.Server) bool {
	p := s.cfg.Vault.Identity().Promise
	return p != nil && len(p.Servers) == 1 && len(servers) == 1 && servers[0].ID == s.server
}

// toldOf lists the addresses of the other servers in this server's flags.
func (s *Service) toldOf() []string {
	addrs := slices.Clone(s.cfg.Join)
	for _, m := range s.others() {
		addrs = append(addrs, m.PeerAddr)
	}
	return slices.DeleteFunc(addrs, func(addr string) bool { return addr == s.cfg.Advertise })
}

// checkBeside refuses to start a cluster of one if a server that its flags name belongs to another
// cluster. If none of those servers answers, it lets the start go on and logs that the flags have
// no effect.
func (s *Service) checkBeside(ctx context.Context, known []member.Server) error {
	told := s.toldOf()
	if !s.aloneStill(known) || len(told) == 0 && !s.cfg.Await {
		return nil
	}
	if text, _ := s.beside(ctx, told); text != "" {
		return errors.New(text)
	}
	s.logger.Warn("this server is the only member of its cluster, which it founded alone: --cluster, --join and --await do nothing here; "+
		"to have it join another cluster, stop it, and start it with an empty data directory",
		slog.String("others", strings.Join(told, ",")))
	return nil
}

// lookBeside repeats the check of checkBeside while the server runs, and marks the server unready
// if it fails.
func (s *Service) lookBeside() {
	told := s.toldOf()
	if len(told) == 0 || !s.aloneStill(s.attached.Load().member.Servers()) {
		s.besideText.Store(nil)
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, watchTimeout)
	defer cancel()
	switch text, all := s.beside(ctx, told); {
	case text == "" && all:
		s.besideText.Store(nil)
	case text == "": // the other cluster may come back, so its outage must not make this server ready
	case s.besideText.Swap(&text) == nil:
		s.logger.Error("this server is not ready: " + text)
	}
}

// beside asks the servers at addrs which cluster they belong to. text names those of another
// cluster and is empty if there are none; all reports whether every address answered.
func (s *Service) beside(ctx context.Context, addrs []string) (text string, all bool) {
	found, answered := make([]string, len(addrs)), make([]bool, len(addrs))
	var asking sync.WaitGroup
	for i, addr := range addrs {
		asking.Go(func() {
			var server string
			if server, answered[i] = s.strangerAt(ctx, addr); server != "" {
				found[i] = server + " at " + addr
			}
		})
	}
	asking.Wait()
	all = !slices.Contains(answered, false)
	found = slices.DeleteFunc(found, func(text string) bool { return text == "" })
	if len(found) == 0 {
		return "", all
	}
	return fmt.Sprintf("the data directory holds a cluster that %s founded alone and is the only member of, "+
		"and this server is told of %s, of another cluster: "+
		"to join that one, start it with an empty directory (nothing of this one is carried over); "+
		"to go on with this one, leave out --cluster and --join (KVORUM_CLUSTER and KVORUM_JOIN)",
		s.server, strings.Join(found, ", ")), all
}

// strangerAt returns the name of the server at an address if it belongs to another cluster.
// answered reports whether any server answered there.
func (s *Service) strangerAt(ctx context.Context, addr string) (server string, answered bool) {
	ctx, cancel := context.WithTimeout(ctx, runningTimeout)
	defer cancel()
	server, a, err := s.endpoint.Ask(ctx, addr, "", peer.Request{Kind: kindHello, Payload: encode(helloQuestion{s.list})})
	var refusal *peer.Refusal
	// This endpoint names its own cluster in its greeting, once it has one.
	if errors.As(err, &refusal) && refusal.Reason == peer.WrongCluster {
		return refusal.Server, true
	}
	var answer helloAnswer
	if err != nil || errorOf(a) != nil || decode(a.Payload, &answer) != nil {
		return "", false
	}
	if own := s.cfg.Vault.Identity().Cluster; answer.Cluster == "" || answer.Cluster == own {
		return "", true
	}
	return server, true
}
