package admin

import (
	"context"
	"sync"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// Config is what an Admin is made of.
type Config struct {
	Server     string // this one, id@incarnation
	Cluster    string // the cluster's id
	Boot       uint64 // tells apart the runs of one server
	Version    string // of the binary
	LogStore   string
	Redirect   bool // clients of a node that does not lead are sent to the leader
	ClientPort int  // that this process listens on
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

// Admin answers the administration's commands. It is safe for concurrent use.
type Admin struct {
	Config
	started time.Time

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup // snapshots that BGSAVE began

	tuning  sync.Mutex // held while a CONFIG SET changes this node's own settings, never while it waits for the log
	failing failing

	mu       sync.Mutex
	saving   bool                 // a snapshot that SAVE or BGSAVE asked for is being taken
	own      map[string]*ownValue // this node's settings that differ from the table's defaults
	peakHeap uint64               // the most that INFO has seen in use
}

// New makes an Admin; own are the settings of this node that its operator
// chose at start, by the table's names.
func New(cfg Config, own map[string]string) *Admin {
	a := &Admin{Config: cfg, started: cfg.Now(), own: map[string]*ownValue{}}
	for name, value := range own {
		a.own[name] = &ownValue{value: value}
	}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// Close cancels the snapshots that BGSAVE began and waits for them.
func (a *Admin) Close() {
	a.cancel()
	a.work.Wait()
}

// Run sets the call's Reply; false means that the command is not Admin's.
func (a *Admin) Run(ctx context.Context, call *command.Call) bool {
	run := a.commandOf(call.Command.Name)
	if run == nil {
		return false
	}
	call.Reply = run(ctx, call)
	return true
}

// runs answers one command.
type runs func(context.Context, *command.Call) reply.Value

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
