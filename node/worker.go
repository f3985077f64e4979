package node

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
)

// worker owns the machine. It applies committed entries, taking the lock for each one so that
// reads get in between, publishes its progress, and resolves this process's batches. It is the
// only writer; reads run concurrently.
type worker struct {
	node     *Node
	queue    *queue
	progress progress

	mu         sync.RWMutex
	machine    *fsm.Machine
	configured uint64 // index of the configuration that the machine has; 0: the configuration came with a snapshot
	bulkMax    int64  // the value that the port was last told
	expired    uint64 // how many of the machine's expired keys are counted

	counts counts

	applying     atomic.Uint64 // index of the entry being applied, 0 for none
	applied      atomic.Uint64 // entries, for INFO and the snapshot policy
	appliedBytes atomic.Uint64
	restores     atomic.Uint64 // snapshots restored, including the one at start
}

func newWorker(n *Node) *worker {
	w := &worker{node: n, queue: newQueue(), machine: fsm.NewLimited(n.cfg.Newest)}
	w.progress.deadlineMS.Store(noDeadline)
	w.progress.version.Store(uint32(w.machine.Version()))
	return w
}

func (w *worker) view(f func(*fsm.Machine)) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	f(w.machine)
}

// run applies the queue's items until the queue is closed or an invariant is broken.
func (w *worker) run() {
	var items []item
	for {
		items = w.queue.take(items)
		if items == nil {
			return
		}
		for i := range items {
			if err := w.do(&items[i]); err != nil {
				for j := i; j < len(items); j++ {
					items[j].drop()
				}
				w.node.Leave(err)
				return
			}
		}
	}
}

func (w *worker) do(it *item) error {
	switch {
	case it.log != nil:
		return w.apply(it.log)
	case it.marker != nil:
		w.mark(it.marker)
	case it.restore != nil:
		w.restore(it)
	}
	return nil
}

// apply applies one entry, publishes the progress, and resolves this process's batches in it.
func (w *worker) apply(l *raft.Log) error {
	var outcomes []fsm.Outcome
	var err error
	w.applying.Store(l.Index)
	slowMachine()
	w.mu.Lock()
	switch l.Type {
	case raft.LogCommand:
		if outcomes, err = w.machine.Apply(l.Index, l.Data); err == nil {
			w.node.captures.note(w.machine)
		}
	case raft.LogConfiguration:
		err = w.machine.Configure(l.Index, memberServers(raft.DecodeConfiguration(l.Data)))
		w.configured = l.Index
	default:
		err = fmt.Errorf("a log entry of type %v", l.Type)
	}
	clock := w.publish()
	w.mu.Unlock()
	w.applying.Store(0)
	if errors.As(err, new(*fsm.NewerError)) {
		return err
	}
	if err != nil {
		return fmt.Errorf("entry %d of this server's log cannot be applied: %w: if the other servers go on, it is damaged here, and the data directory must not be used again: "+AdviceEmpty+
			"; if none goes on, kvorum recover can stop before it", l.Index, err)
	}
	w.node.stamps.observe(clock)
	w.applied.Add(1)
	w.appliedBytes.Add(uint64(len(l.Data)))
	if w.progress.term.Load() != l.Term {
		w.progress.term.Store(l.Term)
		w.node.reads.kick() // a leader may confirm reads once it has applied an entry of its own term
	}
	w.progress.moved()
	for i := range outcomes {
		if outcomes[i].Session == w.node.cfg.Session {
			w.counts.lookedUp(outcomes[i].Lookups)
			w.node.session.resolve(&outcomes[i])
		}
	}
	drained := w.queue.done(l)
	// A configuration entry does not come from the committer. It may make a digest due.
	w.node.committer.progressed(drained || l.Type == raft.LogConfiguration)
	w.node.snapshots.progressed()
	return nil
}

// publish stores the machine's progress, counts what has expired, and passes settings on to the
// port. The caller holds the lock.
func (w *worker) publish() (clockMS int64) {
	clockMS = w.machine.ClockMS()
	deadline, ok := w.machine.NextDeadlineMS()
	if !ok {
		deadline = noDeadline
	}
	w.progress.version.Store(uint32(w.machine.Version()))
	w.progress.deadlineMS.Store(deadline)
	w.progress.clockMS.Store(clockMS)
	w.progress.index.Store(w.machine.Index())
	expired := w.machine.Expired()
	w.counts.expired.Add(expired - w.expired)
	w.expired = expired
	if now := w.machine.BulkMax(); now != w.bulkMax && w.node.cfg.Port != nil {
		w.node.cfg.Port.SetBulkBytes(now)
		w.bulkMax = now
	}
	return clockMS
}

// mark captures the machine for a snapshot if the machine is at the index where Raft expects it.
func (w *worker) mark(m *marker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if index := w.machine.Index(); index != m.index {
		m.fail(fmt.Errorf("the machine is at %d, the snapshot's place is %d", index, m.index))
		return
	}
	begun := time.Now()
	capture := w.machine.Capture()
	w.node.snapshots.captured(time.Since(begun))
	m.captured(capture)
}

// restore replaces the machine by the one of a snapshot. This node never applied the entries in
// between, so it answers its own batches among them from the new machine. The transport passes on
// no snapshot at or before the machine's index (transport.install). If one arrived all the same,
// Raft must not accept it.
func (w *worker) restore(it *item) {
	if now := w.progress.index.Load(); it.restore.Index() <= now {
		it.swapped <- fmt.Errorf("a snapshot at %d is nothing new to a machine at %d", it.restore.Index(), now)
		return
	}
	defer func() { it.swapped <- nil }()
	w.mu.Lock()
	w.machine, w.configured, w.expired = it.restore, 0, 0
	clock := w.publish()
	w.mu.Unlock()
	w.restores.Add(1)
	w.node.snapshots.installs.installed(it.restore.Index(), w.node.log)
	w.node.captures.forget()
	w.node.stamps.observe(clock)
	w.progress.moved()
	w.node.session.restored(it.restore)
}
