package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kvorum/kvorum/scripts/demo/screen"
	"github.com/kvorum/kvorum/scripts/demo/stage"
)

func main() {
	// A terminal that is closed ends a demo as Ctrl-C does.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	context.AfterFunc(ctx, cancel) // a second Ctrl-C ends it at once
	err := run(ctx, os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo is one of the demos; its error says that a promise was broken, or that
// it could not be played.
type demo func(ctx context.Context, p *play, args []string) error

func run(ctx context.Context, args []string) error {
	demos := map[string]demo{"failover": failover, "partition": partition, "compare": compare}
	if len(args) == 0 || demos[args[0]] == nil {
		return errors.New("want the name of a demo; start it as scripts/demo-failover.sh, scripts/demo-partition.sh or scripts/demo-compare.sh")
	}
	p := &play{name: args[0], screen: screen.New(os.Stdout)}
	defer p.close()
	return demos[args[0]](ctx, p, args[1:])
}

// play holds what every demo has.
type play struct {
	name   string
	screen *screen.Screen
	stage  *stage.Stage

	bin  string // holds kvorum; made by the script for this run, and goes at the end
	dir  string // holds the data and the logs: bin, or a folder of the operator's, which stays
	port int
	keep bool
}

// parse reads the demo's flags and opens the stage.
func (p *play) parse(flags *flag.FlagSet, args []string) error {
	bin := flags.String("bin", "", "the script's: the folder that it has made for this run, with kvorum in it")
	from := flags.String("from", "", "the script's: where it was started, for a relative -dir")
	dir := flags.String("dir", "", "an empty folder, or one that is made, for data and logs, which are kept (default: a temporary one, removed at the end)")
	flags.IntVar(&p.port, "port", portDefault, "the first of the ports that the demo uses, about a hundred")
	flags.BoolVar(&p.keep, "keep", false, "keep data and logs without -dir too, and say where")
	err := flags.Parse(args)
	if madeByThisRun(*bin) {
		p.bin, p.dir = *bin, *bin // from here on it goes at the end
	}
	switch {
	case err != nil:
		return err
	case flags.NArg() > 0:
		return fmt.Errorf("%q is no flag; see -help", flags.Arg(0))
	case p.bin == "":
		return fmt.Errorf("-bin names no folder of this run; start this as scripts/demo-%s.sh", p.name)
	case p.port < portMin || p.port > portMax:
		return fmt.Errorf("-port %d: want one from %d to %d", p.port, portMin, portMax)
	}
	if *dir != "" {
		if err := p.useFolder(*dir, *from); err != nil {
			return err
		}
	}
	p.stage, err = stage.Open(p.dir)
	return err
}

// madeByThisRun reports whether the script that has become this process has made a folder.
func madeByThisRun(bin string) bool {
	by, err := os.ReadFile(filepath.Join(bin, "made-by"))
	return bin != "" && err == nil && strings.TrimSpace(string(by)) == strconv.Itoa(os.Getpid())
}

// useFolder has data and logs go to a folder that the operator names. Nothing is ever
// removed from it, and nothing of theirs is in it.
func (p *play) useFolder(dir, from string) error {
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(from, dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("-dir: %w", err)
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("-dir: %w", err)
	}
	if len(found) > 0 {
		return fmt.Errorf("-dir %s is not empty, and is left alone; give an empty folder, or one that does not exist yet", dir)
	}
	p.dir = dir
	return nil
}

func (p *play) kvorum() string { return filepath.Join(p.bin, "kvorum") }

func (p *play) close() {
	if p.stage != nil {
		p.stage.Close()
	}
	if p.stage != nil && (p.dir != p.bin || p.keep) {
		p.screen.Line("data and logs are kept: %s", p.dir)
	}
	if p.dir != p.bin || !p.keep {
		os.RemoveAll(p.bin)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// await polls until done says so.
func await(ctx context.Context, what string, done func() bool) error {
	for deadline := time.Now().Add(newLeaderWithin); !done(); {
		if err := pause(ctx, frameEvery/10); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %v in vain for %s", newLeaderWithin, what)
		}
	}
	return nil
}
