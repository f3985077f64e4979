package main

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/kvorum/kvorum/scripts/client"
	"github.com/kvorum/kvorum/scripts/demo/screen"
	"github.com/kvorum/kvorum/scripts/demo/stage"
)

// parting is a demo in which the leader is cut off from the others.
type parting struct {
	*play
	lasts   time.Duration
	network *stage.Network
	cluster *stage.Kvorum
	writers *writers
	watch   *watch
	cut     *cutting

	mu     sync.Mutex
	island string // the node that is cut off now
}

// partition cuts the leader off from the others, but not from its clients.
func partition(ctx context.Context, p *play, args []string) (err error) {
	flags := flag.NewFlagSet("demo-partition.sh", flag.ContinueOnError)
	lasts := flags.Duration("cut", apartDefault, "how long the leader is cut off")
	if err := p.parse(flags, args); err != nil {
		return err
	}
	if *lasts < apartMin || *lasts > cutMax {
		return fmt.Errorf("-cut %v: want from %v (a write gives up after 5 s) to %v", *lasts, apartMin, cutMax)
	}
	if err := stage.CheckHosts(); err != nil {
		return err
	}
	d := &parting{play: p, lasts: *lasts, network: stage.NewNetwork(), cut: newCutting()}
	defer d.network.Close()
	d.cluster, err = p.stage.StartKvorum(ctx, stage.Plan{Binary: p.kvorum(), Port: p.port, Network: d.network})
	if err != nil {
		return err
	}
	return d.run(ctx)
}

func (d *parting) run(ctx context.Context) error {
	nodes := d.cluster.Nodes()
	d.screen.Line("Three nodes, each with an address of its own: n1 %s, n2 %s, n3 %s.", nodes[0].Addr, nodes[1].Addr, nodes[2].Addr)
	d.screen.Line("Clients of each count one key up (INCR), read it (GET), and read it on a READONLY connection.")
	d.screen.Line("Then the leader is cut off from the other two for %v, and not from its clients.\n", d.lasts)

	running, stopRunning := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRunning()
	d.watch = startWatch(running, nodes)
	d.writers = startWriters(nodes, "demo:counter", d.cut)
	var readers sync.WaitGroup
	for _, node := range nodes {
		readers.Go(func() { d.read(running, node, confirmedRead) })
		readers.Go(func() { d.read(running, node, readonlyRead) })
	}
	drawn := animate(running, d.screen, d.frame, d.progress)

	island, err := d.partAndHeal(ctx)
	if ctx.Err() != nil {
		d.screen.Event("interrupted: this is how it stands")
		err = nil
	}
	over, cancel := context.WithTimeout(context.WithoutCancel(ctx), verdictWithin)
	defer cancel()
	d.heal()
	d.writers.stop()
	stopRunning()
	drawn.Wait()
	readers.Wait()
	if err != nil {
		return err
	}
	return d.judge(over, island, ctx.Err() == nil)
}

// partAndHeal is the whole story; it returns the node that was cut off, "" if
// it did not come to that.
func (d *parting) partAndHeal(ctx context.Context) (island string, err error) {
	if err := pause(ctx, calm); err != nil {
		return "", err
	}
	if err := await(ctx, "a leader", func() bool { island = d.watch.leader(); return island != "" }); err != nil {
		return "", err
	}
	began := time.Now()
	d.part(island)
	d.screen.Event("%s %s led, and is cut off from the others; its clients still reach it", d.screen.Paint(screen.Red, "cut:"), island)
	next, at, err := d.otherLeader(ctx, island)
	if err != nil {
		return island, err
	}
	d.screen.Event("%s leads the other side %.2f s later", next, at.Sub(began).Seconds())
	if err := pause(ctx, time.Until(began.Add(d.lasts))); err != nil {
		return island, err
	}
	d.screen.Event("%s, cut off: a write hears %q", island, d.cut.last(island, write))
	d.screen.Event("%s, cut off: a read hears %q", island, d.cut.last(island, confirmedRead))
	d.screen.Event("%s, cut off: a READONLY read hears %s, while the others are at %s", island, d.cut.last(island, readonlyRead), strconv.FormatInt(d.writers.counter.Largest(), 10))
	d.heal()
	d.screen.Event("%s", d.screen.Paint(screen.Green, "healed"))
	healed := time.Now()
	if err := d.cluster.Ready(ctx); err != nil {
		return island, err
	}
	pulse := d.writers.pulses[island]
	if err := await(ctx, "writes through "+island, func() bool { return pulse.Last().After(healed) }); err != nil {
		return island, err
	}
	d.screen.Event("%s follows, and its clients write again %.2f s later", island, time.Since(healed).Seconds())
	return island, pause(ctx, calm)
}

// otherLeader waits for a leader of the other side: the one that is cut off may
// think for a while that it still leads.
func (d *parting) otherLeader(ctx context.Context, island string) (leader string, at time.Time, err error) {
	err = await(ctx, "a leader of the majority", func() bool {
		for _, node := range d.cluster.Nodes() {
			if node.ID != island && d.watch.of(node.ID).Leads {
				leader = node.ID
				return true
			}
		}
		return false
	})
	return leader, time.Now(), err
}

