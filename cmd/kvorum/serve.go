package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/cmd/internal/server"
	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/node/store"
)

// serveCommand builds the command serve.
func serveCommand() *cobra.Command {
	var flags serveFlags
	cmd := &cobra.Command{
		Use:   "serve --id ID [--cluster n1=host:port,n2=host:port,n3=host:port | --join host:port,… | --await]",
		Short: "Run one node",
		Long: "Run one node.\n\nA first start waits until every listed member has answered, and forms the cluster with them.\n" +
			"A node with an empty directory that finds the cluster running joins it as a new server.\n" +
			"A further node joins with --join, through any member; it is caught up first, and then votes.\n" +
			"A cluster of one node is founded by kvorum init, once: a node that is told of no other refuses an empty directory.\n" +
			"A node that has been in its cluster comes back by its directory, whichever of these is given.\n" +
			"Every flag can also be set by an environment variable, as KVORUM_PEER_LISTEN for --peer-listen.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), &flags, cmd.ErrOrStderr())
		},
	}
	flags.register(cmd.Flags())
	return cmd
}

// serve runs a node until ctx ends or the node stops by itself.
func serve(ctx context.Context, flags *serveFlags, stderr io.Writer) error {
	if err := flags.complete(); err != nil {
		return err
	}
	outliveReaders()
	defer endOnQuit(stderr)()
	log, err := flags.log.open(stderr, string(flags.id))
	if err != nil {
		return err
	}
	defer log.lines.Close(lastLinesWithin)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if flags.parentPipe > 0 {
		watchParent(flags.parentPipe, cancel)
	}
	return flags.runRebuilding(ctx, func() error { return flags.run(ctx, log) }, log.logger)
}

// run runs a node on its data directory as it is, without rebuilding it.
func (f *serveFlags) run(ctx context.Context, log *nodeLog) error {
	options := f.storeOptions(log.logger)
	options.NoMint = !f.others()
	disk, err := store.Open(options)
	if err != nil {
		return f.explainData(fmt.Errorf("open --data: %w", err))
	}
	warnUnresolved(ctx, f.cluster, log.logger)
	config := f.config(log.logger)
	// Package syscall has raised the soft limit to the hard one when the process started.
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return errors.Join(fmt.Errorf("ask for the limit of open files: %w", err), disk.Close())
	}
	config.Descriptors = files.Cur
	config.LogStore, config.LogLevel, config.LogLinesDropped = string(disk.LogStore()), log.level, log.lines.Dropped
	node, err := server.Open(config, f.environment(disk))
	if err != nil {
		return err
	}
	return f.explainData(untilStopped(ctx, node, log.logger))
}

// explainData adds what to do about a data directory from which no node can start.
func (f *serveFlags) explainData(err error) error {
	switch {
	case errors.Is(err, store.ErrUnfinished):
		return fmt.Errorf("--data: %w", err)
	case errors.Is(err, store.ErrNotEmpty):
		return fmt.Errorf("--data: %w, which is not Kvorum's: give this node a directory of its own, which is empty or does not exist yet (on a file system of its own, a directory below its root)", err)
	case errors.Is(err, store.ErrNoServer):
		return fmt.Errorf("--data %s is empty, or does not exist, and this node is told of no other%s: %s", f.data, f.whyAlone(), f.adviceAlone())
	case errors.Is(err, cluster.ErrAlone):
		return fmt.Errorf("the node in --data %s has never been in a cluster, and is told of no other%s: empty that directory first; then, %s", f.data, f.whyAlone(), f.adviceAlone())
	}
	return err
}

// whyAlone explains why a node that was told to join knows of no other node.
func (f *serveFlags) whyAlone() string {
	if f.joinsItself {
		return " (--join names this node itself)"
	}
	return ""
}

func (f *serveFlags) adviceAlone() string {
	return fmt.Sprintf("if its data was here, bring it back (is a disk not mounted?), or let it join its cluster as a new node, with --join and the peer address of another one; "+
		"if this is the first start of a new cluster of one node, make the directory first, once: kvorum init --id %s --data %s --peer-advertise %s", f.id, f.data, f.initAddress())
}

