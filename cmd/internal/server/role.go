package server

import (
	"context"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/node"
)

// leadership says where clients are redirected. It implements cluster.Leadership.
type leadership struct {
	node   *node.Node
	server string // this one
}

// Leader implements cluster.Leadership. This server counts as leader as soon as Raft
// says so; the member itself makes commands wait until it may serve them.
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

// role returns the role that HELLO reports for this node.
func (s *Server) role() string {
	if n := s.Node(); n != nil && n.IsLeader() {
		return "master"
	}
	return "replica"
}

// clientIDBase returns the base of this process's client ids. Its upper half is the
// ordinal of the process's registration, which no other process ever gets, so client
// ids are unique in the cluster. Clients that arrive before the registration wait as
// they do at the gate.
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

// registration returns the ordinal under which the machine registered this process.
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
