package fsm

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/kvorum/kvorum/fsm/reply"
)

// chain computes the running hash. The hash of each entry is seeded with the hash of all
// entries before it.
type chain struct {
	digest  xxhash.Digest
	scratch []byte // replies in their stored form
}

func (c *chain) begin(hash, index uint64) {
	c.digest.ResetWithSeed(hash)
	c.number(index)
}

func (c *chain) write(b []byte) { c.digest.Write(b) }

func (c *chain) number(n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	c.digest.Write(b[:])
}

func (c *chain) end() uint64 {
	if cap(c.scratch) > scratchKept {
		c.scratch = nil
	}
	return c.digest.Sum64()
}

// outcome adds a batch's outcome without its replies. The replies of a duplicate were
// added when it was applied.
func (c *chain) outcome(out *Outcome) {
	c.number(uint64(out.Status)<<56 ^ out.Next)
}

// replies adds a batch's replies and returns a copy of their stored form, for the session
// to keep. It returns nil if the stored form is larger than a session may keep, and only
// then.
func (c *chain) replies(values []reply.Value) []byte {
	c.number(uint64(len(values)))
	bound := 0
	for i := range values {
		bound = addBound(bound, &values[i])
	}
	if bound > storedBytesMax-storedOverhead {
		for i := range values {
			c.large(&values[i])
		}
		return nil
	}
	c.scratch = c.scratch[:0]
	for i := range values {
		c.scratch = reply.AppendStored(c.scratch, values[i])
	}
	c.digest.Write(c.scratch)
	return append([]byte{}, c.scratch...)
}

// valueOverhead bounds what a value takes in stored form beside its bytes.
const valueOverhead = 12

// addBound adds to n an upper bound of v's stored form. It stops counting once
// storedBytesMax is exceeded.
func addBound(n int, v *reply.Value) int {
	n += valueOverhead + len(v.Bytes)
	for i := range v.Elems {
		if n > storedBytesMax {
			return n
		}
		n = addBound(n, &v.Elems[i])
	}
	return n
}

// large adds a value without encoding it. Replies share the keyspace's bytes, so a reply
// that holds the same long value a thousand times must not copy it a thousand times.
func (c *chain) large(v *reply.Value) {
	c.number(uint64(v.Kind))
	c.number(uint64(v.Int()))
	c.number(uint64(len(v.Bytes)))
	c.digest.Write(v.Bytes)
	c.number(uint64(len(v.Elems)))
	for i := range v.Elems {
		c.large(&v.Elems[i])
	}
}
