package keyspace

// Capture is the state of a keyspace at one moment. It is immutable and safe for
// concurrent use, even while the keyspace is written to.
type Capture struct {
	clockMS   int64
	hashKey   [16]byte
	databases [Databases]captured
}

type captured struct {
	directory
	count int
}

// Capture returns the present state in microseconds, copy-on-write: it copies only the
// pointers to the directories' pages, and each page and each bucket is copied at the first
// later write to it. Capture may run beside readers of the keyspace, but not beside its
// writer or another Capture.
func (k *Keyspace) Capture() *Capture {
	c := &Capture{clockMS: k.clockMS, hashKey: k.hashKey}
	for i, d := range k.databases {
		c.databases[i] = captured{directory: d.capture(), count: d.count}
	}
	k.epoch++
	return c
}

// ClockMS returns the keyspace's clock at the capture.
func (c *Capture) ClockMS() int64 { return c.clockMS }

// HashKey returns the hash key of the captured keyspace.
func (c *Capture) HashKey() [16]byte { return c.hashKey }

// Len returns how many objects a database held, including expired ones that were not
// purged yet.
func (c *Capture) Len(db int) int { return c.databases[db].count }

// Range visits the objects of a database in hash order until visit returns false. It
// includes expired ones that were not purged yet.
func (c *Capture) Range(db int, visit func(*Object) bool) {
	c.databases[db].ascend(0, func(e entry) bool { return visit(e.object) })
}
