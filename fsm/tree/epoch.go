package tree

import "sync/atomic"

// Epoch says which nodes a change may change in place. Both numbers come from
// one counter, which captures and shares raise and nobody lowers.
type Epoch struct {
	Now      uint64 // the counter; what a change makes belongs to it
	Captured uint64 // the counter as the last capture raised it: what is older may be part of one
}

// owner holds what a tree knows about who else may see its nodes.
//
// Invariants:
//  1. A node whose epoch is below the floor (the larger of the last capture's
//     epoch and the mark) may be seen by others, and is never changed again.
//  2. Neither the owner's epoch nor its mark is above the counter.
type owner struct {
	epoch uint64        // in which the tree itself was made or last copied
	mark  atomic.Uint64 // the counter as the last Share raised it
	width uint8         // of the nodes
}

// share raises the mark to epoch. Readers may call it beside each other.
func (o *owner) share(epoch uint64) {
	for {
		mark := o.mark.Load()
		if mark >= epoch || o.mark.CompareAndSwap(mark, epoch) {
			return
		}
	}
}

// writable reports whether the tree itself is younger than the last capture.
func (o *owner) writable(epoch Epoch) bool { return o.epoch >= epoch.Captured }

// inherit makes o the owner of a copy of another tree, which shares its nodes.
func (o *owner) inherit(from *owner, epoch uint64) {
	o.epoch, o.width = epoch, from.width
	o.mark.Store(from.mark.Load())
}

// floor returns the epoch from which on nodes may be changed in place. It
// panics where a change would reach a capture or a view.
func (o *owner) floor(epoch Epoch) uint64 {
	floor := max(epoch.Captured, o.mark.Load())
	switch {
	case o.epoch < epoch.Captured:
		panic("tree: a tree that a capture may hold is changed without Writable")
	case epoch.Now < floor:
		panic("tree: a change is older than a capture or a view of its tree")
	}
	return floor
}
