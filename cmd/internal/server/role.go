package server

import (
	"context"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/node"
)

// leadership says whom clients are redirected to: cluster.Leadership.
type leadership struct {
	node   *node.Node
	server string // this one
}

// Leader is here as soon as Raft says so: the member itself waits until it may serve.
func (l leadership) Leader() (here bool, clientAddr string) {
	leader := l.node.Leader()
	if leader == "" {
		return false, ""
	}
	if leader == l.server {
		return true, ""
	}
	return false, l.node.ClientAddr(leader)
}

// role is what HELLO says of this node.
func (s *Server) role() string {
	if n := s.Node(); n != nil && n.IsLeader() {
		return "master"
	}
	return "replica"
}

// clientIDBase makes client ids unique in the cluster: the number of this
// process's registration, which no other ever has, in the upper half. Clients
// that come before it is known wait as they do at the gate.
func (s *Server) clientIDBase(ctx context.Context) (base uint64, refusal reply.Value) {
	for {
		if base, ok := s.registration(); ok {
			return base << 32, reply.Value{}
		}
		if !s.gate.patiently(ctx, registrationLook) {
			return 0, reply.Err(node.ErrLoading.RESP)
		}
	}
}

// registration is the number under which the machine knows this process.
func (s *Server) registration() (ordinal uint64, ok bool) {
	n := s.Node()
	if n == nil {
		return 0, false
	}
	n.View(func(m *fsm.Machine) {
		session, open := m.Session(s.identity.Server)
		if open && session.Boot == s.boot {
			ordinal, ok = session.Ordinal, true
		}
	})
	return ordinal, ok
}
