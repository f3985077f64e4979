package fsm

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/kvorum/kvorum/fsm/reply"
)

// chain computes the running hash: that of an entry begins with that of all
// before it.
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

// outcome adds what became of a batch, but for its replies: those of a
// duplicate have been added when it was applied.
func (c *chain) outcome(out *Outcome) {
	c.number(uint64(out.Status)<<56 ^ out.Next)
}

// replies adds a batch's replies and returns a copy of their stored form to be
// kept, or nil if it is over what a session may keep. It is never nil otherwise.
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

// valueOverhead is more than a value takes in stored form beside its bytes.
const valueOverhead = 12

// addBound adds to n what v takes at most in stored form; it stops counting
// when the bound on stored replies is passed.
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

// large adds a value without encoding it: replies share the keyspace's bytes,
// and a thousand times the same long value must not be copied a thousand times.
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
