package node

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
)

// adapter is the machine as Raft sees it (raft.BatchingFSM). It only queues work for the worker,
// so no command ever blocks Raft.
//
// A snapshot is a marker in the queue; Raft takes it for the state after the last entry handed
// over. Raft may install a snapshot from the leader while this node is still writing one of its
// own, and would then record its own, older one as the newest. So a restore waits for snapshots
// that are being written, and these fail, as does every marker before the restore.
type adapter struct {
	worker *worker
	last   uint64 // index of the last entry handed over, on Raft's apply goroutine
	none   []any  // the results of entries for Raft's futures: all nil

	mu      sync.Mutex
	written sync.Cond // signalled when a marker is released
	pending map[*marker]struct{}
}

func (w *worker) adapter() *adapter {
	a := &adapter{worker: w, pending: map[*marker]struct{}{}}
	a.written.L = &a.mu
	return a
}

// ApplyBatch queues committed entries: commands and configurations.
func (a *adapter) ApplyBatch(logs []*raft.Log) []any {
	a.last = logs[len(logs)-1].Index
	a.worker.queue.put(logs)
	for len(a.none) < len(logs) {
		a.none = append(a.none, nil)
	}
	return a.none[:len(logs)]
}

// Apply does what ApplyBatch does, for one entry.
func (a *adapter) Apply(l *raft.Log) any { return a.ApplyBatch([]*raft.Log{l})[0] }

// Snapshot queues a marker after the last entry.
func (a *adapter) Snapshot() (raft.FSMSnapshot, error) {
	m := &marker{adapter: a, index: a.last, ready: make(chan struct{})}
	a.mu.Lock()
	a.pending[m] = struct{}{}
	a.mu.Unlock()
	if !a.worker.queue.add(item{marker: m}) {
		m.Release()
		return nil, errStopped
	}
	return m, nil
}

// Restore reads the whole snapshot and passes the new machine through the queue. It returns when
// the worker has switched to it.
func (a *adapter) Restore(source io.ReadCloser) error {
	machine, err := fsm.RestoreLimited(bufio.NewReaderSize(source, persistBuffer), a.worker.node.cfg.Newest)
	if err != nil {
		return fmt.Errorf("restore a snapshot: %w", err)
	}
	a.worker.node.panics.watch(machine)
	a.overtake()
	swapped := make(chan error, 1)
	if !a.worker.queue.add(item{restore: machine, swapped: swapped}) {
		return errStopped
	}
	if err := <-swapped; err != nil {
		return err
	}
	a.last = machine.Index()
	return nil
}

// overtake makes every marker before a restore fail and waits until none is being written. It does
// not wait for a marker whose Persist has not begun: Raft may need its main loop for that, and the
// main loop waits for the restore.
func (a *adapter) overtake() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for m := range a.pending {
		m.overtaken = true
	}
	for a.writing() {
		a.written.Wait()
	}
}

// writing reports whether any marker is being written.
func (a *adapter) writing() bool {
	for m := range a.pending {
		if m.writing {
			return true
		}
	}
	return false
}

var errOvertaken = errors.New("a snapshot from the leader has overtaken this one")

// marker is a snapshot in progress: queued, captured, written, released.
type marker struct {
	adapter *adapter
	index   uint64        // of the last entry before it
	ready   chan struct{} // closed when capture or err is set
	capture *fsm.Capture
	err     error

	overtaken, writing bool // under adapter.mu
}

func (m *marker) captured(c *fsm.Capture) {
	m.capture = c
	close(m.ready)
}

func (m *marker) fail(err error) {
	m.err = err
	close(m.ready)
}

// begin records that Persist has begun. From then on until Release, a restore waits.
func (m *marker) begin() error {
	m.adapter.mu.Lock()
	defer m.adapter.mu.Unlock()
	if m.overtaken {
		return errOvertaken
	}
	m.writing = true
	return nil
}

func (m *marker) check() error {
	m.adapter.mu.Lock()
	defer m.adapter.mu.Unlock()
	if m.overtaken {
		return errOvertaken
	}
	return nil
}

// Persist writes the capture while traffic goes on. Raft closes the sink if Persist returns nil
// and cancels it otherwise.
func (m *marker) Persist(sink raft.SnapshotSink) error {
	<-m.ready
	if m.err != nil {
		return m.err
	}
	if err := m.begin(); err != nil {
		return err
	}
	if paced, ok := sink.(pacedSink); ok {
		paced.Pace()
	}
	out := bufio.NewWriterSize(overtakable{sink, m}, persistBuffer)
	if _, err := placed(m.capture, sink).WriteTo(out); err != nil {
		return fmt.Errorf("write a snapshot: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write a snapshot: %w", err)
	}
	return m.check()
}

// Release is called when Raft has recorded the snapshot or has given it up.
func (m *marker) Release() {
	m.adapter.mu.Lock()
	delete(m.adapter.pending, m)
	m.adapter.written.Broadcast()
	m.adapter.mu.Unlock()
}

// overtakable is a writer that fails once its snapshot has been overtaken or the node stops.
type overtakable struct {
	to     io.Writer
	marker *marker
}

func (o overtakable) Write(p []byte) (int, error) {
	if err := o.marker.check(); err != nil {
		return 0, err
	}
	select {
	case <-o.marker.adapter.worker.queue.ended:
		return 0, errStopped
	default:
		return o.to.Write(p)
	}
}
