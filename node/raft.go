package node

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/member"
)

// openRaft starts Raft on the node's stores. If the node is the founder of a cluster that has not
// begun, it bootstraps first.
func (n *Node) openRaft() error {
	conf := n.raftConfig()
	cache, err := raft.NewLogCache(logCacheEntries, n.logs)
	if err != nil {
		return fmt.Errorf("wrap the log store: %w", err)
	}
	stores := n.cfg.Stores
	logs := &raftLogs{LogStore: cache, broken: n.failLog}
	n.transport = newTransport(n, conf.Logger)
	n.transport.belongsTo(n)
	n.logs.early = n.transport.early
	if n.cfg.Formation != nil {
		if err := n.bootstrap(conf, logs); err != nil {
			n.transport.cut()
			return fmt.Errorf("bootstrap: %w", err)
		}
	}
	n.raft, err = raft.NewRaft(conf, n.worker.adapter(), logs, n.stable, n.snapshots.watch(stores.Snapshots), n.transport)
	if err != nil {
		n.transport.cut()
		return fmt.Errorf("start raft: %w", err)
	}
	logs.stats.Store(n.raft.Stats)
	n.departure.opened.Store(true)
	if n.departure.begun.Load() { // because of what NewRaft has read or stored
		n.Leave(nil) // Leave is complete when this returns
		_ = n.raft.Shutdown().Error()
		return fmt.Errorf("start raft: %w", n.Err())
	}
	n.transport.begin(n, logs)
	return nil
}

// failLog ends the node because of its log, unless the log has been unplugged.
func (n *Node) failLog(err error) {
	if !n.logs.unplugged.Load() {
		n.Leave(err)
	}
}

// serves reports whether this node leads in term and the server at addr is its follower.
func (n *Node) serves(server raft.ServerID, addr raft.ServerAddress, term uint64) bool {
	if now, leads := n.leads(); !leads || now != term {
		return false
	}
	for _, s := range n.configuration().Servers {
		if s.ID == server && s.Address == addr {
			return true
		}
	}
	return false
}

// bootstrap stores the cluster's first configuration. It leaves a cluster that has begun as it is.
// Raft stores the term before the configuration, and refuses to bootstrap where there is a term.
// After a crash between the two, bootstrap resets the term and starts over.
func (n *Node) bootstrap(conf *raft.Config, logs raft.LogStore) error {
	stores := n.cfg.Stores
	begin := func() error {
		return raft.BootstrapCluster(conf, logs, n.stable, stores.Snapshots, n.transport, raftServers(n.cfg.Formation.Servers))
	}
	err := begin()
	if !errors.Is(err, raft.ErrCantBootstrap) {
		return err
	}
	last, err := logs.LastIndex()
	if err != nil {
		return fmt.Errorf("read the log's end: %w", err)
	}
	snapshots, err := stores.Snapshots.List()
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	if last > 0 || len(snapshots) > 0 {
		return nil
	}
	term, _ := stores.Stable.GetUint64([]byte("CurrentTerm"))
	voted, _ := stores.Stable.GetUint64([]byte("LastVoteTerm")) // an error means that there is none
	if term != 1 || voted != 0 {
		return fmt.Errorf("the log is empty, but the server has been in term %d and voted in term %d: its log has vanished", term, voted)
	}
	if err := n.stable.SetUint64([]byte("CurrentTerm"), 0); err != nil {
		return fmt.Errorf("undo an interrupted bootstrap: %w", err)
	}
	return begin()
}

// raftConfig returns Raft's settings. It is the only place that decides how Raft runs.
func (n *Node) raftConfig() *raft.Config {
	conf := raft.DefaultConfig()
	conf.LocalID = raft.ServerID(n.cfg.Session.Server)
	conf.Logger = newRaftLogger(n.log)
	conf.HeartbeatTimeout = n.cfg.Timing.Heartbeat
	conf.ElectionTimeout = n.cfg.Timing.Election
	conf.LeaderLeaseTimeout = n.cfg.Timing.LeaderLease
	conf.CommitTimeout = n.cfg.Timing.Commit
	conf.MaxAppendEntries = appendEntriesMax
	conf.BatchApplyCh = true // so that Apply never blocks the committer, who has one entry in flight
	conf.NotifyCh = n.committer.notify
	conf.NoLegacyTelemetry = true
	conf.TrailingLogs = n.cfg.Policy.Trailing
	// The snapshotter decides; Raft's own trigger counts entries only.
	conf.SnapshotThreshold = math.MaxUint64
	conf.SnapshotInterval = 24 * time.Hour
	// A removed server keeps running, as a follower that nobody asks. The node decides what its
	// clients are told.
	conf.ShutdownOnRemove = false
	return conf
}

func raftServers(servers []member.Server) raft.Configuration {
	var c raft.Configuration
	for _, s := range servers {
		suffrage := raft.Nonvoter
		if s.Voter {
			suffrage = raft.Voter
		}
		c.Servers = append(c.Servers, raft.Server{Suffrage: suffrage, ID: raft.ServerID(s.ID), Address: raft.ServerAddress(s.PeerAddr)})
	}
	return c
}

func memberServers(c raft.Configuration) []member.Server {
	servers := make([]member.Server, 0, len(c.Servers))
	for _, s := range c.Servers {
		servers = append(servers, member.Server{ID: string(s.ID), PeerAddr: string(s.Address), Voter: s.Suffrage == raft.Voter})
	}
	return servers
}