func (d *parting) part(island string) {
	for i, node := range d.cluster.Nodes() {
		if node.ID == island {
			d.network.Isolate(i + 1)
		}
	}
	d.cut.enter(apart)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.island = island
}

func (d *parting) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.island == "" {
		return
	}
	d.island = ""
	d.cut.enter(healed)
	d.network.Heal()
}

// read reads the counter through one node until ctx ends.
func (d *parting) read(ctx context.Context, node stage.Node, k kind) {
	conn := client.Conn{Addr: node.Addr, Within: requestWithin}
	defer conn.Close()
	for pause(ctx, probeEvery) == nil {
		if k == readonlyRead && !conn.Connected() {
			if answer, err := conn.Do("READONLY"); err != nil || answer.IsError() {
				d.cut.heard(node.ID, k, heard{d.cut.now(), refused, answer, err})
				conn.Close()
				continue
			}
		}
		asked, floor := d.cut.now(), d.writers.counter.Largest()
		answer, err := conn.Do("GET", d.writers.key)
		result := outcomeOf(answer, err)
		d.cut.heard(node.ID, k, heard{asked, result, answer, err})
		if result == done && k == confirmedRead {
			got, _ := strconv.ParseInt(string(answer.Bytes), 10, 64) // none: nothing is counted yet
			d.cut.read(node.ID, got, floor)
		}
	}
}

// judge looks at the whole; complete says that the story was played to its end.
func (d *parting) judge(ctx context.Context, island string, complete bool) error {
	nodes := d.cluster.Nodes()
	if err := d.cluster.Ready(ctx); err != nil {
		return err
	}
	found, err := count(nodes, d.writers.key)
	if err != nil {
		return err
	}
	equal, err := agreed(ctx, nodes)
	if err != nil {
		return err
	}
	var others []string
	for _, node := range nodes {
		if node.ID != island {
			others = append(others, node.ID)
		}
	}
	var broken []string
	if complete {
		d.sumUp(island, others)
		broken = d.cut.broken(island, others)
	}
	if !equal {
		broken = append(broken, "the nodes have applied the same index with different results")
	} else {
		d.screen.Line("  All three nodes have applied the same log with the same results.")
	}
	err = show(d.screen, d.writers.counter.Verdict(found))
	for _, text := range broken {
		d.screen.Line("  %s", d.screen.Paint(screen.Red, "BROKEN: "+text))
		err = errBroken
	}
	return err
}

// sumUp tells what either side answered during the cut.
func (d *parting) sumUp(island string, others []string) {
	d.screen.Line("\n  During the cut           writes            confirmed reads   READONLY reads")
	line := func(side string, nodes ...string) {
		text := fmt.Sprintf("  %-22s", side)
		for _, k := range []kind{write, confirmedRead, readonlyRead} {
			var sum book
			for _, node := range nodes {
				b := d.cut.during(node, k)
				sum.done, sum.failed = sum.done+b.done, sum.failed+b.failed
			}
			text += fmt.Sprintf("   %-15s", fmt.Sprintf("%s ✓ %s ✗", screen.Thousands(sum.done), screen.Thousands(sum.failed)))
		}
		d.screen.Line("%s", text)
	}
	line(island+", cut off", island)
	line(others[0]+" and "+others[1], others...)
	d.screen.Line("")
}

func (d *parting) progress() string {
	text := ""
	for _, node := range d.cluster.Nodes() {
		text += fmt.Sprintf("%s %s writes/s, ", node.ID, screen.Thousands(d.writers.pulses[node.ID].PerSecond(time.Now())))
	}
	return text + orNobody(d.watch.leader()) + " leads"
}

// frame is the picture as of now.
func (d *parting) frame() []string {
	s := d.screen
	d.mu.Lock()
	island := d.island
	d.mu.Unlock()
	lines := []string{""}
	for _, node := range d.cluster.Nodes() {
		seen := d.watch.of(node.ID)
		role := s.Paint(screen.Dim, "follower")
		switch {
		case node.ID == island:
			role = s.Paint(screen.Red, "✂ cut off")
		case seen.Leads:
			role = s.Paint(screen.Green, "● leader")
		}
		lines = append(lines, sparkLine(s, node.ID, d.writers.pulses[node.ID])+"  "+role)
		for _, row := range []struct {
			title string
			kind  kind
		}{{"write", write}, {"read", confirmedRead}, {"READONLY", readonlyRead}} {
			heard := d.cut.last(node.ID, row.kind)
			if _, err := strconv.ParseInt(heard, 10, 64); err != nil {
				heard = s.Paint(screen.Amber, heard)
			}
			lines = append(lines, fmt.Sprintf("       %-9s %s", row.title, heard))
		}
	}
	return append(lines, "")
}
