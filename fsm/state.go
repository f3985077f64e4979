package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/reply"
)

// This file encodes the state that RDB has no place for. A snapshot's auxiliary fields
// hold it in this form, and Digest hashes it in this form. Integers are varints; strings
// are preceded by their length.

// head is the machine's own part of its state.
type head struct {
	version uint8
	index   uint64
	clockMS int64
	hash    uint64
	keyed   bool
	hashKey [16]byte
	ordinal uint64
	objects [keyspace.Databases]int // per database, including expired ones that are not purged yet
}

func (h *head) append(dst []byte) []byte {
	dst = append(dst, h.version)
	dst = binary.AppendUvarint(dst, h.index)
	dst = binary.AppendVarint(dst, h.clockMS)
	dst = binary.LittleEndian.AppendUint64(dst, h.hash)
	dst = appendTruth(dst, h.keyed)
	dst = append(dst, h.hashKey[:]...)
	dst = binary.AppendUvarint(dst, h.ordinal)
	for _, n := range h.objects {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	return dst
}

// decodeHead reads the head of a snapshot. Its version must not be above newest.
func decodeHead(data []byte, newest uint8) (h head, err error) {
	d := decoder{rest: data}
	h.version = d.byte()
	if h.version > newest {
		return head{}, &NewerError{What: "the snapshot is of", Version: h.version, Newest: newest}
	}
	d.bad = d.bad || h.version < OldestVersion
	h.index = d.uvarint(math.MaxUint64)
	h.clockMS = d.varint()
	h.hash = binary.LittleEndian.Uint64(d.fixed(8))
	h.keyed = d.truth()
	copy(h.hashKey[:], d.fixed(16))
	h.ordinal = d.uvarint(math.MaxUint64)
	for i := range h.objects {
		h.objects[i] = int(d.uvarint(math.MaxInt64))
	}
	return h, d.end("head")
}

func appendServers(dst []byte, servers []member.Server) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(servers)))
	for _, s := range servers {
		dst = appendBytes(dst, s.ID)
		dst = appendBytes(dst, s.PeerAddr)
		dst = appendTruth(dst, s.Voter)
	}
	return dst
}

func decodeServers(data []byte) (servers []member.Server, err error) {
	d := decoder{rest: data}
	for range d.uvarint(sessionsMax) {
		servers = append(servers, member.Server{ID: string(d.bytes()), PeerAddr: string(d.bytes()), Voter: d.truth()})
		if d.bad {
			break
		}
	}
	return servers, d.end("servers")
}

// append appends the session of a server in the layout of a machine version, without the
// pieces of its parts.
func (s *session) append(dst []byte, server string, version uint8) []byte {
	dst = appendBytes(dst, server)
	dst = binary.AppendUvarint(dst, s.boot)
	dst = binary.AppendUvarint(dst, s.ordinal)
	dst = appendBytes(dst, s.addr)
	dst = binary.AppendUvarint(dst, s.last)
	dst = binary.AppendUvarint(dst, s.acked)
	dst = binary.AppendUvarint(dst, uint64(len(s.stored)))
	for i := range s.stored {
		dst = appendTruth(dst, s.stored[i].kept)
		dst = appendBytes(dst, s.stored[i].replies)
	}
	return s.parts.append(dst, version)
}

// append appends what describes each unfinished command, without its pieces. At version 1
// that is the only one, or zeros if there is none.
func (p *parts) append(dst []byte, version uint8) []byte {
	if version < 2 {
		var u unfinished
		if len(p.unfinished) > 0 {
			u = p.unfinished[0]
		}
		dst = binary.AppendUvarint(dst, uint64(u.total))
		return binary.AppendUvarint(dst, uint64(len(u.ends)))
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.unfinished)))
	for i := range p.unfinished {
		u := &p.unfinished[i]
		dst = binary.AppendUvarint(dst, u.first)
		dst = appendTruth(dst, u.inOrder)
		dst = binary.AppendVarint(dst, u.lastMS)
		dst = binary.AppendUvarint(dst, uint64(u.total))
		dst = binary.AppendUvarint(dst, uint64(len(u.ends)))
	}
	return dst
}

