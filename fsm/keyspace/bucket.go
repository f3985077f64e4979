package keyspace

import (
	"math/bits"
	"slices"
	"strings"
)

// entry is one object in a bucket with its hash. A search compares hashes, and reads only
// the objects whose hash is equal.
type entry struct {
	hash   uint64
	object *Object
}

// bucket holds all objects whose hashes begin with the same depth bits.
//
// Invariants:
//  1. entries are in strictly ascending order of (hash, key).
//  2. All hashes share their leading depth bits (of hashBits).
//  3. A bucket whose epoch is older than its keyspace's may be part of a
//     capture, and is never changed again.
type bucket struct {
	epoch   uint64
	depth   uint8
	entries []entry
}

// newBucket makes a bucket that owns a copy of the entries and has room for more.
func newBucket(epoch uint64, depth uint8, parts ...[]entry) *bucket {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	b := &bucket{epoch: epoch, depth: depth, entries: roomy(n)}
	for _, part := range parts {
		b.entries = append(b.entries, part...)
	}
	return b
}

// roomy returns an empty slice with room for n entries and a few more. Its capacity is
// rounded up to the allocator's size class.
func roomy(n int) []entry {
	return slices.Grow[[]entry](nil, n+n/bucketSpare+1)
}

// lowerBound returns the position of the first entry whose hash is at least hash. hash
// must begin with the bucket's leading bits. It is an interpolation search: since hashes
// are spread evenly, the position is within a few entries of the first guess.
func (b *bucket) lowerBound(hash uint64) int {
	n := len(b.entries)
	if n == 0 {
		return 0
	}
	high, _ := bits.Mul64(hash<<(1+b.depth), uint64(n))
	guess := int(high)
	low, end := 0, n
	if b.entries[guess].hash < hash {
		low = guess + 1
		for near := min(n, low+probesNear); low < near; low++ {
			if b.entries[low].hash >= hash {
				return low
			}
		}
	} else {
		end = guess
		for near := max(0, end-probesNear); end > near; end-- {
			if b.entries[end-1].hash < hash {
				return end
			}
		}
	}
	for low < end {
		if middle := (low + end) / 2; b.entries[middle].hash < hash {
			low = middle + 1
		} else {
			end = middle
		}
	}
	return low
}

// find returns the position of the key, or the position at which to insert it.
func (b *bucket) find(hash uint64, key string) (at int, found bool) {
	at = b.lowerBound(hash)
	for ; at < len(b.entries) && b.entries[at].hash == hash; at++ {
		if c := strings.Compare(b.entries[at].object.Key(), key); c >= 0 {
			return at, c == 0
		}
	}
	return at, false
}

func (b *bucket) insert(at int, e entry) {
	if len(b.entries) == cap(b.entries) {
		b.entries = append(roomy(len(b.entries)+1), b.entries...)
	}
	b.entries = slices.Insert(b.entries, at, e)
}

func (b *bucket) remove(at int) {
	b.entries = slices.Delete(b.entries, at, at+1)
	if cap(b.entries) > 2*len(b.entries)+2*bucketSpare {
		b.entries = append(roomy(len(b.entries)), b.entries...)
	}
}
