package simulation

import (
	"fmt"
	"slices"

	"github.com/kvorum/kvorum/cmd/internal/server"
	"github.com/kvorum/kvorum/fsm/member"
)

// place is the role and address that the operator wants a machine's server to have.
type place struct {
	founder bool   // it took part in the first start, and was not removed since
	alone   bool   // it founded the cluster alone
	in      bool   // it belongs to the cluster, so it must be able to run
	voter   bool   // in the configuration
	host    string // the host that its peers dial
	moves   int
	joins   bool // it joins by itself, else it is invited; founders need neither
}

func (p place) peerAddr() string { return p.host + ":16379" }

func (c *Cluster) place(id string) place {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.machine[id].place
}

// config returns the configuration of a machine's server, as its operator would write it.
func (c *Cluster) config(id string) server.Config {
	p := c.place(id)
	// A server that keeps the first list finds its cluster through that. If none of the
	// others on the list is still a member, the operator names members instead.
	p.founder = p.founder && (p.alone || slices.ContainsFunc(c.IDs, func(other string) bool {
		at := c.place(other)
		return other != id && at.founder && at.in
	}))
	p.joins = p.joins || !p.founder && c.place(id).founder
	cfg := server.Config{
		ID:         id,
		ClientAddr: id + ":6379",
		PeerAddr:   p.peerAddr(),
		Follower:   server.Forward,
		Timing:     c.timing[id],
		Policy:     c.policy,
		Digests:    c.digests,
		Machine:    c.release(id),
		Logger:     c.logger.With("server", id),
	}
	cfg.Joining.Await = !p.founder && !p.joins
	cfg.Joining.Nonvoter = !p.founder && !p.voter
	for _, other := range c.IDs { // an operator who moves a server also changes the lists
		at := c.place(other)
		if p.founder && at.founder {
			cfg.Members = append(cfg.Members, server.Member{ID: other, PeerAddr: at.peerAddr()})
		}
		if p.joins && at.in && other != id {
			cfg.Joining.At = append(cfg.Joining.At, at.peerAddr())
		}
	}
	return cfg
}

// arrange changes the place of a machine's server.
func (c *Cluster) arrange(id string, change func(p *place)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.machine[id].place)
}

// Members returns the ids of the servers that belong to the cluster.
func (c *Cluster) Members() []string {
	return slices.DeleteFunc(slices.Clone(c.IDs), func(id string) bool { return !c.place(id).in })
}

// voters returns how many members are meant to be voters.
func (c *Cluster) voters() (count int) {
	for _, id := range c.Members() {
		if c.place(id).voter {
			count++
		}
	}
	return count
}

// Ended returns why a server's last process ended by itself. It returns false while a
// process runs, or if none has ended by itself.
func (c *Cluster) Ended(id string) (error, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.machine[id]
	return m.ended, m.process == nil && m.ended != nil
}

// placed returns nil if a configuration holds each member with its intended role and
// address and under the name on its disk, and holds no other server.
func (c *Cluster) placed(servers []member.Server) error {
	members := c.Members()
	for _, id := range members {
		want := c.place(id)
		name := c.disk(id).server()
		i := slices.IndexFunc(servers, func(s member.Server) bool { return s.ID == name })
		switch {
		case i < 0:
			return fmt.Errorf("%s is not in the configuration", name)
		case servers[i].Voter != want.voter:
			return fmt.Errorf("%s is a voter: %v", name, servers[i].Voter)
		case servers[i].PeerAddr != want.peerAddr():
			return fmt.Errorf("%s is dialled at %s", name, servers[i].PeerAddr)
		}
	}
	if len(servers) != len(members) {
		return fmt.Errorf("the configuration has %d servers", len(servers))
	}
	return nil
}

// OneCluster returns an error if the members' disks belong to different clusters.
func (c *Cluster) OneCluster() error {
	var first, of string
	for _, id := range c.Members() {
		switch name := c.disk(id).cluster(); {
		case name == "":
		case first == "":
			first, of = name, id
		case name != first:
			return &broken{fmt.Sprintf("two clusters: %s belongs to %s, %s to %s", of, first, id, name)}
		}
	}
	return nil
}
