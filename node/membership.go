package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/member"
)

// Servers is the newest configuration that this node knows, committed or not.
func (n *Node) Servers() []member.Server { return memberServers(n.configuration()) }

// Committed returns the configuration that this node's machine has, after a
// majority has confirmed that the machine is current.
func (n *Node) Committed(ctx context.Context) ([]member.Server, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(n.cfg.WriteTimeout)
	}
	if _, err := n.reads.confirm(ctx, deadline); err != nil {
		return nil, err
	}
	var servers []member.Server
	n.View(func(m *fsm.Machine) { servers = m.Servers() })
	return servers, nil
}

// RemoveServer takes a server out and returns once that is committed. On the
// leader only, as the other changes.
func (n *Node) RemoveServer(server string) error {
	return n.change("remove "+server, func() raft.Future {
		return n.raft.RemoveServer(raft.ServerID(server), 0, rpcWait)
	})
}

// AddNonvoter adds a server that receives entries and does not vote.
func (n *Node) AddNonvoter(server, addr string) error {
	return n.change("add "+server, func() raft.Future {
		return n.raft.AddNonvoter(raft.ServerID(server), raft.ServerAddress(addr), 0, rpcWait)
	})
}

// AddVoter adds a voter, or makes a non-voter one.
func (n *Node) AddVoter(server, addr string) error {
	return n.change("promote "+server, func() raft.Future {
		return n.raft.AddVoter(raft.ServerID(server), raft.ServerAddress(addr), 0, rpcWait)
	})
}

// change waits for what Raft has been asked; its answer is counted, since it
// has to come before Raft stops.
func (n *Node) change(what string, ask func() raft.Future) error {
	n.committer.futures.Add(1)
	defer n.committer.futures.Add(-1)
	if n.committer.settling.Load() {
		return fmt.Errorf("%s: %w", what, errStopped)
	}
	if err := ask().Error(); err != nil {
		if errors.Is(err, raft.ErrNotLeader) {
			err = ErrNotLeader
		}
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// LastIndex is the index of the last entry on this node's disk.
func (n *Node) LastIndex() uint64 { return n.raft.LastIndex() }

// AppliedIndex is the index of this node's machine.
func (n *Node) AppliedIndex() uint64 { return n.worker.progress.index.Load() }

// ClientAddr is what clients of a server are told, "" while it has no session.
func (n *Node) ClientAddr(server string) string {
	var addr string
	n.View(func(m *fsm.Machine) {
		if s, ok := m.Session(server); ok {
			addr = s.ClientAddr
		}
	})
	return addr
}

// configuration is the newest one that Raft knows; it is copied from no lock.
func (n *Node) configuration() raft.Configuration {
	return n.raft.GetConfiguration().Configuration()
}

// voters counts the voters of the newest configuration.
func (n *Node) voters() int {
	others, _, self := votersBut(n.configuration(), n.cfg.Session.Server)
	return len(others) + self
}
