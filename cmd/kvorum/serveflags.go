package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/kvorum/kvorum/cmd/internal/server"
	"github.com/kvorum/kvorum/node/store"
)

// serveFlags are the flags of serve, one field each.
type serveFlags struct {
	id            identifier
	listen        address
	advertise     address
	peerListen    address
	peerAdvertise address
	http          optionalAddress
	data          string
	cluster       members
	requirePass   string
	logStore      choice
	follower      choice
	writeTimeout  interval
	staleReadMax  interval
	debugCommands bool
	neverLead     bool
	parentPipe    int // a descriptor at whose end of file this process ends; 0: none
	log           logFlags
	joining
	guessed server.Guessed // addresses that the data directory may overrule
}

// joining holds the flags with which a node joins a running cluster.
type joining struct {
	join            seeds
	await, nonvoter bool
	rebuildDamaged  bool // join as a new server if the data directory is damaged
	joinsItself     bool // --join names this node and no other
}

// register declares the flags with their defaults.
func (f *serveFlags) register(flags *pflag.FlagSet) {
	f.listen = address{"", clientPortDefault}
	f.logStore = newLogStore()
	f.follower = choice{string(server.Forward), []string{string(server.Forward), string(server.Redirect)}}
	f.staleReadMax = interval{0, 0, staleReadMaxMax}
	f.writeTimeout = interval{writeTimeoutDefault, writeTimeoutMin, writeTimeoutMax}

	flags.Var(&f.id, "id", "this node's id, unique in the cluster (required)")
	flags.Var(&f.listen, "listen", "where clients connect")
	flags.Var(&f.advertise, "advertise", "the address that clients are told (default: this node's host in --cluster, with the port of --listen)")
	flags.Var(&f.peerListen, "peer-listen", fmt.Sprintf("where the other nodes connect (default: --listen with port + %d); if the host is an IP address, connections to them come from it too", peerPortOffset))
	flags.Var(&f.peerAdvertise, "peer-advertise", "the address that the other nodes are told (default: this node's in --cluster)")
	flags.Var(&f.http, "http", fmt.Sprintf("health and metrics, or none (default: --listen with port + %d)", httpPortOffset))
	flags.StringVar(&f.data, "data", "", "the data directory, this node's alone (default: kvorum-data/ID/data)")
	flags.Var(&f.cluster, "cluster", "the members at first start, this node among them; a list of this node alone founds nothing (see kvorum init)")
	flags.Var(&f.join, "join", "join a running cluster through any of its members, at their peer addresses; a node that has joined needs it no more")
	flags.BoolVar(&f.await, "await", false, "join a running cluster when one of its members invites this node (kvorum members add)")
	flags.BoolVar(&f.nonvoter, "nonvoter", false, "with --join or --await: stay a read replica, which counts for no majority, until it is promoted")
	flags.BoolVar(&f.rebuildDamaged, "rebuild-damaged", false, "if the data directory is damaged, set its content aside and join the cluster again as a new server")
	flags.StringVar(&f.requirePass, "requirepass", "", "the password that clients must give; better set as "+variable("requirepass")+", since others can read a command line")
	flags.Var(&f.logStore, "log-store", fmt.Sprintf("what keeps the log (default: what the directory records, %s for a new one)", store.DefaultLogStore))
	flags.Var(&f.follower, "follower", "what a node does with commands while another leads: answer them through the leader, or redirect clients to it with MOVED")
	flags.Var(&f.writeTimeout, "write-timeout", "how long a write may wait while none of its node's is applied")
	flags.Var(&f.staleReadMax, "stale-read-max", "how old the reads of a READONLY connection may be; 0s for any age")
	flags.BoolVar(&f.neverLead, "never-lead", false, "follow and vote, and never lead (CONFIG SET never-lead changes it until the node's end)")
	flags.BoolVar(&f.debugCommands, "debug-commands", false, "answer DEBUG (for tests)")
	flags.IntVar(&f.parentPipe, "parent-pipe", 0, "")
	_ = flags.MarkHidden("parent-pipe")
	f.log.register(flags)
}

// newLogStore returns a flag for the log store, without a choice yet.
func newLogStore() choice { return choice{"", []string{string(store.Bolt), string(store.WAL)}} }

// complete derives missing flags from the given ones, and checks that they agree.
func (f *serveFlags) complete() error {
	if f.id == "" {
		return errors.New("--id is missing; give this node an id of its own, as in --id n1")
	}
	if f.data == "" {
		f.data = dataDefault(f.id)
	}
	if err := f.checkJoining(); err != nil {
		return err
	}
	if err := f.completePorts(); err != nil {
		return err
	}
	if err := f.completePeerAdvertise(); err != nil {
		return err
	}
	if f.peerAdvertise.everywhere() {
		return fmt.Errorf("--peer-advertise %s names no host; give one that the other nodes can dial", &f.peerAdvertise)
	}
	if f.advertise.port == 0 {
		f.advertise = address{f.peerAdvertise.host, f.listen.port}
		if !f.listen.everywhere() {
			f.advertise.host = f.listen.host
		}
		f.guessed.Client = f.guessed.Peer && f.listen.everywhere()
	}
	if f.advertise.everywhere() {
		return fmt.Errorf("--advertise %s names no host; give one that clients can dial", &f.advertise)
	}
	return nil
}

