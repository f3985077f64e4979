package keyspace

import (
	"sort"
	"strings"

	"github.com/tidwall/btree"
)

// deadline is the index entry of one object that has a deadline.
type deadline struct {
	ms     int64
	hash   uint64
	object *Object
}

// before is the order of the index: the earliest deadline first, ties in hash order.
func (a deadline) before(b deadline) bool {
	if a.ms != b.ms {
		return a.ms < b.ms
	}
	if a.hash != b.hash {
		return a.hash < b.hash
	}
	return strings.Compare(a.object.Key(), b.object.Key()) < 0
}

// deadlines is the index of the objects of one database that have a deadline.
//
// Invariants:
//  1. due is the number of its objects that are past their deadline on the
//     keyspace's clock. They come first in the tree.
//  2. high and low are the sums of the deadlines' upper and lower 32 bits. One sum
//     would overflow 64 bits at five million deadlines.
type deadlines struct {
	tree *btree.BTreeG[deadline]
	due  int
	high int64
	low  int64
}

func (d *deadlines) len() int {
	if d.tree == nil {
		return 0
	}
	return d.tree.Len()
}

// add adds an object to the index. It ignores an object without a deadline.
func (d *deadlines) add(hash uint64, o *Object, clockMS int64) {
	if o.DeadlineMS() == 0 {
		return
	}
	if d.tree == nil {
		d.tree = btree.NewBTreeGOptions(deadline.before, btree.Options{NoLocks: true})
	}
	d.tree.Set(deadline{ms: o.DeadlineMS(), hash: hash, object: o})
	d.account(o, clockMS, 1)
}

// drop removes an object from the index. It ignores an object without a deadline.
func (d *deadlines) drop(hash uint64, o *Object, clockMS int64) {
	if o.DeadlineMS() == 0 {
		return
	}
	d.tree.Delete(deadline{ms: o.DeadlineMS(), hash: hash, object: o})
	d.account(o, clockMS, -1)
}

// account adds an object to the sums (sign 1), or takes it out of them (sign -1).
func (d *deadlines) account(o *Object, clockMS int64, sign int) {
	if o.Due(clockMS) {
		d.due += sign
	}
	d.high += int64(sign) * (o.DeadlineMS() >> 32)
	d.low += int64(sign) * (o.DeadlineMS() & (1<<32 - 1))
}

// first returns the earliest deadline.
func (d *deadlines) first() (deadline, bool) {
	if d.tree == nil {
		return deadline{}, false
	}
	return d.tree.Min()
}

// advance counts the objects that are due after the clock has moved to clockMS.
func (d *deadlines) advance(clockMS int64) {
	if first, ok := d.first(); !ok || first.ms > clockMS {
		return // nothing is due now, so nothing was due before
	}
	d.due += sort.Search(d.tree.Len()-d.due, func(i int) bool {
		at, _ := d.tree.GetAt(d.due + i)
		return at.ms > clockMS
	})
}

// meanTTL returns the mean time to live on a clock, at least 0.
func (d *deadlines) meanTTL(clockMS int64) int64 {
	n := int64(d.len())
	if n == 0 {
		return 0
	}
	mean := (d.high/n)<<32 + ((d.high%n)<<32+d.low)/n
	return max(0, mean-clockMS)
}
