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

// A directory that kvorum init has made holds a whole cluster as soon as it has been
// served once, by mistake too. Started beside flags that are meant for another cluster,
// it would be ready, empty, and take writes that the others never see. So a cluster of
// one that was founded alone, and still is alone, looks at the servers that it is told
// of: if one of them belongs to another cluster, it does not start; if that shows only
// later, it is not ready, and goes on, since what it holds may be in use.

// aloneStill reports whether this server founded its cluster alone and is its only
// member, servers being the configuration that it knows.
func (s *Service) aloneStill(servers []member.Server) bool {
	p := s.cfg.Vault.Identity().Promise
	return p != nil && len(p.Servers) == 1 && len(servers) == 1 && servers[0].ID == s.server
}

// toldOf lists the addresses of other servers that this one was started with.
func (s *Service) toldOf() []string {
	addrs := slices.Clone(s.cfg.Join)
	for _, m := range s.others() {
		addrs = append(addrs, m.PeerAddr)
	}
	return slices.DeleteFunc(addrs, func(addr string) bool { return addr == s.cfg.Advertise })
}

// checkBeside refuses to start a cluster of one beside the cluster that this server was
// told of. Where none of that cluster answers it goes on, and says that its flags do nothing.
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

// lookBeside looks again while the server runs, and makes it unready then.
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
	case text == "": // what was seen there may be back: its outage must not make this one ready
	case s.besideText.Swap(&text) == nil:
		s.logger.Error("this server is not ready: " + text)
	}
}

// beside names servers at addresses that belong to another cluster, "" for none, and
// says whether all have answered.
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

// strangerAt names the server at an address if it belongs to another cluster, and says
// whether one has answered.
func (s *Service) strangerAt(ctx context.Context, addr string) (server string, answered bool) {
	ctx, cancel := context.WithTimeout(ctx, runningTimeout)
	defer cancel()
	server, a, err := s.endpoint.Ask(ctx, addr, "", peer.Request{Kind: kindHello, Payload: encode(helloQuestion{s.list})})
	var refusal *peer.Refusal
	if errors.As(err, &refusal) && refusal.Reason == peer.WrongCluster { // this endpoint names its own cluster, once it has one
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
