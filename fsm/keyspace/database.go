package keyspace

import "unsafe"

// database is one logical database: a directory of buckets in hash order, counts that
// make finding a rank fast, and the index of deadlines.
//
// Invariants:
//  1. count is the number of entries. blocks[i] is the number of entries whose
//     hashes begin with the blockBits bits of i.
//  2. depths[i] is the number of buckets of depth i.
//  3. deadlines holds exactly the objects that have a deadline.
type database struct {
	directory
	count     int
	blocks    []uint32
	depths    [hashBits + 1]uint32
	deadlines deadlines
}

func newDatabase() *database { return &database{} }

// get returns the object of a key, or nil.
func (d *database) get(hash uint64, key []byte) *Object {
	if d.empty() {
		return nil
	}
	b := d.bucket(d.slot(hash))
	at, found := b.find(hash, stringOf(key))
	if !found {
		return nil
	}
	return b.entries[at].object
}

// put inserts or replaces an object and returns the one that it replaced.
func (d *database) put(epoch, hash uint64, o *Object) (replaced *Object) {
	if d.empty() {
		d.directory = newDirectory(newBucket(epoch, 0))
		d.depths[0] = 1
		d.blocks = make([]uint32, 1<<blockBits)
	}
	b := d.writable(epoch, d.slot(hash))
	at, found := b.find(hash, o.Key())
	if found {
		replaced = b.entries[at].object
		b.entries[at].object = o
		return replaced
	}
	for len(b.entries) >= bucketEntriesMax && d.split(epoch, d.slot(hash)) {
		b = d.bucket(d.slot(hash))
		at, _ = b.find(hash, o.Key())
	}
	b.insert(at, entry{hash: hash, object: o})
	d.count++
	d.blocks[hash>>(hashBits-blockBits)]++
	return nil
}

// remove takes an object out and returns it, or nil.
func (d *database) remove(epoch, hash uint64, key []byte) *Object {
	if d.empty() {
		return nil
	}
	slot := d.slot(hash)
	at, found := d.bucket(slot).find(hash, stringOf(key))
	if !found {
		return nil
	}
	b := d.writable(epoch, slot)
	o := b.entries[at].object
	b.remove(at)
	d.count--
	d.blocks[hash>>(hashBits-blockBits)]--
	if d.count == 0 {
		d.directory, d.blocks, d.depths = directory{}, nil, [hashBits + 1]uint32{}
		return o
	}
	for d.merge(epoch, d.slot(hash)) {
	}
	return o
}

// writable returns the bucket of a slot, copied first if a capture may hold it.
func (d *database) writable(epoch uint64, slot int) *bucket {
	b := d.bucket(slot)
	if b.epoch == epoch {
		return b
	}
	own := newBucket(epoch, b.depth, b.entries)
	first, end := d.span(slot)
	d.fill(first, end, own)
	return own
}

// split divides the bucket of a slot in two, and doubles the directory if it has to. It
// returns false if the directory would become too sparse.
func (d *database) split(epoch uint64, slot int) bool {
	b := d.bucket(slot)
	if b.depth == d.depth {
		if (d.count+bucketEntriesMax)/(2*d.width()) < slotEntriesMin || d.depth == hashBits-1 {
			return false
		}
		d.resize(epoch, d.depth+1)
		slot *= 2
	}
	first, end := d.span(slot)
	middle := (first + end) / 2
	cut := b.lowerBound(uint64(middle) << (hashBits - d.depth))
	d.fill(first, middle, newBucket(epoch, b.depth+1, b.entries[:cut]))
	d.fill(middle, end, newBucket(epoch, b.depth+1, b.entries[cut:]))
	d.depths[b.depth]--
	d.depths[b.depth+1] += 2
	return true
}

// merge joins the bucket of a slot with its buddy if both are small, and halves the
// directory if no bucket needs its full depth. It returns false if it joined nothing.
func (d *database) merge(epoch uint64, slot int) bool {
	b := d.bucket(slot)
	if b.depth == 0 {
		return false
	}
	first, end := d.span(slot)
	width := end - first
	low, high := first&^width, first|width
	left, right := d.bucket(low), d.bucket(high)
	if left.depth != right.depth || len(left.entries)+len(right.entries) > bucketEntriesMerged {
		return false
	}
	d.fill(low, high+width, newBucket(epoch, b.depth-1, left.entries, right.entries))
	d.depths[b.depth] -= 2
	d.depths[b.depth-1]++
	if d.depths[d.depth] == 0 {
		d.resize(epoch, d.depth-1)
	}
	return true
}

// rank returns the entry with a rank among all entries, including expired ones.
func (d *database) rank(rank int) entry {
	block := 0
	for rank >= int(d.blocks[block]) {
		rank -= int(d.blocks[block])
		block++
	}
	hash := uint64(block) << (hashBits - blockBits)
	slot := d.slot(hash)
	rank += d.bucket(slot).lowerBound(hash)
	for rank >= len(d.bucket(slot).entries) {
		rank -= len(d.bucket(slot).entries)
		_, slot = d.span(slot)
	}
	return d.bucket(slot).entries[rank]
}

// stringOf views bytes as a string. The bytes must not change while it is in use.
func stringOf(key []byte) string { return unsafe.String(unsafe.SliceData(key), len(key)) }

// bytesOf views a key as bytes, which must not be changed.
func bytesOf(key string) []byte { return unsafe.Slice(unsafe.StringData(key), len(key)) }
