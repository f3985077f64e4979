package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/member"
)

// Stores are the stores that Raft persists to.
type Stores struct {
	Logs      raft.LogStore
	Stable    raft.StableStore
	Snapshots raft.SnapshotStore
	SetAside  int // how many damaged snapshots were set aside when the stores were opened
	// SealedFrom is the first index from which every entry must carry a seal. 0 means that no
	// entry must, because the first release may have stored it.
	SealedFrom uint64
	// Describe turns a problem with an entry that was read, or with the whole log (index 0), into
	// an error that names the file and the remedy. what describes the problem if the store
	// returned no error. Describe may be nil.
	Describe func(index uint64, what string, err error) error
}

// Streams carries Raft's own connections. A dial names the target server and its address.
type Streams interface {
	Accept() (conn net.Conn, from string, err error) // from is the server that opened it
	Dial(server, addr string, timeout time.Duration) (net.Conn, error)
	Close() error
	Addr() net.Addr // the advertised host:port
}

// Config is everything that a node is made of.
type Config struct {
	Session      entry.Session     // this process: server id and boot number
	ClientAddr   string            // what clients are told, host:port
	Formation    *member.Formation // only at the founder's first start: bootstrap with it
	Stores       Stores
	Streams      Streams
	Peers        Peers
	Clock        Clock
	Port         Port // nil: none
	Logger       *slog.Logger
	NeverLead    bool          // whether the node abstains from leading until SetNeverLead changes it
	WriteTimeout time.Duration // measured from the last progress of this node's writes; default 5 s
	Newest       uint8         // the newest version of the machine that this program knows; default: fsm.NewestVersion
	Timing       Timing        // zero: defaults
	Policy       SnapshotPolicy
	Digests      DigestPolicy
}

// Port is the place where clients connect. It learns of a changed machine setting before the client
// that changed the setting gets its reply.
type Port interface {
	SetBulkBytes(n int64) // proto-max-bulk-len
}

// Timing holds Raft's time-outs.
type Timing struct {
	Heartbeat, Election, LeaderLease, Commit time.Duration
}

// SnapshotPolicy says when a snapshot is taken: when the first of its limits is reached.
type SnapshotPolicy struct {
	Entries  uint64 // at most; a small snapshot is taken sooner
	LogBytes uint64 // at least; a large snapshot is taken later
	Trailing uint64 // entries that stay in the log behind a snapshot
}

// Node is one running member. Each of its parts owns one concern; what they share is in files of
// its own.
type Node struct {
	cfg       Config
	log       *slog.Logger
	raft      *raft.Raft
	transport *transport
	logs      *guardedLogs
	stable    *guardedStable
	stamps    *stamps
	worker    *worker
	session   *session
	committer *committer
	reads     *reads
	notices   *notices
	snapshots *snapshotter
	watch     *leaderWatch
	ready     readiness
	lead      leadership
	panics    panics
	captures  *captures
	alarm     *alarm
	lifetime
}

// lifetime is the state of a node's run and of its end.
type lifetime struct {
	stop      chan struct{} // closed when every goroutine has to end
	ending    ending
	running   sync.WaitGroup
	failure   failure
	departure departure
}

// leadership holds the parts that influence who leads, in addition to Raft.
type leadership struct {
	transfers  transfers
	failover   *failover
	abstention *abstention
}

// ending makes a node stop exactly once.
type ending struct {
	once sync.Once
	over chan struct{} // closed when no goroutine runs any more
	err  error         // set before over is closed
}

// failure records what has stopped the node, if anything has.
type failure struct {
	once   sync.Once
	failed chan struct{}
	err    error // set before failed is closed
}

