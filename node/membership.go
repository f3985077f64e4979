package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/member"
)

// Servers returns the newest configuration that this node knows, committed or not.
func (n *Node) Servers() []member.Server { return memberServers(n.configuration()) }

// Committed returns the configuration that this node's machine has, after a majority has confirmed
// that the machine is current, and the index of its entry; 0 if the index is not known.
func (n *Node) Committed(ctx context.Context) (servers []member.Server, index uint64, err error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(n.cfg.WriteTimeout)
	}
	if _, err := n.reads.confirm(ctx, deadline); err != nil {
		return nil, 0, err
	}
	n.View(func(m *fsm.Machine) { servers, index = m.Servers(), n.worker.configured })
	if index > 0 {
		return servers, index, nil
	}
	index, err = n.snapshotConfiguration(servers)
	return servers, index, err
}

// snapshotConfiguration returns the index of a configuration that came with the newest snapshot.
// The snapshot tells this index to Raft and not to the machine.
func (n *Node) snapshotConfiguration(servers []member.Server) (index uint64, err error) {
	found, err := n.cfg.Stores.Snapshots.List()
	if err != nil {
		return 0, fmt.Errorf("list the snapshots: %w", err)
	}
	if len(found) > 0 && slices.Equal(memberServers(found[0].Configuration), servers) {
		index = found[0].ConfigurationIndex
	}
	return index, nil
}

// Changes of the configuration, on the leader only. Each returns once it is committed. It fails if
// from is neither 0 nor the index of the newest configuration: a decision based on another
// configuration has to be made again.

// RemoveServer removes a server.
func (n *Node) RemoveServer(server string, from uint64) error {
	return n.change("remove "+server, func() raft.Future {
		return n.raft.RemoveServer(raft.ServerID(server), from, rpcWait)
	})
}

// AddNonvoter adds a server that receives entries and does not vote, or changes the address of
// one. Given a voter, Raft would keep it a voter and change its address; AddNonvoter refuses that.
func (n *Node) AddNonvoter(server, addr string, from uint64) error {
	for _, s := range n.configuration().Servers {
		if string(s.ID) == server && s.Suffrage == raft.Voter {
			return fmt.Errorf("add %s as a non-voter: it is a voter", server)
		}
	}
	return n.change("add "+server, func() raft.Future {
		return n.raft.AddNonvoter(raft.ServerID(server), raft.ServerAddress(addr), from, rpcWait)
	})
}

// AddVoter adds a voter, promotes a non-voter, or changes the address of a voter.
func (n *Node) AddVoter(server, addr string, from uint64) error {
	return n.change("promote "+server, func() raft.Future {
		return n.raft.AddVoter(raft.ServerID(server), raft.ServerAddress(addr), from, rpcWait)
	})
}

// DemoteVoter turns a voter into a non-voter.
func (n *Node) DemoteVoter(server string, from uint64) error {
	return n.change("demote "+server, func() raft.Future {
		return n.raft.DemoteVoter(raft.ServerID(server), from, rpcWait)
	})
}

// change waits for Raft's answer to a request. The answer is counted, because it has to arrive
// before Raft stops.
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

// LastIndex returns the index of the last entry on this node's disk.
func (n *Node) LastIndex() uint64 { return n.raft.LastIndex() }

// AppliedIndex returns the index of the last entry that this node's machine has applied.
func (n *Node) AppliedIndex() uint64 { return n.worker.progress.index.Load() }

// ClientAddr returns the address that clients of a server are told, "" while the server has no
// session.
func (n *Node) ClientAddr(server string) string {
	var addr string
	n.View(func(m *fsm.Machine) {
		if s, ok := m.Session(server); ok {
			addr = s.ClientAddr
		}
	})
	return addr
}

// configuration returns the newest configuration that Raft knows. Reading it takes no lock.
func (n *Node) configuration() raft.Configuration {
	return n.raft.GetConfiguration().Configuration()
}

// voters counts the voters of the newest configuration.
func (n *Node) voters() int {
	others, votes := votersBut(n.configuration(), n.cfg.Session.Server)
	if votes {
		return len(others) + 1
	}
	return len(others)
}
