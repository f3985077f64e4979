package simulation

import (
	"errors"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node/seal"
)

// Scripted are kinds that only a script names.
var Scripted = []Fault{
	{Name: "install over a tail", strike: (*faults).installOverTail, alone: true},
}

// installOverTail makes a crashed leader come back with entries that nobody else has, up to
// the end of the others' snapshot or beyond. Our leaders have one entry in flight, so the
// tail is forged on the disk while the server is down. It is of the term in which the
// server led, and in which nobody else can have led.
func (f *faults) installOverTail() bool {
	id := f.cluster.Leader()
	if id == "" {
		return false
	}
	f.cluster.Crash(id)
	f.hold()
	var ends uint64
	for _, other := range f.others(id) {
		if n := f.cluster.Node(other); n != nil {
			_ = n.Snapshot() // an error means that there was nothing new
		}
		ends = max(ends, f.cluster.disk(other).snapshotEnd())
	}
	forged := f.cluster.disk(id).forgeTail(ends + f.rng.Uint64N(4))
	for range f.rng.IntN(3) { // others lead, in terms later than the snapshot's
		f.transfer()
	}
	before := f.cluster.Installed(id)
	f.start(id)
	return f.cluster.Await("install a snapshot over a tail", installWithin, func() error {
		if f.cluster.Installed(id) == before {
			return errors.New("none was restored")
		}
		return nil
	}) == nil && forged
}

// snapshotEnd returns the index of the last entry in the newest snapshot, 0 if there is none.
func (d *Disk) snapshotEnd() (index uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.snapshots {
		index = max(index, s.meta.Index)
	}
	return index
}

// forgeTail appends entries up to an index, in the term of the last entry. It returns false
// if the log already reaches that index, or is empty.
func (d *Disk) forgeTail(to uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	last := d.logs[d.last]
	if last == nil || d.last >= to {
		return false
	}
	for d.last < to {
		d.last++
		entry := &raft.Log{Index: d.last, Term: last.Term, Type: raft.LogNoop}
		seal.Put(entry)
		d.logs[d.last] = entry
	}
	return true
}
