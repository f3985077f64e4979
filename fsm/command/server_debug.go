package command

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"

	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

// digest is DEBUG DIGEST's sum (Redis 7.0: debug.c): equal data sets have equal
// digests whatever the order of their keys, here as in Redis.
type digest [sha1.Size]byte

// xor adds b without regard to order.
func (d *digest) xor(b []byte) {
	sum := sha1.Sum(b)
	for i := range d {
		d[i] ^= sum[i]
	}
}

// mix adds b so that order counts.
func (d *digest) mix(b []byte) {
	d.xor(b)
	*d = sha1.Sum(d[:])
}

// mixInt mixes a 32-bit number in network order.
func (d *digest) mixInt(n uint32) { d.mix(binary.BigEndian.AppendUint32(nil, n)) }

// mixObject adds an object's type, value, and whether it has a deadline.
func (d *digest) mixObject(o *keyspace.Object) {
	d.mixInt(0) // the type string
	d.mix(o.Str())
	if o.DeadlineMS() != 0 {
		d.xor([]byte("!!expire!!"))
	}
}

func (d *digest) reply() reply.Value {
	return reply.Value{Kind: reply.Simple, Bytes: hex.AppendEncode(nil, d[:])}
}

func debugDigestCommand(c *Context) reply.Value {
	var all digest
	for db := range keyspace.Databases {
		if c.Keys.Len(db) == 0 {
			continue
		}
		all.mixInt(uint32(db))
		c.Keys.Range(db, func(o *keyspace.Object) bool {
			c.notice(o)
			var one digest
			one.mix([]byte(o.Key()))
			one.mixObject(o)
			all.xor(one[:])
			return true
		})
	}
	return all.reply()
}

func debugDigestValueCommand(c *Context) reply.Value {
	digests := make([]reply.Value, 0, len(c.Args)-2)
	for _, key := range c.Args[2:] {
		var d digest
		if o := c.object(key); o != nil {
			d.mixObject(o)
		}
		digests = append(digests, d.reply())
	}
	return reply.List(digests...)
}
