package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
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

// play is what every demo has.
type play struct {
	name   string
	screen *screen.Screen
	stage  *stage.Stage

	dir  string // holds kvorum, the data and the logs, and goes at the end
	port int
	keep bool
}

// parse reads the demo's flags and opens the stage.
func (p *play) parse(flags *flag.FlagSet, args []string) error {
	flags.StringVar(&p.dir, "dir", "", "where the binary kvorum is, and data and logs go; removed at the end")
	flags.IntVar(&p.port, "port", portDefault, "the first of the ports that the demo uses, about a hundred")
	flags.BoolVar(&p.keep, "keep", false, "keep data and logs, and say where")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("%q is no flag; see -help", flags.Arg(0))
	case p.dir == "":
		return fmt.Errorf("-dir is missing; start this as scripts/demo-%s.sh", p.name)
	case p.port < portMin || p.port > portMax:
		return fmt.Errorf("-port %d: want one from %d to %d", p.port, portMin, portMax)
	}
	var err error
	p.stage, err = stage.Open(p.dir)
	return err
}

func (p *play) kvorum() string { return filepath.Join(p.dir, "kvorum") }

func (p *play) close() {
	if p.stage != nil {
		p.stage.Close()
	}
	switch {
	case p.dir == "":
	case p.keep:
		fmt.Println("data and logs:", p.dir)
	default:
		os.RemoveAll(p.dir)
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
