package server

import (
	"log/slog"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/node"
)

// FollowerMode says what a node that does not lead does with its clients' commands.
type FollowerMode string

// The modes of a follower.
const (
	Forward  FollowerMode = "forward"  // it answers them itself, through the leader
	Redirect FollowerMode = "redirect" // it answers MOVED with the leader's address
)

// Member is one server of the first start, as the operator lists it.
type Member struct {
	ID       string // the operator's id, as in "n1"
	PeerAddr string // host:port; the host is kept as a name
}

// Joining is how a node comes to a cluster that runs; zero: it does not.
type Joining struct {
	At       []string // peer addresses of members
	Await    bool     // be invited
	Nonvoter bool     // to be a non-voter
}

// Guessed says which addresses are nobody's choice: a server that comes back
// keeps the host that the cluster has for it.
type Guessed struct{ Client, Peer bool }

// Config is what one node is told. It is complete: Open fills in nothing but
// zero time-outs and policies, whose defaults are node's. Wide because it is
// one node's whole choice of flags.
type Config struct {
	ID         string
	ClientAddr string // what clients are told, host:port
	PeerAddr   string // what other nodes are told, host:port
	Guessed    Guessed

	Members       []Member // the founders of the cluster, this node among them; none if it joins
	Joining       Joining
	Follower      FollowerMode
	RequirePass   string // "": clients need no password
	DebugCommands bool   // DEBUG is answered
	NeverLead     bool   // at start: it follows and votes, and never leads
	WriteTimeout  time.Duration
	StaleReadMax  time.Duration // how old a READONLY connection's reads may be; 0: any age
	Timing        node.Timing
	Policy        node.SnapshotPolicy
	Digests       node.DigestPolicy
	Descriptors   uint64           // how many files this process may have open; 0: no limit is known
	Version       string           // of the binary, for INFO and metrics
	Machine       cluster.Versions // of the machine, that this program knows; default: all that it does
	DataDir       string           // what CONFIG GET dir answers
	LogStore      string           // what INFO says of it
	Logger        *slog.Logger
	LogLevel      *slog.LevelVar // changed by CONFIG SET loglevel; nil: it cannot be changed

	LogLinesDropped func() uint64 // since the start; nil: none is ever
}

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
