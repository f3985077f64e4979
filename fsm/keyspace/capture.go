package keyspace

// Capture is the state of a keyspace at one moment. It is immutable and safe
// for concurrent use, also beside the keyspace's writer.
type Capture struct {
	clockMS   int64
	hashKey   [16]byte
	databases [Databases]captured
}

type captured struct {
	directory
	count int
}

// Capture returns today's state in microseconds; writes go on beside its use.
// It may run beside readers of the keyspace, but neither beside its writer nor
// beside another Capture. What it costs is a copy of pointers to the directories' pages; later each page and each
// bucket is copied at the first write to it.
func (k *Keyspace) Capture() *Capture {
	c := &Capture{clockMS: k.clockMS, hashKey: k.hashKey}
	for i, d := range k.databases {
		c.databases[i] = captured{directory: d.capture(), count: d.count}
	}
	k.epoch++
	return c
}

// ClockMS is the clock at the capture.
func (c *Capture) ClockMS() int64 { return c.clockMS }

// HashKey is the captured keyspace's.
func (c *Capture) HashKey() [16]byte { return c.hashKey }

// Len returns how many objects a database held, those past their deadline
// and not yet purged included.
func (c *Capture) Len(db int) int { return c.databases[db].count }

// Range visits the objects of a database in hash order until visit returns
// false, those past their deadline and not yet purged included.
func (c *Capture) Range(db int, visit func(*Object) bool) {
	c.databases[db].ascend(0, func(e entry) bool { return visit(e.object) })
}
