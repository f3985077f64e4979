package cluster

import (
	"fmt"
	"log/slog"

	"github.com/kvorum/kvorum/fsm/member"
)

// answerHello says who this server is and where it stands. It waits for a promise that is being
// stored. Once a founder has heard the answer, this server promises nothing to an earlier
// incarnation of that founder. So what the founder heard stays true until it asks for its own
// promise.
func (h handler) answerHello(from string, payload []byte) ([]byte, error) {
	var q helloQuestion
	if err := decode(payload, &q); err != nil {
		return nil, err
	}
	var answer helloAnswer
	err := h.bind(func() error {
		if h.knew.Load() == nil && h.cfg.Vault.Identity().Cluster != "" {
			return ErrStarting // it does not know yet whether its cluster has begun
		}
		if member.ID(from) == h.list.founder() {
			h.surveyor = from
		}
		identity := h.cfg.Vault.Identity()
		answer = helloAnswer{
			Server: identity.Server, List: h.list, Cluster: identity.Cluster, Promise: identity.Promise, Begun: h.begun(), Process: h.process,
			Rebuilt: identity.Rebuilt && !h.begun(),
		}
		if identity.Rebuilt && identity.Cluster == "" {
			answer.List = nil // like a server that joins, so that no founder counts on it, not even one of the first release
		}
		return nil
	})
	return encode(answer), err
}

// begun reports whether this server knows a configuration of its cluster, even one that is stored
// but that its member has not been opened with yet.
func (s *Service) begun() bool {
	a := s.attached.Load()
	knew := s.knew.Load()
	return knew != nil && *knew || a != nil && len(a.member.Servers()) > 0
}

// answerPromise stores a founder's formation, then answers yes.
func (h handler) answerPromise(from string, payload []byte) error {
	var f member.Formation
	if err := decode(payload, &f); err != nil {
		return err
	}
	if err := h.judge(from, &f); err != nil {
		return err
	}
	return h.bind(func() error {
		identity := h.cfg.Vault.Identity()
		if identity.Rebuilt {
			return &Refused{rebuiltText(h.server)}
		}
		if identity.Promise == nil && identity.Cluster != "" {
			return &Refused{fmt.Sprintf("%s belongs to cluster %s", h.server, identity.Cluster)}
		}
		if p := identity.Promise; p != nil && !sameFormation(p, &f) {
			return &Refused{fmt.Sprintf("%s has promised itself to cluster %s, founded by %s; if the data directory of that founder is gone, empty the data directory of %s as well",
				h.server, p.Cluster, founderOf(p), h.server)}
		}
		if identity.Promise == nil && h.surveyor != "" && h.surveyor != from {
			return &Refused{fmt.Sprintf("%s asks for a promise, and %s has taken its place", from, h.surveyor)}
		}
		if err := h.cfg.Vault.Promise(f); err != nil {
			return fmt.Errorf("store a promise: %w", err)
		}
		if identity.Promise == nil {
			h.logger.Info("promised to a cluster", slog.String("cluster", f.Cluster), slog.String("founder", from))
		}
		h.endpoint.Join(f.Cluster)
		select {
		case h.bound <- struct{}{}:
		default:
		}
		return nil
	})
}

// judge checks whether this server may promise itself to a formation.
func (s *Service) judge(from string, f *member.Formation) error {
	switch {
	case f.Cluster == "" || len(f.Servers) == 0:
		return &Refused{"the formation is empty"}
	case !s.list.fits(f):
		return &Refused{differentLists(s.server, s.list, from, listOf(f))}
	case from != founderOf(f):
		return &Refused{fmt.Sprintf("%s asks for a promise to a cluster that %s founds", from, founderOf(f))}
	case serverOf(f, member.ID(s.server)) != s.server:
		return &Refused{fmt.Sprintf("the formation names %s, and this is %s: its data directory is another one", serverOf(f, member.ID(s.server)), s.server)}
	}
	for _, m := range f.Servers {
		if !m.Voter {
			return &Refused{fmt.Sprintf("the formation has %s as no voter", m.ID)}
		}
	}
	return nil
}

func differentLists(a string, aList list, b string, bList list) string {
	return fmt.Sprintf("different lists of members: %s was started with %s, %s with %s", a, aList, b, bList)
}

// sameFormation reports whether two formations have the same cluster and the same servers.
func sameFormation(a, b *member.Formation) bool {
	if a.Cluster != b.Cluster || len(a.Servers) != len(b.Servers) {
		return false
	}
	for i := range a.Servers {
		if a.Servers[i] != b.Servers[i] {
			return false
		}
	}
	return true
}

// bind runs f under the token that serialises everything that may bind the vault to a cluster. It
// is a token and not a mutex because f waits for a disk, and waiters give up when the service ends.
func (s *Service) bind(f func() error) error {
	select {
	case s.binding <- struct{}{}:
	case <-s.ctx.Done():
		return ErrBusy
	}
	defer func() { <-s.binding }()
	return f()
}
