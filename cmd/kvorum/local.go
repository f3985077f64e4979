package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kvorum/kvorum/cmd/internal/logqueue"
)

// localFlags are the flags of local.
type localFlags struct {
	nodes   count
	port    count
	dir     string
	restart bool
	log     logFlags
}

// localCommand builds the command local.
func localCommand() *cobra.Command {
	flags := localFlags{nodes: count{3, 1, localNodesMax}, port: count{clientPortDefault, 1, portMax - peerPortOffset}}
	cmd := &cobra.Command{
		Use:   "local",
		Short: "Run a whole cluster on this machine, each node a process of its own",
		Long: "Run a whole cluster on this machine, each node a process of its own.\n\n" +
			"Clients connect to --port, --port+1, …; the same --dir resumes the same data.\n" +
			"A node that is killed stays dead unless --restart; the others go on without it.\n" +
			"The nodes take their further settings from the environment, as KVORUM_REQUIREPASS or KVORUM_LOG_STORE.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := givenFlags{nodes: cmd.Flags().Changed("nodes"), port: cmd.Flags().Changed("port")}
			plan, err := planCluster(&flags, given)
			if err != nil {
				return err
			}
			defer endOnQuit(cmd.ErrOrStderr())()
			return runCluster(cmd.Context(), plan, cmd.OutOrStdout())
		},
	}
	cmd.Flags().Var(&flags.nodes, "nodes", "how many nodes; as many as --dir holds, and 3 for a new one, if it is not given")
	cmd.Flags().Var(&flags.port, "port", fmt.Sprintf("the first node's client port; nodes reach each other at + %d, health and metrics are at + %d", peerPortOffset, httpPortOffset))
	cmd.Flags().StringVar(&flags.dir, "dir", dataDirDefault, "where the nodes keep data, logs and pid files")
	cmd.Flags().BoolVar(&flags.restart, "restart", false, "start a node again when it has died")
	flags.log.register(cmd.Flags())
	return cmd
}

// screen prints local's lines, whole and one at a time. Printing never waits for a
// terminal that has stalled.
type screen struct{ lines *logqueue.Queue }

func newScreen(to io.Writer) *screen {
	return &screen{logqueue.New(to, func(dropped uint64) []byte { return fmt.Appendf(nil, "%d lines were dropped\n", dropped) })}
}

func (s *screen) line(format string, args ...any) { fmt.Fprintf(s.lines, format+"\n", args...) }

// runCluster starts the planned nodes and waits until ctx ends or all of them have
// exited. Whatever happens, no node outlives it.
func runCluster(ctx context.Context, plan *clusterPlan, stdout io.Writer) error {
	outliveReaders()
	out := newScreen(stdout)
	defer out.lines.Close(lastLinesWithin)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchGoRun(ctx, cancel)
	crew, err := startCrew(plan, out)
	if err != nil {
		return err
	}
	out.table(plan, crew)
	watching, stopWatching := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { watchLeader(watching, plan, crew, out) })
	gone := make(chan struct{})
	go func() { crew.wait(); close(gone) }()

	select {
	case <-ctx.Done():
		out.line("stopping: %v", context.Cause(ctx))
	case <-gone:
		err = errors.New("every node has exited; see the logs in " + plan.dir)
	}
	stopWatching()
	watcher.Wait()
	crew.stop()
	return err
}

// table prints the nodes with their process ids and addresses.
func (s *screen) table(plan *clusterPlan, crew *crew) {
	var whole bytes.Buffer
	table := tabwriter.NewWriter(&whole, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "ID\tPID\tCLIENTS\tPEERS\tHTTP\tDIRECTORY\n")
	for _, n := range plan.nodes {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\n", n.id, crew.pid(n.id), n.clients(), n.peers(), n.http(), n.dir)
	}
	table.Flush()
	_, _ = s.lines.Write(whole.Bytes()) // the queue never fails
}

// startedUnderGoRun reports whether go run built and started this binary. A person then
// stops the go command, which does not pass SIGTERM on to its child.
func startedUnderGoRun(executable string) bool {
	return goRunBinary.MatchString(executable)
}

// watchGoRun ends local once the go command that started it has exited.
func watchGoRun(ctx context.Context, cancel context.CancelCauseFunc) {
	executable, err := os.Executable()
	if err != nil || !startedUnderGoRun(executable) {
		return
	}
	parent := os.Getppid()
	go func() {
		for waitFor(ctx, localGoRunPoll) {
			if os.Getppid() != parent {
				cancel(errors.New("the go command that ran this has ended"))
				return
			}
		}
	}()
}