// Open starts the member on its stores. It returns when Raft runs, which is after the newest
// snapshot has been restored; a caller that accepts clients earlier answers them LOADING. Reads
// and writes on an open node wait for a leader, because what a leader has confirmed is current.
// Ready reports whether the node has a leader and has caught up.
func Open(cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	if err := fsm.CheckClientAddr(cfg.ClientAddr); err != nil { // no leader would register it
		return nil, err
	}
	n := &Node{
		cfg:      cfg,
		log:      cfg.Logger,
		stamps:   &stamps{clock: cfg.Clock},
		logs:     &guardedLogs{LogStore: cfg.Stores.Logs, stores: cfg.Stores},
		lifetime: lifetime{stop: make(chan struct{}), failure: failure{failed: make(chan struct{})}},
	}
	n.logs.departure, n.logs.leave = &n.departure, n.Leave
	n.stable = &guardedStable{StableStore: cfg.Stores.Stable, departure: &n.departure, leave: n.Leave}
	n.panics.log = n.log
	n.ending.over = make(chan struct{})
	n.departure.over = make(chan struct{})
	n.lead.transfers.slot = make(chan struct{}, 1)
	n.lead.failover = newFailover(n)
	n.lead.abstention = newAbstention(n)
	n.captures = newCaptures(n)
	n.alarm = newAlarm(n)
	n.worker = newWorker(n)
	n.panics.watch(n.worker.machine)
	n.session = newSession(n)
	n.committer = newCommitter(n)
	n.reads = newReads(n)
	n.notices = newNotices(n)
	n.snapshots = newSnapshotter(n)
	n.watch = newLeaderWatch(n)
	n.running.Go(n.worker.run) // a restore at start passes through it
	if err := n.openRaft(); err != nil {
		n.worker.queue.close()
		n.running.Wait()
		return nil, err
	}
	n.snapshots.installs.begin()
	for _, run := range []func(){
		n.watch.run, n.session.run, n.committer.run, n.reads.run, n.notices.run, n.snapshots.run, n.keepReady, n.forgetDeparted,
		n.guardLeader, n.lead.failover.run, n.lead.failover.watchPort, n.lead.abstention.run,
	} {
		n.running.Go(run)
	}
	return n, nil
}

