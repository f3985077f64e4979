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
	"syscall"
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

func run(ctx context.Context) error {
	kills := flag.Int("kills", 0, "rounds of kill -9 of the leader")
	pauses := flag.Int("pauses", 0, "rounds of SIGSTOP and SIGCONT of the leader")
	blackouts := flag.Int("blackouts", 0, "rounds of kill -9 of all nodes at once")
	handovers := flag.Int("handovers", 0, "rounds of a clean hand-over by the leader")
	rolling := flag.Int("rolling", 0, "rolling restarts of all nodes, one after the other")
	measureIdle := flag.Bool("idle", false, "measure an idle cluster")
	keys := flag.Int("snapshot", 0, "fill in this many keys, and measure writes beside a snapshot")
	larges := flag.Int("large", 0, "measure writes beside so many SETs of 400 MB, through the leader and through a follower")
	polite := flag.Bool("polite", false, "with -join: the fourth node takes only the processor time that the others leave")
	joinKeys := flag.Int("join", 0, "fill in this many keys, and let a fourth node join beside 5,000 writes a second")
	clients := flag.Int("clients", 2, "writers for each node")
	kvorum := flag.String("kvorum", "", "the binary to break (default: built from this source)")
	port := flag.Int("port", 17379, "the first node's client port")
	keep := flag.Bool("keep", false, "keep the nodes' data and logs, and say where")
	verbose := flag.Bool("v", false, "show what kvorum local says")
	flag.Parse()

	dir, err := os.MkdirTemp("", "kvorum-chaos")
	if err != nil {
		return err
	}
	if *keep {
		fmt.Println("data and logs:", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	if *kvorum == "" {
		*kvorum = filepath.Join(dir, "kvorum")
		build := exec.CommandContext(ctx, "go", "build", "-o", *kvorum, "./cmd/kvorum")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build kvorum (run this from the repository's root): %w", err)
		}
	}
	c, err := startCluster(ctx, start{kvorum: *kvorum, dir: filepath.Join(dir, "data"), port: *port, verbose: *verbose})
	if err != nil {
		return err
	}
	defer c.stop()
	defer context.AfterFunc(ctx, c.end)() // what still asks it hears so

	if err := measure(ctx, c, figures{*measureIdle, *keys, *larges, *joinKeys, *polite}); err != nil {
		return err
	}
	kept := true
	for _, r := range []rounds{
		{title: "hand-over by the leader", count: *handovers, fault: handOver},
		{title: "rolling restart of a node", count: *rolling * nodeCount, fault: rollNext(), rolling: true},
		{title: "kill -9 of the leader", count: *kills, fault: killLeader},
		{title: "pause of the leader", count: *pauses, fault: pauseLeader},
		{title: "kill -9 of all nodes", count: *blackouts, fault: killAll, errorsAllowed: true},
	} {
		if r.count == 0 {
			continue
		}
		ok, err := r.run(ctx, c, *clients)
		if err != nil {
			return err
		}
		kept = kept && ok
	}
	if !kept {
		return errors.New("a promise was broken")
	}
	return nil
}

// figures is what is measured before any fault.
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
