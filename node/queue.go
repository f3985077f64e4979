package node

import (
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
)

// item is one job for the worker, in log order.
type item struct {
	log     *raft.Log
	marker  *marker      // take a capture here
	restore *fsm.Machine // continue with this machine
	swapped chan error   // cap 1: nil once the worker has switched to restore
}

// queue connects Raft's apply goroutine to the worker. It is bounded in bytes: put waits for room.
type queue struct {
	mu      sync.Mutex
	room    sync.Cond
	items   []item
	closed  bool
	wake    chan struct{} // cap 1: there are items, or the queue is closed
	ended   chan struct{} // closed with the queue
	bytes   atomic.Int64  // of the entries that are queued or being applied
	entries atomic.Int64
}

func newQueue() *queue {
	q := &queue{wake: make(chan struct{}, 1), ended: make(chan struct{})}
	q.room.L = &q.mu
	return q
}

// put queues committed entries. A closed queue drops them.
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

// add queues an item that is not an entry. It returns false if the queue is closed.
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

// take waits for items and returns all of them, or nil when the queue is closed. spare is the
// slice that the previous call returned; it is reused.
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

// done records that the worker has applied an entry. It returns true if a leader that had to wait
// may look again.
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

// close drops everything that is queued or comes later.
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

// drop releases whoever waits for an item that will not be done.
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