// withDefaults fills in the fields that are not set.
func (cfg Config) withDefaults() Config {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	orDefault(&cfg.WriteTimeout, writeTimeoutDefault)
	orDefault(&cfg.Newest, fsm.NewestVersion)
	orDefault(&cfg.Timing.Heartbeat, heartbeatDefault)
	orDefault(&cfg.Timing.Election, cfg.Timing.Heartbeat)
	orDefault(&cfg.Timing.LeaderLease, cfg.Timing.Heartbeat)
	orDefault(&cfg.Timing.Commit, commitDefault)
	orDefault(&cfg.Policy.Entries, snapshotEntriesDefault)
	orDefault(&cfg.Policy.LogBytes, snapshotLogBytesDefault)
	orDefault(&cfg.Policy.Trailing, snapshotTrailingDefault)
	orDefault(&cfg.Digests.Every, digestEveryDefault)
	orDefault(&cfg.Digests.WholeEvery, wholeEveryDefault)
	return cfg
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Write sends calls (of the routes Log and Gate, in the order of one connection's pipeline)
// through the log and sets the Reply of each. It cuts the calls into batches. A call without an
// outcome gets the reply of an Error from errors.go.
func (n *Node) Write(ctx context.Context, calls []*command.Call) {
	if !n.alarm.refuses(calls) {
		n.session.write(ctx, n.refuseNew(ctx, writable(calls)))
	}
}

// Read confirms once for all calls (route Gate) that this node's machine is current, runs them on
// it in order and sets the Reply of each.
func (n *Node) Read(ctx context.Context, calls []*command.Call) {
	if !n.alarm.refuses(calls) {
		n.reads.read(ctx, calls)
		n.alarm.refuses(calls) // the data that was read may have been wrong
	}
}

// View runs f on the machine while no write runs. The state is unconfirmed; View is meant for
// administration and metrics. f must be quick and must not change anything.
func (n *Node) View(f func(*fsm.Machine)) { n.worker.view(f) }

// Leader returns the server that this node believes to be the leader, "" for none.
func (n *Node) Leader() string { return n.watch.current() }

// IsLeader reports whether this node leads, has applied an entry of its term, and is not leaving.
func (n *Node) IsLeader() bool {
	term, ok := n.leads()
	return ok && !n.departure.begun.Load() && n.worker.progress.term.Load() == term
}

// Failed returns a channel that is closed when the node cannot go on, because of a broken
// invariant or because of its disk. Err says why.
func (n *Node) Failed() <-chan struct{} { return n.failure.failed }

// Err returns why the node has failed. It is nil until Failed is closed.
func (n *Node) Err() error {
	select {
	case <-n.failure.failed:
		return n.failure.err
	default:
		return nil
	}
}

// fail ends a node whose main loop is stuck; every other failure goes through Leave. Whoever waits
// on Failed has to end the process, which may take a while. So fail cuts Raft's connections now,
// and the other nodes stop following this one.
func (n *Node) fail(err error) {
	n.transport.cut()
	n.record(err, "this node has stopped")
}

// record stores why the node has failed. The first reason stays.
func (n *Node) record(err error, what string) {
	n.failure.once.Do(func() {
		n.failure.err = err
		close(n.failure.failed)
		n.log.Error(what, slog.Any("error", err))
	})
}

// leads returns the term in which this node leads at this moment. When Raft steps down it changes
// the state before the term, and a leader's term never changes. So a leader seen between two equal
// terms led in that term.
func (n *Node) leads() (term uint64, ok bool) {
	term = n.raft.CurrentTerm()
	ok = n.raft.State() == raft.Leader && n.raft.CurrentTerm() == term
	return term, ok
}

// Close hands leadership over if it can, stops accepting writes, finishes what is in flight until
// ctx ends, and stops. A node that has failed only stops. Close returns at most stopGrace after
// ctx has ended. Goroutines that are then still waiting for an unresponsive disk are left behind
// until the process ends.
func (n *Node) Close(ctx context.Context) error {
	var err error
	if n.Err() == nil {
		if n.IsLeader() && n.voters() > 1 {
			if err = n.handOver(ctx); err != nil {
				n.log.Warn("leadership was not handed over", slog.Any("error", err))
			}
		}
		n.session.drain(ctx)
	}
	if stopErr := n.end(ctx); stopErr != nil {
		return errors.Join(err, stopErr)
	}
	return nil
}

// handOver transfers leadership and waits until another server leads.
func (n *Node) handOver(ctx context.Context) error {
	done := make(chan error, 1)
	n.running.Go(func() { done <- n.TransferLeadership() })
	select {
	case err := <-done:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	return n.watch.await(ctx, func(leader string) bool {
		return leader != "" && leader != n.cfg.Session.Server
	})
}

// Crash stops at once, as a kill does: it hands nothing over and finishes nothing. It returns when
// no goroutine is left.
func (n *Node) Crash() {
	n.logs.unplug()
	_ = n.end(context.Background())
}

// end stops everything and returns when no goroutine is left, or stopGrace
// after ctx has ended.
func (n *Node) end(ctx context.Context) error {
	n.ending.once.Do(func() { go n.finish() })
	late := make(chan struct{})
	defer context.AfterFunc(ctx, func() {
		defer close(late)
		select {
		case <-n.ending.over:
		case <-time.After(stopGrace):
		}
	})()
	select {
	case <-n.ending.over:
	case <-late:
	}
	select {
	case <-n.ending.over:
		return n.ending.err
	default:
		return errStuck
	}
}

// finish performs the stop. Raft answers nothing and does not shut down while its main loop waits
// for the disk, so everybody who waits is answered first.
func (n *Node) finish() {
	defer close(n.ending.over)
	n.logs.unplug()
	n.worker.queue.close()
	n.transport.cut()
	n.session.shut(errStopped)
	n.reads.shut()
	n.committer.settle()
	if err := n.raft.Shutdown().Error(); err != nil {
		n.ending.err = fmt.Errorf("stop raft: %w", err)
	}
	close(n.stop)
	n.running.Wait()
}
