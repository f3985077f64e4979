package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kvorum/kvorum/scripts/damage/tracer"
)

func main() {
	tracer.Become()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "damage:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	p := plan{log: os.Stderr, together: []bool{false, true}, gapMax: gapMax}
	flag.StringVar(&p.kvorum, "kvorum", "", "the binary to break (default: built from this source)")
	stores := flag.String("stores", "wal,bolt", "log stores")
	files := flag.String("files", "", "only these files: tail, sealed, wal-meta.db, raft.db, state.bin, meta.json, older-state.bin, older-meta.json, identity.json, …")
	kindList := flag.String("kinds", strings.Join(kinds, ","), "kinds of damage")
	sceneList := flag.String("scenes", "alone,restart,leading", "scenes")
	flag.BoolVar(&p.sealed, "sealed", false, "have a full segment in the log")
	flag.Int64Var(&p.stride, "stride", strideDefault, "damage every so many-th byte; 1 is all of them")
	flag.IntVar(&p.workers, "workers", workersDefault, "how many cases run at the same time")
	flag.IntVar(&p.port, "port", portDefault, "the first client port")
	flag.StringVar(&p.only, "only", "", "run one case, as a violation names it (with -crashes or -failures, if it was one of theirs)")
	crashes := flag.Bool("crashes", false, "instead of damages: kill nodes at each change that they make to their directories")
	failures := flag.Bool("failures", false, "instead of damages: changes of the leader's directory fail once, with EIO and ENOSPC")
	sequenceList := flag.String("sequences", "", "with -crashes and -failures: only these of start, first-start, snapshot, install, truncation, writes, rotation")
	deedList := flag.String("deeds", "kill,tear", "with -crashes: kill before a change, tear a write in two")
	flag.Int64Var(&p.step, "step", 1, "with -crashes and -failures: every so many-th change")
	show := flag.String("show", "", "print the cases with these outcomes too: refused, noticed, harmless")
	parent := flag.String("dir", "", "where the nodes' directories are made (default: the system's for temporary files)")
	keep := flag.Bool("keep", false, "keep the nodes' data and logs, and say where")
	flag.Parse()
	p.stores, p.kinds, p.scenes = list(*stores), list(*kindList), list(*sceneList)
	p.files, p.sequences, p.show = list(*files), list(*sequenceList), list(*show)
	for _, deed := range list(*deedList) {
		p.deeds = append(p.deeds, tracer.Deed(deed))
	}

	dir, err := os.MkdirTemp(*parent, "kvorum-damage")
	if err != nil {
		return err
	}
	p.dir = dir
	if *keep {
		fmt.Println("data and logs:", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	if p.kvorum == "" {
		if p.kvorum, err = build(ctx, dir); err != nil {
			return err
		}
	}
	if err := p.narrow(*crashes, *failures); err != nil {
		return err
	}
	if *crashes {
		return p.run(ctx, p.crashes)
	}
	if *failures {
		return p.run(ctx, p.failings)
	}
	return p.run(ctx, p.sweep)
}

// narrow has the plan hold the one case that -only names, if any.
func (p *plan) narrow(crashes, failures bool) error {
	if p.only == "" {
		return nil
	}
	words := strings.Split(p.only, "/")
	if want := 5; len(words) != want && !(failures && len(words) == want-1) {
		return fmt.Errorf("-only %s is no case; give what stands before a violation", p.only)
	}
	p.stores, p.stride, p.step, p.workers = words[:1], 1, 1, 1
	if !crashes && !failures {
		return nil
	}
	var err error
	p.sequences, p.deeds = words[1:2], []tracer.Deed{tracer.Deed(words[2])}
	p.together = []bool{words[3] == "all"}
	if p.at, err = strconv.Atoi(words[len(words)-1]); err != nil {
		return fmt.Errorf("-only %s is no case: %w", p.only, err)
	}
	return nil
}

// run sweeps each store and prints the table.
func (p plan) run(ctx context.Context, sweep func(context.Context, string, *table) error) error {
	began := time.Now()
	t := newTable(p.show...)
	over := make(chan struct{})
	defer close(over)
	go p.progress(t, over)
	var err error
	for _, store := range p.stores {
		if err = sweep(ctx, store, t); err != nil {
			break
		}
	}
	t.print(os.Stdout)
	fmt.Printf("%v\n", time.Since(began).Round(time.Second))
	if err != nil {
		return err
	}
	if n := t.violations(); n > 0 {
		return fmt.Errorf("%d cases broke a promise", n)
	}
	return nil
}

// progress says now and then how far a run is.
func (p plan) progress(t *table, over <-chan struct{}) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
			p.print("%d cases so far, %d of them broke a promise", t.cases(), t.violations())
		}
	}
}

func build(ctx context.Context, dir string) (string, error) {
	kvorum := filepath.Join(dir, "kvorum")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", kvorum, "github.com/kvorum/kvorum/cmd/kvorum")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build kvorum (run this within the repository): %w", err)
	}
	return kvorum, nil
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}
