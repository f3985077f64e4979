package keyspace

import "slices"

// hashBits is the width of the hashes that order a database.
const hashBits = 63

// hashEnd is above every hash.
const hashEnd = uint64(1) << hashBits

// page is a run of directory slots. Like a bucket, a page whose epoch is older than its
// keyspace's may be part of a capture, and is never changed again.
type page struct {
	epoch uint64
	slots [pageSlots]*bucket
}

// directory finds buckets by the leading bits of a hash (extendible hashing: Fagin et al.
// 1979). It is divided into pages, so that a capture copies only one pointer for some
// hundred thousand objects. The empty directory has no pages.
//
// Invariants:
//  1. It has 2^depth slots, or none. If they do not fill a page, they are the first
//     ones of it.
//  2. A bucket of depth d fills the 2^(depth-d) neighbouring slots whose
//     numbers begin with its hashes' leading bits; none is nil.
//  3. No entry is in two buckets.
type directory struct {
	depth uint8
	pages []*page
}

// newDirectory returns a directory of one bucket.
func newDirectory(b *bucket) directory {
	first := &page{epoch: b.epoch}
	first.slots[0] = b
	return directory{pages: []*page{first}}
}

// empty reports whether there are no slots.
func (d *directory) empty() bool { return len(d.pages) == 0 }

// width returns the number of slots.
func (d *directory) width() int { return 1 << d.depth }

// slot returns the number of the slot that a hash belongs to.
func (d *directory) slot(hash uint64) int { return int(hash >> (hashBits - d.depth)) }

// bucket returns the bucket of a slot.
func (d *directory) bucket(slot int) *bucket {
	return d.pages[slot/pageSlots].slots[slot%pageSlots]
}

// span returns the slots [first, end) of the bucket that fills a slot.
func (d *directory) span(slot int) (first, end int) {
	width := 1 << (d.depth - d.bucket(slot).depth)
	first = slot &^ (width - 1)
	return first, first + width
}

// fill puts a bucket into the slots [first, end), in pages of its epoch.
func (d *directory) fill(first, end int, b *bucket) {
	for slot := first; slot < end; slot++ {
		p := d.pages[slot/pageSlots]
		if p.epoch != b.epoch {
			p = &page{epoch: b.epoch, slots: p.slots}
			d.pages[slot/pageSlots] = p
		}
		p.slots[slot%pageSlots] = b
	}
}

// resize changes the depth of the directory. No bucket may be deeper than that.
func (d *directory) resize(epoch uint64, depth uint8) {
	old := *d
	d.depth = depth
	d.pages = make([]*page, (d.width()+pageSlots-1)/pageSlots)
	for i := range d.pages {
		p := &page{epoch: epoch}
		for j := range min(d.width(), pageSlots) {
			if slot := i*pageSlots + j; depth > old.depth {
				p.slots[j] = old.bucket(slot >> (depth - old.depth))
			} else {
				p.slots[j] = old.bucket(slot << (old.depth - depth))
			}
		}
		d.pages[i] = p
	}
}

// capture returns the directory as it is now. Its pages and buckets must not change from
// then on, so the caller starts a new epoch.
func (d *directory) capture() directory {
	return directory{depth: d.depth, pages: slices.Clone(d.pages)}
}

// ascend visits the entries whose hash is at least from, in hash order, until visit
// returns false.
func (d *directory) ascend(from uint64, visit func(entry) bool) {
	if d.empty() || from >= hashEnd {
		return
	}
	slot := d.slot(from)
	at := d.bucket(slot).lowerBound(from)
	for slot < d.width() {
		for _, e := range d.bucket(slot).entries[at:] {
			if !visit(e) {
				return
			}
		}
		_, slot = d.span(slot)
		at = 0
	}
}
