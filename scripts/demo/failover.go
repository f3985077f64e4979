package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kvorum/kvorum/scripts/demo/screen"
	"github.com/kvorum/kvorum/scripts/demo/stage"
)

// cluster is the nodes of a demo, be they processes or containers.
type cluster interface {
	Nodes() []stage.Node
	Kill(ctx context.Context, id string) error
	Start(ctx context.Context, id string) error
	Ready(ctx context.Context) error
	Close()
}

// killing is a demo in which leaders are killed.
type killing struct {
	*play
	kills   int
	cluster cluster
	writers *writers
	watch   *watch

	mu   sync.Mutex
	down string // the node that was killed and not started yet
	gaps []time.Duration
}

// failover kills the leader again and again while clients count.
func failover(ctx context.Context, p *play, args []string) (err error) {
	flags := flag.NewFlagSet("demo-failover.sh", flag.ContinueOnError)
	kills := flags.Int("kills", killsDefault, "how often the leader is killed")
	compose := flags.Bool("compose", false, "kill containers of docker-compose.yml instead of processes")
	if err := p.parse(flags, args); err != nil {
		return err
	}
	if *kills < 1 || *kills > killsMax {
		return fmt.Errorf("-kills %d: want a number from 1 to %d", *kills, killsMax)
	}
	k := &killing{play: p, kills: *kills}
	if *compose {
		k.cluster, err = stage.OpenCompose(ctx, func(text string) { p.screen.Line("%s", text) })
	} else {
		k.cluster, err = p.stage.StartKvorum(ctx, stage.Plan{Binary: p.kvorum(), Port: p.port})
	}
	if err != nil {
		return err
	}
	defer k.cluster.Close()
	return k.run(ctx)
}

func (k *killing) run(ctx context.Context) error {
	nodes := k.cluster.Nodes()
	var addrs []string
	for _, node := range nodes {
		addrs = append(addrs, node.ID+" "+node.Addr)
	}
	key := fmt.Sprintf("demo:counter:%d", time.Now().UnixMilli())
	k.screen.Line("Three nodes: %s.", strings.Join(addrs, ", "))
	k.screen.Line("Through each of them a client counts the same key up: INCR %s.", key)
	k.screen.Line("The leader is killed (kill -9) %d times. Ctrl-C ends it earlier, with the verdict.\n", k.kills)

	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWatching()
	k.watch = startWatch(watching, nodes)
	k.writers = startWriters(nodes, key, nil)
	drawn := k.drawing(watching)

	err := k.killAll(ctx)
	interrupted := ctx.Err() != nil
	if interrupted {
		k.screen.Event("interrupted: this is how it stands")
		err = nil
	}
	over, cancel := context.WithTimeout(context.WithoutCancel(ctx), verdictWithin)
	defer cancel()
	if err == nil {
		err = k.restart(over)
	}
	k.writers.stop()
	stopWatching()
	drawn.Wait()
	if err != nil {
		return err
	}
	return k.judge(over)
}

// killAll is all the kills; after an error or Ctrl-C a node may still be down.
func (k *killing) killAll(ctx context.Context) error {
	for i := range k.kills {
		if err := pause(ctx, calm); err != nil {
			return err
		}
		var leader string
		if err := await(ctx, "a leader", func() bool { leader = k.watch.leader(); return leader != "" }); err != nil {
			return err
		}
		if err := k.kill(ctx, i+1, leader); err != nil {
			return err
		}
		if err := k.restart(ctx); err != nil {
			return err
		}
	}
	return nil
}

