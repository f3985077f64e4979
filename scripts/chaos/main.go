package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

func main() {
	runtime.LockOSThread() // the children die with the thread that has started them
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	context.AfterFunc(ctx, cancel) // a second Ctrl-C ends it at once
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// flags hold what the caller wants.
type flags struct {
	handovers, rolling, kills, pauses, stills, stalls, blackouts, crashes, cuts, losses, clients, port int

	figures       figures
	fullLoad      time.Duration
	kvorum        string
	keep, verbose bool
}

func parseFlags() *flags {
	f := &flags{}
	flag.IntVar(&f.kills, "kills", 0, "rounds of kill -9 of the leader")
	flag.IntVar(&f.pauses, "pauses", 0, "rounds of SIGSTOP and SIGCONT of the leader, 0.2 to 3 s later")
	flag.IntVar(&f.stills, "stills", 0, "rounds of SIGSTOP of the leader, and SIGCONT 3 s later")
	flag.IntVar(&f.crashes, "crashes", 0, "rounds of kill -9 of the leader, behind a network that can be cut and is not")
	flag.IntVar(&f.cuts, "cuts", 0, "rounds of cutting the leader off for 6 s: nobody refuses")
	flag.IntVar(&f.losses, "losses", 0, "rounds in which the leader's machine is gone for 3 s: nobody refuses")
	flag.IntVar(&f.stalls, "stalls", 0, "rounds in which the leader's disk answers nothing for 5 s; needs a binary with the planted faults, which is built")
	flag.IntVar(&f.blackouts, "blackouts", 0, "rounds of kill -9 of all nodes at once")
	flag.IntVar(&f.handovers, "handovers", 0, "rounds of a clean hand-over by the leader")
	flag.IntVar(&f.rolling, "rolling", 0, "rolling restarts of all nodes, one after the other")
	flag.DurationVar(&f.fullLoad, "full-load", 0, "how long to count needless elections under full load, beside two busy loops")
	flag.BoolVar(&f.figures.idle, "idle", false, "measure an idle cluster")
	flag.IntVar(&f.figures.snapshotKeys, "snapshot", 0, "fill in this many keys, and measure writes beside a snapshot")
	flag.IntVar(&f.figures.larges, "large", 0, "measure writes beside so many SETs of 400 MB, through the leader and through a follower")
	flag.BoolVar(&f.figures.polite, "polite", false, "with -join: the fourth node takes only the processor time that the others leave")
	flag.IntVar(&f.figures.joinKeys, "join", 0, "fill in this many keys, and let a fourth node join beside 5,000 writes a second")
	flag.IntVar(&f.clients, "clients", 2, "writers for each node")
	flag.StringVar(&f.kvorum, "kvorum", "", "the binary to break (default: built from this source)")
	flag.IntVar(&f.port, "port", 17379, "the first node's client port")
	flag.BoolVar(&f.keep, "keep", false, "keep the nodes' data and logs, and say where")
	flag.BoolVar(&f.verbose, "v", false, "show what kvorum local says")
	flag.Parse()
	return f
}

// together are the rounds on the cluster of kvorum local.
func (f *flags) together() []rounds {
	return []rounds{
		{title: "hand-over by the leader", count: f.handovers, fault: handOver},
		{title: "rolling restart of a node", count: f.rolling * nodeCount, fault: rollNext(), rolling: true},
		{title: "kill -9 of the leader", count: f.kills, fault: killLeader, bounds: bounds{p50: killedP50, max: killedMax}},
		{title: "pause of the leader", count: f.pauses, fault: pauseLeader, bounds: bounds{max: silentMax}},
		{title: "pause of the leader for 3 s", count: f.stills, fault: stillLeader, bounds: bounds{p50: silentP50, max: silentMax}},
		{title: "stall of the leader's disk for 5 s", count: f.stalls, fault: stallLeader, bounds: bounds{max: stalledDisk}},
		{title: "kill -9 of all nodes", count: f.blackouts, fault: killAll, errorsAllowed: true},
	}
}

// onMachines are the rounds on machines that can be cut off from each other.
func (f *flags) onMachines() []rounds {
	return []rounds{
		{title: "kill -9 of the leader behind a network", count: f.crashes, fault: crashLeader, bounds: bounds{p50: killedP50, max: killedMax}},
		{title: "cut of the leader for 6 s", count: f.cuts, fault: cutLeader, bounds: bounds{p50: silentP50, max: silentMax, answerMax: answerMax}},
		{title: "loss of the leader's machine for 3 s", count: f.losses, fault: loseLeader, bounds: bounds{p50: silentP50, max: silentMax}},
	}
}

func run(ctx context.Context) error {
	f := parseFlags()
	dir, err := os.MkdirTemp("", "kvorum-chaos")
	if err != nil {
		return err
	}
	if f.keep {
		fmt.Println("data and logs:", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	if f.kvorum == "" {
		f.kvorum = filepath.Join(dir, "kvorum")
		if err := f.build(ctx); err != nil {
			return err
		}
	}
	kept, err := f.onClusters(ctx, start{kvorum: f.kvorum, folder: dir, port: f.port, verbose: f.verbose})
	if err != nil {
		return err
	}
	if !kept {
		return errors.New("a promise was broken")
	}
	return nil
}

// build builds the binary, with the planted faults where one of them is needed.
func (f *flags) build(ctx context.Context) error {
	args := []string{"build", "-o", f.kvorum}
	if f.stalls > 0 {
		args = append(args, "-tags", "kvorum_faults")
	}
	build := exec.CommandContext(ctx, "go", append(args, "./cmd/kvorum")...)
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build kvorum (run this from the repository's root): %w", err)
	}
	return nil
}

// onClusters does everything, one cluster after the other, and returns whether every
// promise was kept.
func (f *flags) onClusters(ctx context.Context, s start) (kept bool, err error) {
	kept = true
	if w := (work{f.figures, f.fullLoad, f.together(), f.clients}); w.wanted() {
		c, err := startCluster(ctx, s)
		if err != nil {
			return false, err
		}
		if kept, err = w.do(ctx, c); err != nil {
			return false, err
		}
	}
	if w := (work{rounds: f.onMachines(), clients: f.clients}); w.wanted() {
		c, err := startApart(ctx, s)
		if err != nil {
			return false, err
		}
		ok, err := w.do(ctx, c)
		if err != nil {
			return false, err
		}
		kept = kept && ok
	}
	return kept, nil
}

// work lists what is done to one cluster, in this order.
type work struct {
	figures  figures
	fullLoad time.Duration
	rounds   []rounds
	clients  int
}

func (w work) wanted() bool {
	return w.figures != (figures{}) || w.fullLoad > 0 || slices.ContainsFunc(w.rounds, func(r rounds) bool { return r.count > 0 })
}

// do does it, ends the cluster, and returns whether every promise was kept.
func (w work) do(ctx context.Context, c *cluster) (kept bool, err error) {
	defer c.stop()
	defer context.AfterFunc(ctx, c.end)() // what still asks it hears so
	if err := measure(ctx, c, w.figures); err != nil {
		return false, err
	}
	kept = true
	if w.fullLoad > 0 {
		if kept, err = busy(ctx, c, w.fullLoad); err != nil {
			return false, err
		}
	}
	for _, r := range w.rounds {
		if r.count == 0 {
			continue
		}
		ok, err := r.run(ctx, c, w.clients)
		if err != nil {
			return false, err
		}
		kept = kept && ok
	}
	return kept, nil
}

// figures says what is measured before any fault.
type figures struct {
	idle         bool
	snapshotKeys int // 0: no snapshot
	larges       int // 0: no large command
	joinKeys     int // 0: no joining node
	polite       bool
}

func measure(ctx context.Context, c *cluster, what figures) error {
	if what.idle {
		if err := idle(ctx, c); err != nil {
			return err
		}
	}
	if what.snapshotKeys > 0 {
		if err := snapshot(ctx, c, what.snapshotKeys); err != nil {
			return err
		}
	}
	if what.larges > 0 {
		if err := large(ctx, c, what.larges); err != nil {
			return err
		}
	}
	if what.joinKeys > 0 {
		if err := join(ctx, c, what.joinKeys, what.polite); err != nil {
			return err
		}
	}
	return nil
}
