package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/kvorum/kvorum/scripts/client"
	"github.com/kvorum/kvorum/scripts/demo/stage"
)

// contender is a store on three machines that is compared.
type contender interface {
	// Targets returns the addresses to which a client on a machine sends its commands now, best
	// first.
	Targets(host int) []string
	// Leader is the machine of the one node that takes writes, 0 if that is not agreed on.
	Leader() int
	Kill(host int) error
	Start(host int) error
	// Settled reports whether all nodes are well and hold the same.
	Settled() bool
}

// side is a contender, with a network of its own.
type side struct {
	name    string
	store   contender
	network *stage.Network
}

// match is a comparison: the same acts, done to both sides at the same time.
type match struct {
	*play
	sides       []*side
	minReplicas int
}

// act is one fault and what follows.
type act struct {
	title string
	cut   bool // the leader's machine is cut off; otherwise its process is killed
	hold  time.Duration
}

// compare does the same to Kvorum and to Redis with Sentinels, side by side.
func compare(ctx context.Context, p *play, args []string) error {
	flags := flag.NewFlagSet("demo-compare.sh", flag.ContinueOnError)
	hold := flags.Duration("cut", cutDefault, "how long the leader's machine is cut off")
	minReplicas := flags.Int("min-replicas", 0, "Redis's min-replicas-to-write, with min-replicas-max-lag 1 (0: off, as by default)")
	if err := p.parse(flags, args); err != nil {
		return err
	}
	if *hold < cutMin || *hold > cutMax {
		return fmt.Errorf("-cut %v: want from %v to %v", *hold, cutMin, cutMax)
	}
	if *minReplicas < 0 || *minReplicas >= stage.NodeCount {
		return fmt.Errorf("-min-replicas %d: want 0, 1 or 2", *minReplicas)
	}
	if err := stage.CheckHosts(); err != nil {
		return err
	}
	m := &match{play: p, minReplicas: *minReplicas}
	defer m.closeNetworks()
	err := m.start(ctx)
	if err == nil {
		err = m.perform(ctx, []act{
			{title: "The leader is killed (kill -9)", hold: killHold},
			{title: fmt.Sprintf("The leader's machine is cut off for %v", *hold), cut: true, hold: *hold},
		})
	}
	if ctx.Err() != nil {
		p.screen.Line("Interrupted: an act that was not finished has no result.")
		return nil
	}
	return err
}

// start starts both sides at once.
func (m *match) start(ctx context.Context) error {
	m.screen.Line("Kvorum and Redis with Sentinels, each on three machines of its own (127.0.0.1 to .3, with a network")
	m.screen.Line("between them that can be cut). Two clients on each machine send one INCR of a fresh key every %v.", orderEvery)
	m.screen.Line("Both get the same clients, the same faults and the same timeouts, at the same time.\n")
	ours, theirs := stage.NewNetwork(), stage.NewNetwork()
	m.sides = []*side{{name: "Kvorum", network: ours}, {name: "Redis", network: theirs}}
	failed := make(chan error, len(m.sides))
	go func() {
		k, err := m.stage.StartKvorum(ctx, stage.Plan{Binary: m.kvorum(), Port: m.port, Network: ours})
		m.sides[0].store = kvorumStore{k}
		failed <- err
	}()
	go func() {
		r, err := m.stage.StartRedis(ctx, stage.RedisPlan{
			Port: m.port + redisOffset, Network: theirs, DownAfter: detectAfter, MinReplicas: m.minReplicas,
		})
		m.sides[1].store = redisStore{r}
		failed <- err
	}()
	return errors.Join(<-failed, <-failed)
}

func (m *match) closeNetworks() {
	for _, s := range m.sides {
		s.network.Close()
	}
}

// kvorumStore is Kvorum as a contender: a client uses the node of its own
// machine, and another when that one is dead.
type kvorumStore struct{ *stage.Kvorum }

// Targets implements contender.
func (k kvorumStore) Targets(host int) []string {
	var targets []string
	for i := range stage.NodeCount {
		targets = append(targets, k.Nodes()[(host-1+i)%stage.NodeCount].Wire)
	}
	return targets
}

// Leader implements contender.
func (k kvorumStore) Leader() int {
	leader, highest := 0, int64(0)
	for i, node := range k.Nodes() {
		conn := client.Conn{Addr: node.Addr, Within: watchWithin}
		view, err := conn.Look()
		conn.Close()
		switch {
		case err != nil || view.Term < highest:
		case view.Leads:
			leader, highest = i+1, view.Term
		case view.Term > highest:
			leader, highest = 0, view.Term
		}
	}
	return leader
}

// Kill implements contender.
func (k kvorumStore) Kill(host int) error {
	return k.Kvorum.Kill(context.Background(), k.Nodes()[host-1].ID)
}

// Start implements contender.
func (k kvorumStore) Start(host int) error {
	return k.Kvorum.Start(context.Background(), k.Nodes()[host-1].ID)
}

// Settled implements contender.
func (k kvorumStore) Settled() bool {
	equal, same := look(k.Nodes())
	return same && equal
}

// redisStore is Redis as a contender: a client asks the Sentinels, that of its
// own machine first, for the master.
type redisStore struct{ *stage.Redis }

// Targets implements contender.
func (r redisStore) Targets(host int) []string {
	if master := r.Master(host); master != "" {
		return []string{master}
	}
	return nil
}

// Leader implements contender.
func (r redisStore) Leader() int { return r.MasterHost() }

// Kill implements contender.
func (r redisStore) Kill(host int) error {
	r.Redis.Kill(host)
	return nil
}
