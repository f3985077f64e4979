package node

import (
	"sync/atomic"

	"github.com/kvorum/kvorum/fsm/command"
)

// Counts are what this process has counted since it began, or since ResetCounts:
// no part of the replicated state.
type Counts struct {
	Hits, Misses  uint64 // keys that this node's own clients have looked up to read them
	Expired       uint64 // keys that this node's machine has removed for their deadline
	SnapshotsSent uint64 // to followers that have taken them, as leader
}

// counts are the present Counts. Reads on all processors add to hits and misses,
// once for all that run together; the room around them keeps what other
// goroutines read off their cache line.
type counts struct {
	_            [cacheLineBytes]byte
	hits, misses atomic.Uint64
	_            [cacheLineBytes]byte

	expired       atomic.Uint64
	snapshotsSent atomic.Uint64
}

// Counts returns what has been counted.
func (n *Node) Counts() Counts {
	c := &n.worker.counts
	return Counts{Hits: c.hits.Load(), Misses: c.misses.Load(), Expired: c.expired.Load(), SnapshotsSent: c.snapshotsSent.Load()}
}

// ResetCounts begins anew at zero.
func (n *Node) ResetCounts() {
	c := &n.worker.counts
	for _, count := range []*atomic.Uint64{&c.hits, &c.misses, &c.expired, &c.snapshotsSent} {
		count.Store(0)
	}
}

func (c *counts) lookedUp(l command.Lookups) {
	if l.Hits > 0 {
		c.hits.Add(uint64(l.Hits))
	}
	if l.Misses > 0 {
		c.misses.Add(uint64(l.Misses))
	}
}

// read counts calls that ran together.
func (c *counts) read(calls []*command.Call) {
	var sum command.Lookups
	for _, call := range calls {
		sum.Add(call.Lookups)
	}
	c.lookedUp(sum)
}