// completePorts derives missing ports from --listen, and refuses two uses of one port.
func (f *serveFlags) completePorts() error {
	if f.peerListen.port == 0 {
		f.peerListen = address{f.listen.host, f.listen.port + peerPortOffset}
		if f.peerListen.port > portMax {
			return fmt.Errorf("--listen %s leaves no port %d for the other nodes; give --peer-listen", &f.listen, f.peerListen.port)
		}
	}
	if f.http.port == 0 && !f.http.none {
		f.http.address = address{f.listen.host, f.listen.port + httpPortOffset}
		if f.http.port > portMax {
			return fmt.Errorf("--listen %s leaves no port %d for health and metrics; give --http, or --http none", &f.listen, f.http.port)
		}
	}
	type use struct {
		flag string
		at   *address
	}
	uses := []use{{"listen", &f.listen}, {"peer-listen", &f.peerListen}}
	if !f.http.none {
		uses = append(uses, use{"http", &f.http.address})
	}
	for i, a := range uses {
		for _, b := range uses[:i] {
			if a.at.port == b.at.port && (a.at.host == b.at.host || a.at.everywhere() || b.at.everywhere()) {
				return fmt.Errorf("--%s %s and --%s %s are the same port; give each its own", b.flag, b.at, a.flag, a.at)
			}
		}
	}
	return nil
}

// checkJoining refuses flags that name contradicting ways into a cluster.
func (f *serveFlags) checkJoining() error {
	switch {
	case f.cluster != nil && (f.join != nil || f.await):
		return errors.New("--cluster is how a cluster is founded, --join and --await are how a node comes to one that runs; give one of them")
	case f.join != nil && f.await:
		return errors.New("--join says where the cluster is, --await waits to be told; give one of them")
	case f.nonvoter && f.join == nil && !f.await:
		return errors.New("--nonvoter needs --join or --await: who founds a cluster is a voter")
	}
	return nil
}

// completePeerAdvertise determines the peer address of this node. If --cluster lists the
// node, the list and --peer-advertise must agree.
func (f *serveFlags) completePeerAdvertise() error {
	if f.cluster == nil {
		return f.completeAlone()
	}
	for _, m := range f.cluster {
		if m.ID != string(f.id) {
			continue
		}
		if f.peerAdvertise.port != 0 && f.peerAdvertise.String() != m.PeerAddr {
			return fmt.Errorf("--cluster lists %s at %s and --peer-advertise says %s; give the same address, or leave out --peer-advertise", m.ID, m.PeerAddr, &f.peerAdvertise)
		}
		return f.peerAdvertise.Set(m.PeerAddr)
	}
	return fmt.Errorf("--cluster %s does not list this node, %s; add %s=host:port, or give --join instead to join a cluster that runs", &f.cluster, f.id, f.id)
}

// leaveOutItself removes this node's own address from --join, because a node finds no
// cluster through itself. If no address is left, the node counts as told of no other.
func (f *serveFlags) leaveOutItself() {
	others := slices.DeleteFunc(slices.Clone(f.join), func(addr string) bool {
		return addr == f.peerAdvertise.String() || addr == f.peerListen.String() || f.isLocal(addr)
	})
	f.joinsItself = len(others) == 0 && len(f.join) > 0
	if len(others) == 0 {
		others = nil
	}
	f.join = others
}

// isLocal reports whether an address is localhost or 127.0.0.1 with this node's own peer
// port.
func (f *serveFlags) isLocal(addr string) bool {
	named, err := parseAddress(addr)
	local := named.host == "localhost" || named.host == "127.0.0.1"
	here := f.peerListen.everywhere() || f.peerListen.host == "localhost" || f.peerListen.host == "127.0.0.1"
	return err == nil && local && here && named.port == f.peerListen.port
}

// completeAlone completes the peer address of a node without --cluster: it joins, or restarts from its directory.
func (f *serveFlags) completeAlone() error {
	if f.peerAdvertise.port == 0 {
		f.peerAdvertise = f.peerListen
		f.guessed.Peer = f.peerListen.everywhere()
	}
	switch {
	case (f.join != nil || f.await) && f.guessed.Peer:
		return fmt.Errorf("--peer-advertise is missing: give the address that the other nodes can dial to reach this one, as in --peer-advertise %s.example:%d", f.id, f.peerListen.port)
	case f.guessed.Peer:
		f.peerAdvertise.host = "127.0.0.1"
	}
	f.leaveOutItself()
	if f.join == nil && !f.await {
		f.cluster = members{{ID: string(f.id), PeerAddr: f.peerAdvertise.String()}}
	}
	return nil
}
