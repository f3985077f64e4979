// Package keyspace holds the 16 logical databases of the machine.
//
// A database is a sequence of objects, ordered by a keyed 63-bit hash of their keys
// (SipHash; the hash key is replicated state). That order depends on the keys alone. It is
// the same on every node, after every restore and under every history. SCAN's cursor is a
// position in it, so a scan may take its steps on different nodes. RANDOMKEY draws a rank
// in it.
//
// Objects are immutable: a change puts a new object in the place of the old one. A small
// object is a single allocation without pointers (see Object). Value bytes are never
// overwritten. Only the newest object that shares a value may append to the value's spare
// capacity, beyond the length that the others see.
//
// Each database is an extendible hash table over the leading bits of the hash: a directory
// of buckets, divided into pages. Buckets keep their objects in hash order. Pages and
// buckets are copy-on-write after a Capture, so a capture copies only some hundred
// pointers even for millions of keys.
//
// A Keyspace is not safe for concurrent use: one writer, or many readers. A
// Capture is safe beside both.
package keyspace