// initAddress returns the peer address to pass to kvorum init, as far as it is known.
func (f *serveFlags) initAddress() string {
	if f.guessed.Peer {
		return fmt.Sprintf("HOST:%d", f.peerAdvertise.port)
	}
	return f.peerAdvertise.String()
}

func (f *serveFlags) storeOptions(logger *slog.Logger) store.Options {
	return store.Options{
		Path:     f.data,
		ID:       string(f.id),
		LogStore: store.LogStore(f.logStore.value),
		Verify:   fsm.Verify,
		Describe: fsm.Describe,
		Logger:   logger,
	}
}

// untilStopped waits until ctx ends or the node stops. If ctx ends, it closes the node.
func untilStopped(ctx context.Context, node *server.Server, logger *slog.Logger) error {
	ended := make(chan error, 1)
	go func() { ended <- node.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	logger.Info("stopping", slog.String("why", context.Cause(ctx).Error()))
	stop, within := node.Close, shutdownWithin
	if errors.Is(context.Cause(ctx), errParentEnded) {
		// The other nodes stop too, so there is no one to take over leadership.
		stop, within = node.CloseNow, shutdownTogetherWithin
	}
	over, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	if err := stop(over); err != nil {
		logger.Warn("the stop was not clean", slog.Any("error", err))
	}
	return nil
}

var errParentEnded = errors.New("kvorum local, which started this node, has ended")

// watchParent ends this process once the process at the other end of the inherited pipe
// has ended, for whatever reason.
func watchParent(descriptor int, cancel context.CancelCauseFunc) {
	pipe := os.NewFile(uintptr(descriptor), "parent")
	go func() {
		_, _ = io.Copy(io.Discard, pipe) // the pipe carries no data, only its end of file
		cancel(errParentEnded)
	}()
}

// warnUnresolved logs the members whose host does not resolve now. That is no error:
// names are resolved at every dial, and may appear after this node has started.
func warnUnresolved(ctx context.Context, list members, logger *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, resolveWithin)
	defer cancel()
	for _, m := range list {
		host, _, _ := net.SplitHostPort(m.PeerAddr)
		if _, err := net.DefaultResolver.LookupHost(ctx, host); err != nil {
			logger.Warn("a member of --cluster does not resolve yet; it is tried again at every dial",
				slog.String("member", m.ID), slog.String("addr", m.PeerAddr), slog.Any("error", err))
		}
	}
}

// systemClock reads this computer's wall clock.
type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

// config translates the flags into the server's configuration.
func (f *serveFlags) config(logger *slog.Logger) server.Config {
	return server.Config{
		ID:            string(f.id),
		ClientAddr:    f.advertise.String(),
		PeerAddr:      f.peerAdvertise.String(),
		Members:       f.cluster,
		Joining:       server.Joining{At: f.join, Await: f.await, Nonvoter: f.nonvoter},
		Guessed:       f.guessed,
		Follower:      server.FollowerMode(f.follower.value),
		RequirePass:   f.requirePass,
		DebugCommands: f.debugCommands,
		NeverLead:     f.neverLead,
		WriteTimeout:  f.writeTimeout.value,
		StaleReadMax:  f.staleReadMax.value,
		Version:       version(),
		DataDir:       f.data,
		Logger:        logger,
	}
}

// environment returns the real sockets, clock and disk for a server.
func (f *serveFlags) environment(disk server.Disk) server.Environment {
	listen := func(flag string, at *address) func() (net.Listener, error) {
		return func() (net.Listener, error) {
			l, err := net.Listen("tcp", at.String())
			if err != nil {
				return nil, fmt.Errorf("--%s %s: %w", flag, at, err)
			}
			return l, nil
		}
	}
	env := server.Environment{
		ListenPeers:   listen("peer-listen", &f.peerListen),
		DialPeer:      dialFrom(f.peerListen.host),
		ListenClients: listen("listen", &f.listen),
		Clock:         systemClock{},
		Disk:          disk,
	}
	if !f.http.none {
		env.ListenHTTP = listen("http", &f.http.address)
	}
	return env
}
