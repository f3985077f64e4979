package server

import (
	"log/slog"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/node"
)

// FollowerMode says how a follower handles its clients' commands.
type FollowerMode string

// The modes of a follower.
const (
	Forward  FollowerMode = "forward"  // it answers them itself, by way of the leader
	Redirect FollowerMode = "redirect" // it replies MOVED with the leader's address
)

// Member is one founder of the cluster, as the operator lists it.
type Member struct {
	ID       string // the operator's id, as in "n1"
	PeerAddr string // host:port; the host is kept as a name
}

// Joining says how a node joins a running cluster; the zero value: it does not.
type Joining struct {
	At       []string // peer addresses of members
	Await    bool     // wait to be invited
	Nonvoter bool     // join as a non-voter
}

// Guessed says which addresses are defaults that no operator chose. For these, a
// restarted server keeps the host under which the cluster knows it.
type Guessed struct{ Client, Peer bool }

// Config holds the settings of one node. It is complete: Open fills in only zero
// time-outs and policies, with the defaults of package node. Wide because it carries
// every flag of a node.
type Config struct {
	ID         string
	ClientAddr string // the address given to clients, host:port
	PeerAddr   string // the address given to other nodes, host:port
	Guessed    Guessed

	Members       []Member // the founders of the cluster, this node among them; none if it joins
	Joining       Joining
	Follower      FollowerMode
	RequirePass   string // "": clients need no password
	DebugCommands bool   // whether DEBUG is allowed
	NeverLead     bool   // at the start: whether it only follows and votes, and never leads
	WriteTimeout  time.Duration
	StaleReadMax  time.Duration // how old a READONLY connection's reads may be; 0: any age
	Timing        node.Timing
	Policy        node.SnapshotPolicy
	Digests       node.DigestPolicy
	Descriptors   uint64           // how many files this process may open; 0: unknown
	Version       string           // of the binary, for INFO and metrics
	Machine       cluster.Versions // machine versions to support; default: all that this program knows
	DataDir       string           // the reply to CONFIG GET dir
	LogStore      string           // the name of the log store, for INFO
	Logger        *slog.Logger
	LogLevel      *slog.LevelVar // changed by CONFIG SET loglevel; nil: it cannot be changed

	LogLinesDropped func() uint64 // lines dropped since the start; nil: none ever are
}

// withDefaults fills in what Open needs and the caller left out.
func (cfg Config) withDefaults() Config {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.LogLinesDropped == nil {
		cfg.LogLinesDropped = func() uint64 { return 0 }
	}
	if cfg.LogLevel == nil {
		cfg.LogLevel = &slog.LevelVar{}
	}
	if cfg.Machine == (cluster.Versions{}) {
		cfg.Machine = cluster.Versions{Oldest: fsm.OldestVersion, Newest: fsm.NewestVersion}
	}
	return cfg
}

func (cfg Config) listed() []cluster.Listed {
	var list []cluster.Listed
	for _, m := range cfg.Members {
		list = append(list, cluster.Listed(m))
	}
	return list
}
