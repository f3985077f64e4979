package admin

import (
	"context"
	"sync"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// Config holds the settings and dependencies of an Admin.
type Config struct {
	Server     string // this server, id@incarnation
	Cluster    string // the cluster's id
	Boot       uint64 // boot number, which tells apart the runs of one server
	Version    string // version of the binary
	LogStore   string
	Redirect   bool // clients of a node that does not lead are redirected to the leader
	ClientPort int  // the port on which this process listens for clients
	Now        func() time.Time

	Executor   Executor
	Member     Member
	Roster     Roster
	Members    Members
	Upgrader   Upgrader
	Auditor    Auditor
	Settings   Settings
	Tuner      Tuner
	Statistics []Statistics
	Process    Process
}

// Admin answers the administrative commands. It is safe for concurrent use.
type Admin struct {
	Config
	started time.Time

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup // the snapshots that BGSAVE started

	tuning  sync.Mutex // held while CONFIG SET changes this node's own settings, but never while it waits for the log
	failing failing

	mu       sync.Mutex
	saving   bool                 // SAVE or BGSAVE is taking a snapshot
	own      map[string]*ownValue // this node's own settings that differ from the table's defaults
	peakHeap uint64               // the largest heap that INFO has seen
}

// New makes an Admin. own holds the settings of this node that its operator chose at the start, by
// their names in the table.
func New(cfg Config, own map[string]string) *Admin {
	a := &Admin{Config: cfg, started: cfg.Now(), own: map[string]*ownValue{}}
	for name, value := range own {
		a.own[name] = &ownValue{value: value}
	}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// Close cancels the snapshots that BGSAVE started and waits for them to end.
func (a *Admin) Close() {
	a.cancel()
	a.work.Wait()
}

// Run sets the call's Reply. It returns false if the command is not Admin's.
func (a *Admin) Run(ctx context.Context, call *command.Call) bool {
	run := a.commandOf(call.Command.Name)
	if run == nil {
		return false
	}
	call.Reply = run(ctx, call)
	return true
}

// runs is the type of the functions that answer a command.
type runs func(context.Context, *command.Call) reply.Value

// commandOf returns the function that answers a command, or nil if Admin does not answer it.
func (a *Admin) commandOf(name string) runs {
	switch name {
	case "info":
		return a.infoCommand
	case "config|get":
		return a.configGetCommand
	case "config|set":
		return a.configSetCommand
	case "config|resetstat":
		return a.configResetStatCommand
	case "config|help":
		return helpCommand(configHelp)
	case "failover":
		return a.failoverCommand
	case "replicaof", "slaveof":
		return a.replicaofCommand
	case "role":
		return a.roleCommand
	case "wait":
		return a.waitCommand
	case "lastsave":
		return a.lastSaveCommand
	case "save":
		return a.saveCommand
	case "bgsave":
		return a.bgSaveCommand
	case "shutdown":
		return a.shutdownCommand
	case "debug":
		return a.debugCommand
	case "memory|help":
		return helpCommand(memoryHelp)
	}
	if run := a.clusterCommandOf(name); run != nil {
		return run
	}
	return a.raftCommandOf(name)
}

// clusterCommandOf is commandOf for the sub-commands of CLUSTER.
func (a *Admin) clusterCommandOf(name string) runs {
	switch name {
	case "cluster|info":
		return a.clusterInfoCommand
	case "cluster|myid":
		return a.clusterMyIDCommand
	case "cluster|nodes":
		return a.clusterNodesCommand
	case "cluster|slots":
		return a.clusterSlotsCommand
	case "cluster|shards":
		return a.clusterShardsCommand
	case "cluster|keyslot":
		return a.clusterKeySlotCommand
	case "cluster|links":
		return a.clusterLinksCommand
	case "cluster|meet":
		return a.clusterMeetCommand
	case "cluster|forget":
		return a.clusterForgetCommand
	case "cluster|failover":
		return a.clusterFailoverCommand
	case "cluster|replicas", "cluster|slaves":
		return a.clusterReplicasCommand
	case "cluster|reset":
		return a.clusterResetCommand
	case "cluster|help":
		return helpCommand(clusterHelp)
	}
	return nil
}

// raftCommandOf is commandOf for the sub-commands of RAFT.
func (a *Admin) raftCommandOf(name string) runs {
	switch name {
	case "raft|add":
		return a.raftAddCommand
	case "raft|digest":
		return a.raftDigestCommand
	case "raft|demote":
		return a.raftDemoteCommand
	case "raft|help":
		return helpCommand(raftHelp)
	case "raft|promote":
		return a.raftPromoteCommand
	case "raft|remove":
		return a.raftRemoveCommand
	case "raft|snapshot":
		return a.saveCommand
	case "raft|status":
		return a.raftStatusCommand
	case "raft|transfer":
		return a.raftTransferCommand
	case "raft|upgrade":
		return a.raftUpgradeCommand
	}
	return nil
}