// kill kills the leader and waits until writes go on under another.
func (k *killing) kill(ctx context.Context, number int, leader string) error {
	k.writers.pulse.Mark()
	k.setDown(leader)
	if err := k.cluster.Kill(ctx, leader); err != nil {
		return err
	}
	k.screen.Event("%s %s led and is dead", k.screen.Paint(screen.Red, fmt.Sprintf("kill %d of %d:", number, k.kills)), leader)
	next, at, err := k.watch.otherLeader(ctx, leader)
	if err != nil {
		return err
	}
	if err := await(ctx, "writes to go on", func() bool { return k.writers.pulse.Last().After(at) }); err != nil {
		return err
	}
	gap := k.writers.pulse.Longest(time.Now())
	k.mu.Lock()
	k.gaps = append(k.gaps, gap)
	k.mu.Unlock()
	k.screen.Event("%s leads; no write was answered for %s", next, k.screen.Paint(screen.Bold, fmt.Sprintf("%.2f s", gap.Seconds())))
	return pause(ctx, settle)
}

// restart starts the node that is down, if one is, and waits until it serves.
func (k *killing) restart(ctx context.Context) error {
	k.mu.Lock()
	id := k.down
	k.mu.Unlock()
	if id == "" {
		return k.cluster.Ready(ctx)
	}
	if err := k.cluster.Start(ctx, id); err != nil {
		return err
	}
	k.setDown("")
	if err := k.cluster.Ready(ctx); err != nil {
		return err
	}
	k.screen.Event("%s is started again and has caught up", id)
	return nil
}

func (k *killing) setDown(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = id
}

func (k *killing) judge(ctx context.Context) error {
	nodes := k.cluster.Nodes()
	if err := k.cluster.Ready(ctx); err != nil {
		return err
	}
	found, err := count(nodes, k.writers.key)
	if err != nil {
		return err
	}
	if len(k.gaps) > 0 {
		k.screen.Line("\n  %s", gapsText(k.gaps))
	}
	err = show(k.screen, k.writers.counter.Verdict(found))
	remove(nodes[0], k.writers.key)
	return err
}

// gapsText sums the losses up: how many, and how long each stopped the writes.
func gapsText(gaps []time.Duration) string {
	shortest, longest := gaps[0], gaps[0]
	for _, gap := range gaps {
		shortest, longest = min(shortest, gap), max(longest, gap)
	}
	if len(gaps) == 1 {
		return fmt.Sprintf("The leader was lost once: no write for %.2f s.", longest.Seconds())
	}
	return fmt.Sprintf("The leader was lost %d times: no write for %.2f s to %.2f s each time.", len(gaps), shortest.Seconds(), longest.Seconds())
}

// drawing draws until ctx ends; the returned group is done then.
func (k *killing) drawing(ctx context.Context) *sync.WaitGroup {
	return animate(ctx, k.screen, k.frame, func() string {
		return fmt.Sprintf("%s leads, %s writes a second, %s so far", orNobody(k.watch.leader()),
			screen.Thousands(k.writers.pulse.PerSecond(time.Now())), screen.Thousands(k.writers.pulse.Total()))
	})
}

func orNobody(leader string) string {
	if leader == "" {
		return "nobody"
	}
	return leader
}

// frame is the picture as of now.
func (k *killing) frame() []string {
	now, s := time.Now(), k.screen
	k.mu.Lock()
	down := k.down
	k.mu.Unlock()
	leader := k.watch.leader()
	lines := []string{""}
	for _, node := range k.cluster.Nodes() {
		role := s.Paint(screen.Dim, fmt.Sprintf("%-10s", "follower"))
		switch {
		case node.ID == down:
			role = s.Paint(screen.Red, fmt.Sprintf("%-10s", "✗ killed"))
		case !k.watch.of(node.ID).answers:
			role = s.Paint(screen.Amber, fmt.Sprintf("%-10s", "starting"))
		case node.ID == leader:
			role = s.Paint(screen.Green, fmt.Sprintf("%-10s", "● leader"))
		}
		lines = append(lines, fmt.Sprintf("  %-4s %s %8s writes/s", node.ID, role, screen.Thousands(k.writers.pulses[node.ID].PerSecond(now))))
	}
	return append(lines, "", sparkLine(s, "all", k.writers.pulse), "")
}
