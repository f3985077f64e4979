package node

import (
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
)

// item is one thing for the worker to do, in the order of the log.
type item struct {
	log     *raft.Log
	marker  *marker      // take a capture here
	restore *fsm.Machine // go on with this machine
	swapped chan error   // cap 1: whether it does
}

// queue lies between Raft's apply goroutine and the worker. It is bounded in
// bytes: put waits for room.
type queue struct {
	mu      sync.Mutex
	room    sync.Cond
	items   []item
	closed  bool
	wake    chan struct{} // cap 1: there are items, or the queue is closed
	ended   chan struct{} // closed with the queue
	bytes   atomic.Int64  // of what is queued or being applied
	entries atomic.Int64
}

func newQueue() *queue {
	q := &queue{wake: make(chan struct{}, 1), ended: make(chan struct{})}
	q.room.L = &q.mu
	return q
}

// put queues committed entries; a closed queue drops them.
func (q *queue) put(logs []*raft.Log) {
	q.mu.Lock()
	for q.bytes.Load() > queueBytesMax && !q.closed {
		q.room.Wait()
	}
	if q.closed {
		q.mu.Unlock()
		return
	}
	for _, l := range logs {
		q.items = append(q.items, item{log: l})
		q.bytes.Add(int64(len(l.Data)))
	}
	q.entries.Add(int64(len(logs)))
	q.mu.Unlock()
	signal(q.wake)
}

// add queues what is not an entry; false means that the queue is closed.
func (q *queue) add(it item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.items = append(q.items, it)
	signal(q.wake)
	return true
}

// take waits for items and returns all of them; spare is the slice that the
// caller got before. It returns nil when the queue is closed.
func (q *queue) take(spare []item) []item {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return nil
		}
		if len(q.items) > 0 {
			taken := q.items
			clear(spare)
			q.items = spare[:0]
			q.mu.Unlock()
			return taken
		}
		q.mu.Unlock()
		<-q.wake
	}
}

// done says that the worker has applied an entry; drained, that a leader that had
// to wait may look again.
func (q *queue) done(l *raft.Log) (drained bool) {
	entries := q.entries.Add(-1)
	bytes := q.bytes.Add(-int64(len(l.Data)))
	before := bytes + int64(len(l.Data))
	if before > queueBytesMax {
		q.mu.Lock()
		q.room.Broadcast()
		q.mu.Unlock()
	}
	return entries == backlogEntriesMax-1 || (before >= backlogBytesMax && bytes < backlogBytesMax)
}

// behind reports whether a leader has to wait for its own machine.
func (q *queue) behind() bool {
	return q.entries.Load() >= backlogEntriesMax || q.bytes.Load() >= backlogBytesMax
}

// close drops what is queued and everything that comes.
func (q *queue) close() {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return
	}
	dropped := q.items
	q.items, q.closed = nil, true
	close(q.ended)
	q.room.Broadcast()
	q.mu.Unlock()
	for _, it := range dropped {
		it.drop()
	}
	signal(q.wake)
}

// drop releases whoever waits for an item that is not going to be done.
func (it *item) drop() {
	if it.marker != nil {
		it.marker.fail(errStopped)
	}
	if it.swapped != nil {
		it.swapped <- errStopped
	}
}

// signal leaves a token in a channel of capacity 1.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
