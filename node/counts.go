package node

import (
	"sync/atomic"

	"github.com/kvorum/kvorum/fsm/command"
)

// Counts are the figures that this process has counted since its start or since ResetCounts. They
// are not part of the replicated state.
type Counts struct {
	Hits, Misses  uint64 // keys that this node's own clients looked up for reading
	Expired       uint64 // keys that this node's machine removed because of their deadline
	SnapshotsSent uint64 // snapshots that followers accepted from this leader
}

// counts holds the current Counts. Reads on all processors add to hits and misses, once for all
// calls that run together. The padding around these two keeps fields that other goroutines read
// off their cache line.
type counts struct {
	_            [cacheLineBytes]byte
	hits, misses atomic.Uint64
	_            [cacheLineBytes]byte

	expired       atomic.Uint64
	snapshotsSent atomic.Uint64
}

// Counts returns the current figures.
func (n *Node) Counts() Counts {
	c := &n.worker.counts
	return Counts{Hits: c.hits.Load(), Misses: c.misses.Load(), Expired: c.expired.Load(), SnapshotsSent: c.snapshotsSent.Load()}
}

// ResetCounts sets all figures to zero.
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
