// Package keyspace holds the 16 logical databases of the machine.
//
// A database is a sequence of objects in the order of a keyed 63-bit hash of
// their keys (SipHash; the key is replicated state). That order is a function
// of the keys alone: it is the same on every node, after every restore and
// under every history. SCAN's cursor is a position in it, which is why a scan
// may take its steps on different nodes; RANDOMKEY draws a rank in it.
//
// Objects are immutable; changing one puts another in its place. A small one is
// a single allocation without pointers (see Object). Value bytes are never
// overwritten (appending into spare capacity beyond the length that others see
// is allowed to the database's newest object only).
//
// Each database is an extendible hash table over the leading bits of the hash:
// a directory, in pages, of buckets that keep their objects in order. Pages and
// buckets are copied at the first write after a Capture, so that a capture
// costs some hundred pointers even for millions of keys.
//
// A Keyspace is not safe for concurrent use: one writer, or many readers. A
// Capture is safe beside both.
package keyspace
