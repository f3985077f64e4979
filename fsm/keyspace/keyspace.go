package keyspace

import (
	"encoding/binary"

	"github.com/dchest/siphash"
)

// Keyspace holds the databases, their clock and their indexes of deadlines.
type Keyspace struct {
	hashKey   [16]byte
	key0      uint64 // hashKey in the form that SipHash takes
	key1      uint64
	hashMask  uint64 // all ones; tests clear bits to make hashes equal
	clockMS   int64
	epoch     uint64 // raised by each capture; a bucket of an older epoch is copied before a write
	databases [Databases]*database
	expired   uint64 // objects removed or replaced after their deadline, since New; not part of the state
}

// New returns an empty keyspace whose hash order is keyed by hashKey.
func New(hashKey [16]byte) *Keyspace {
	k := &Keyspace{
		hashKey:  hashKey,
		key0:     binary.LittleEndian.Uint64(hashKey[:8]),
		key1:     binary.LittleEndian.Uint64(hashKey[8:]),
		hashMask: hashEnd - 1,
	}
	for i := range k.databases {
		k.databases[i] = newDatabase()
	}
	return k
}

// HashKey returns the hash key that was given to New.
func (k *Keyspace) HashKey() [16]byte { return k.hashKey }

// hash returns the hash that places a key in the order of its database.
func (k *Keyspace) hash(key []byte) uint64 {
	return siphash.Hash(k.key0, k.key1, key) >> 1 & k.hashMask
}

// ClockMS returns the machine's clock: the largest stamp applied. For the methods below,
// objects whose deadline the clock has reached do not exist.
func (k *Keyspace) ClockMS() int64 { return k.clockMS }

// Advance moves the clock to ms; it never goes back.
func (k *Keyspace) Advance(ms int64) {
	if ms <= k.clockMS {
		return
	}
	k.clockMS = ms
	for _, d := range k.databases {
		d.deadlines.advance(ms)
	}
}

// Purge removes at most limit expired objects and returns how many it removed. The
// earliest deadline goes first; ties go by database and hash order.
func (k *Keyspace) Purge(limit int) int {
	for removed := range limit {
		first, db := k.earliest()
		if db < 0 || first.ms > k.clockMS {
			return removed
		}
		d := k.databases[db]
		d.remove(k.epoch, first.hash, bytesOf(first.object.Key()))
		d.deadlines.drop(first.hash, first.object, k.clockMS)
		k.expired++
	}
	return max(0, limit)
}

// earliest returns the earliest deadline and its database, or -1.
func (k *Keyspace) earliest() (earliest deadline, db int) {
	db = -1
	for i, d := range k.databases {
		if first, ok := d.deadlines.first(); ok && (db < 0 || first.ms < earliest.ms) {
			earliest, db = first, i
		}
	}
	return earliest, db
}

// NextDeadlineMS returns the earliest deadline of all objects that are not purged yet.
func (k *Keyspace) NextDeadlineMS() (ms int64, ok bool) {
	first, db := k.earliest()
	return first.ms, db >= 0
}

// Get returns the object of key, or nil if there is none.
func (k *Keyspace) Get(db int, key []byte) *Object {
	o := k.databases[db].get(k.hash(key), key)
	if o == nil || o.Due(k.clockMS) {
		return nil
	}
	return o
}

// Put makes the object that a draft describes and inserts it. It replaces an object with
// the same key.
func (k *Keyspace) Put(db int, draft Draft) {
	hash, o := k.hash(draft.Key), draft.object()
	d := k.databases[db]
	if replaced := d.put(k.epoch, hash, o); replaced != nil {
		d.deadlines.drop(hash, replaced, k.clockMS)
		if replaced.Due(k.clockMS) {
			k.expired++
		}
	}
	d.deadlines.add(hash, o, k.clockMS)
}

// Delete removes key and reports whether it was there.
func (k *Keyspace) Delete(db int, key []byte) bool {
	hash := k.hash(key)
	d := k.databases[db]
	o := d.remove(k.epoch, hash, key)
	if o == nil {
		return false
	}
	present := !o.Due(k.clockMS)
	if !present {
		k.expired++
	}
	d.deadlines.drop(hash, o, k.clockMS)
	return present
}

// Expired returns how many objects have left the keyspace after their deadline, since New.
func (k *Keyspace) Expired() uint64 { return k.expired }

// Len returns how many objects a database holds.
func (k *Keyspace) Len(db int) int {
	d := k.databases[db]
	return d.count - d.deadlines.due
}

// Deadlines returns how many objects of a database have a deadline (for INFO keyspace),
// and their mean time to live in milliseconds.
func (k *Keyspace) Deadlines(db int) (count int, meanTTLMS int64) {
	d := &k.databases[db].deadlines
	return d.len() - d.due, d.meanTTL(k.clockMS)
}

// Flush empties a database.
func (k *Keyspace) Flush(db int) { k.databases[db] = newDatabase() }

// Swap exchanges two databases.
func (k *Keyspace) Swap(a, b int) {
	k.databases[a], k.databases[b] = k.databases[b], k.databases[a]
}
