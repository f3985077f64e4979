package fsm

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"

	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/rdb"
	"github.com/kvorum/kvorum/fsm/setting"
)

// Capture is the whole state at one index. It is immutable, so that it can be written
// while traffic goes on.
type Capture struct {
	head     head
	keys     *keyspace.Capture
	settings *setting.Values
	servers  []member.Server
	sessions []captured // ordered by server
	place    *Place     // nil: unknown
}

type captured struct {
	server  string
	session session
}

// The auxiliary fields of a snapshot, in the order of the file.
const (
	headField     = "kvorum"
	settingsField = "kvorum-settings"
	serversField  = "kvorum-servers"
	sessionField  = "kvorum-session" // one per session, followed by the pieces of its parts
	partField     = "kvorum-part"

	// placeField comes before all of them. Its name has another prefix, so that the
	// first release skips it.
	placeField = "raft-place"
)

// Capture captures the state in microseconds, whatever its size. It may run beside Read
// and another Capture, but not beside Apply or Configure.
func (m *Machine) Capture() *Capture {
	m.capturing.Lock() // the keyspace starts a new epoch
	keys := m.keys.Capture()
	m.capturing.Unlock()
	c := &Capture{
		head: head{
			version: m.version, index: m.index, clockMS: m.keys.ClockMS(), hash: m.hash,
			keyed: m.keyed, hashKey: m.keys.HashKey(), ordinal: m.ordinal,
		},
		keys: keys, settings: m.settings.Clone(), servers: m.servers,
	}
	for db := range c.head.objects {
		c.head.objects[db] = keys.Len(db)
	}
	for _, server := range sortedKeys(m.sessions) {
		s := *m.sessions[server]
		s.stored, s.parts = slices.Clone(s.stored), s.parts.clone()
		c.sessions = append(c.sessions, captured{server, s})
	}
	return c
}

// Index returns the machine's index at the capture.
func (c *Capture) Index() uint64 { return c.head.index }

// ClockMS returns the machine's clock at the capture.
func (c *Capture) ClockMS() int64 { return c.head.clockMS }

// At returns the same capture with its place in Raft's log, which WriteTo then writes
// too. The place is not part of the machine's state, and no digest depends on it.
func (c *Capture) At(place Place) *Capture {
	placed := *c
	placed.place = &place
	return &placed
}

// WriteTo writes the capture as an RDB file of version 10.
func (c *Capture) WriteTo(w io.Writer) (int64, error) {
	out := rdb.NewWriter(w)
	if err := c.write(out); err != nil {
		return out.Written(), fmt.Errorf("fsm: write snapshot at %d: %w", c.head.index, err)
	}
	return out.Written(), nil
}

// write writes the fields, and then each database that is not empty.
func (c *Capture) write(w *rdb.Writer) error {
	// A stock Redis expects these fields first (Redis 7.0: rdbSaveInfoAuxFields). The
	// writer keeps the first error, and Close returns it.
	w.Aux("redis-ver", []byte("7.0.15"))
	w.Aux("redis-bits", []byte("64"))
	w.Aux("ctime", strconv.AppendInt(nil, c.head.clockMS/1000, 10))
	if c.place != nil {
		w.Aux(placeField, c.place.append(nil))
	}
	c.eachField(func(name string, value []byte) { w.Aux(name, value) })
	for db := range keyspace.Databases {
		if c.keys.Len(db) == 0 {
			continue
		}
		expires := 0
		c.keys.Range(db, func(o *keyspace.Object) bool {
			if o.DeadlineMS() != 0 {
				expires++
			}
			return true
		})
		if err := w.Database(db, c.keys.Len(db), expires); err != nil {
			return err
		}
		if err := c.writeObjects(w, db); err != nil {
			return err
		}
	}
	return w.Close()
}

// writeObjects writes the objects of one database in hash order.
func (c *Capture) writeObjects(w *rdb.Writer, db int) (err error) {
	fields := []rdb.Field{{Name: objectField}}
	c.keys.Range(db, func(o *keyspace.Object) bool {
		fields[0].Value = appendObject(fields[0].Value[:0], o, c.head.clockMS)
		err = w.String(o.Key(), o.Str(), o.DeadlineMS(), fields...)
		return err == nil
	})
	return err
}

// eachField visits the whole state except the objects, as auxiliary fields.
func (c *Capture) eachField(visit func(name string, value []byte)) {
	visit(headField, c.head.append(nil))
	visit(settingsField, c.settings.Append(nil))
	visit(serversField, appendServers(nil, c.servers))
	for i := range c.sessions {
		s := &c.sessions[i]
		visit(sessionField, s.session.append(nil, s.server, c.head.version))
		for _, u := range s.session.parts.unfinished {
			for i := range u.ends {
				visit(partField, u.piece(i))
			}
		}
	}
}

// Digest returns a hash of the whole captured state: everything that a snapshot holds,
// in the same order.
func (c *Capture) Digest() [20]byte {
	digest, _ := c.DigestWhile(func() bool { return true })
	return digest
}

// DigestWhile is Digest for large states, where it takes seconds. Every few milliseconds
// it calls proceed, which may block to pause it. If proceed returns false, DigestWhile
// gives up and returns false.
func (c *Capture) DigestWhile(proceed func() bool) (digest [20]byte, done bool) {
	h := sha256.New()
	c.eachField(func(name string, value []byte) { hashParts(h, []byte(name), value) })
	var scratch []byte
	hashed, going := 0, true
	for db := range keyspace.Databases {
		c.keys.Range(db, func(o *keyspace.Object) bool {
			scratch = appendObject(append(scratch[:0], byte(db)), o, c.head.clockMS)
			scratch = strconv.AppendInt(scratch, o.DeadlineMS(), 10)
			scratch = appendBytes(scratch, o.Key())
			hashParts(h, scratch, o.Str())
			if hashed++; hashed%digestStride == 0 {
				going = proceed()
			}
			return going
		})
		if !going {
			return digest, false
		}
	}
	return [20]byte(h.Sum(nil)), true
}

// hashParts hashes byte strings, each preceded by its length.
func hashParts(h hash.Hash, parts ...[]byte) {
	var length [8]byte
	for _, p := range parts {
		for i := range length {
			length[i] = byte(len(p) >> (8 * i))
		}
		h.Write(length[:])
		h.Write(p)
	}
}

// Digest returns a hash of the whole state that can influence a later reply. Two machines
// are equal exactly if their digests are. It walks everything; a caller that cannot wait
// for that takes a Capture first.
func (m *Machine) Digest() [20]byte { return m.Capture().Digest() }