// decodeParts reads what append wrote. It returns the unfinished commands without their
// pieces, and how many pieces each has.
func (d *decoder) decodeParts(version uint8, last uint64) (p parts, pieces []int) {
	one := func(u unfinished) {
		u.total = int(d.uvarint(entry.PartsMax))
		n := int(d.uvarint(entry.PartsMax))
		if version < 2 && u.total == 0 && n == 0 {
			return
		}
		d.bad = d.bad || n < 1 || n >= u.total
		p.unfinished, pieces = append(p.unfinished, u), append(pieces, n)
	}
	if version < 2 {
		one(unfinished{})
		return p, pieces
	}
	before := uint64(0)
	for range d.uvarint(last) {
		u := unfinished{first: d.uvarint(last), inOrder: d.truth(), lastMS: d.varint()}
		d.bad = d.bad || u.first <= before
		before = u.first
		if one(u); d.bad {
			break
		}
	}
	return p, pieces
}

// decodeSession reads a session in the layout of a machine version. It also returns how
// many pieces of each unfinished command follow.
func decodeSession(data []byte, version uint8) (server string, s *session, pieces []int, err error) {
	d := decoder{rest: data}
	server = string(d.bytes())
	s = &session{boot: d.uvarint(math.MaxUint64), ordinal: d.uvarint(math.MaxUint64), addr: string(d.bytes())}
	s.last = d.uvarint(math.MaxUint64)
	s.acked = d.uvarint(s.last)
	for range d.uvarint(s.last - s.acked) {
		r := stored{kept: d.truth(), replies: d.bytes()}
		if d.bad {
			break
		}
		if err := checkReplies(r.replies); err != nil {
			return "", nil, nil, err
		}
		s.store(r)
	}
	s.parts, pieces = d.decodeParts(version, s.last)
	d.bad = d.bad || s.storedBytes > storedBytesMax
	return server, s, pieces, d.end("session")
}

// checkReplies makes sure that stored replies can be decoded when a server asks for them.
func checkReplies(data []byte) error {
	for len(data) > 0 {
		var err error
		if _, data, err = reply.DecodeStored(data); err != nil {
			return err
		}
	}
	return nil
}

// objectField is the name of the auxiliary field of each object.
const objectField = "k"

// appendObject appends the part of an object's state that RDB has no place for.
func appendObject(dst []byte, o *keyspace.Object, clockMS int64) []byte {
	dst = append(dst, byte(o.Encoding()))
	return binary.AppendVarint(dst, clockMS-o.AccessMS())
}

// decodeObject reads what appendObject wrote.
func decodeObject(data []byte, draft *keyspace.Draft, clockMS int64) error {
	d := decoder{rest: data}
	draft.Encoding = keyspace.Encoding(d.byte())
	draft.AccessMS = clockMS - d.varint()
	if draft.Encoding > keyspace.Raw {
		d.bad = true
	}
	return d.end("object")
}

func appendBytes[T ~string | ~[]byte](dst []byte, b T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

func appendTruth(dst []byte, truth bool) []byte {
	if truth {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// decoder reads values from the front of its bytes. After the first failure, bad is set
// and it returns zeros.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) byte() byte { return d.fixed(1)[0] }

func (d *decoder) truth() bool {
	b := d.byte()
	d.bad = d.bad || b > 1
	return b == 1
}

func (d *decoder) uvarint(limit uint64) uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > limit {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// fixed reads n bytes; it returns zeros if there are fewer.
func (d *decoder) fixed(n int) []byte {
	if n > len(d.rest) {
		d.bad, d.rest = true, nil
		return make([]byte, n)
	}
	v := d.rest[:n:n]
	d.rest = d.rest[n:]
	return v
}

// bytes reads a string preceded by its length. The result shares the decoder's bytes.
func (d *decoder) bytes() []byte {
	n := d.uvarint(uint64(len(d.rest)))
	if n > uint64(len(d.rest)) { // reading the length has used up bytes
		d.bad, d.rest = true, nil
		return nil
	}
	return d.fixed(int(n))
}

func (d *decoder) end(what string) error {
	if d.bad || len(d.rest) > 0 {
		return fmt.Errorf("the snapshot's %s: %w", what, errMalformed)
	}
	return nil
}

var errMalformed = errors.New("malformed")
