package fsm

import (
	"maps"
	"slices"

	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/reply"
)

// session is one run of one server's process, with the replies that it may ask for again.
type session struct {
	boot    uint64
	ordinal uint64
	addr    string // the address that clients are given
	last    uint64
	acked   uint64

	stored      []stored // of the numbers last-len(stored)+1 … last
	storedBytes int      // their replies and storedOverhead each
	parts       parts
}

// stored holds the replies to one batch, in the stored form of package reply.
type stored struct {
	kept    bool // false: the replies were too large
	missing bool // not applied yet; only with a planted fault
	replies []byte
}

func (r *stored) bytes() int { return storedOverhead + len(r.replies) }

// register opens a session. Registering the same boot again changes nothing.
func (m *Machine) register(b *entry.Batch) Status {
	s := m.sessions[b.Server]
	switch {
	case !m.isMember(b.Server), s != nil && b.Boot < s.boot:
		return Stranger
	case s != nil && b.Boot == s.boot:
		return Registered
	}
	m.ordinal++
	m.sessions[b.Server] = &session{boot: b.Boot, ordinal: m.ordinal, addr: b.ClientAddr}
	return Registered
}

// acknowledge records that the replies up to number have been received, and drops them.
func (s *session) acknowledge(number uint64) {
	number = min(number, s.last)
	if number <= s.acked {
		return
	}
	s.acked = number
	first := s.last - uint64(len(s.stored)) + 1
	if number < first {
		return
	}
	drop := int(number - first + 1)
	for i := range s.stored[:drop] {
		s.storedBytes -= s.stored[i].bytes()
	}
	s.stored = slices.Delete(s.stored, 0, drop)
}

// judge returns the status of a batch with this number. Applied means that the number is
// the next one, so that the batch must run now.
func (s *session) judge(number uint64) Status {
	switch {
	case number <= s.acked:
		return Dropped
	case number > s.last+1 && !ignoresGaps():
		return Gap
	case number > s.last:
		return Applied
	}
	r := s.find(number)
	switch {
	case r == nil:
		return Forgotten
	case r.missing:
		return Applied
	case !r.kept:
		return Forgotten
	}
	return Duplicate
}

// find returns what is stored for a number, or nil.
func (s *session) find(number uint64) *stored {
	first := s.last - uint64(len(s.stored)) + 1
	if number < first || number > s.last {
		return nil
	}
	return &s.stored[number-first]
}

// answer completes the outcome of a batch that does not run.
func (s *session) answer(out *Outcome) {
	switch out.Status {
	case Gap:
		out.Next = s.last + 1
	case Duplicate:
		rest := s.find(out.Number).replies
		for len(rest) > 0 {
			var v reply.Value
			var err error
			if v, rest, err = reply.DecodeStored(rest); err != nil {
				// Cannot happen: it was checked when it was stored or restored.
				out.Status, out.Replies = Forgotten, nil
				return
			}
			out.Replies = append(out.Replies, v)
		}
	}
}

// keep stores the replies to a number that has just been applied; nil means that they
// are too large. It drops the oldest replies that exceed the bound.
func (s *session) keep(number uint64, replies []byte) {
	if r := s.find(number); r != nil { // only with a planted fault
		*r = stored{kept: replies != nil, replies: replies}
		return
	}
	for s.last++; s.last < number; s.last++ { // likewise
		s.store(stored{missing: true})
	}
	s.store(stored{kept: replies != nil, replies: replies})
	drop := 0
	for s.storedBytes > storedBytesMax {
		s.storedBytes -= s.stored[drop].bytes()
		drop++
	}
	s.stored = slices.Delete(s.stored, 0, drop)
}

func (s *session) store(r stored) {
	s.stored = append(s.stored, r)
	s.storedBytes += r.bytes()
}

// Replay returns the outcome of a waiting batch after a restore has skipped its entry. It
// is the outcome that Apply would give if the batch were sent again. Replay returns false
// if the machine has not applied that number. Number 0 is the Register.
func (m *Machine) Replay(of entry.Session, number uint64) (Outcome, bool) {
	out := Outcome{Session: of, Number: number, Status: Unknown}
	s := m.sessions[of.Server]
	open := s != nil && s.boot == of.Boot
	switch {
	case number == 0: // the Register
		out.Status = Registered
		return out, open
	case !open:
		return out, true
	case number > s.last:
		return Outcome{}, false
	}
	if out.Status = s.judge(number); out.Status == Applied {
		return Outcome{}, false
	}
	s.answer(&out)
	return out, true
}

// SessionInfo describes the open session of a server.
type SessionInfo struct {
	entry.Session
	Ordinal    uint64 // counts the cluster's registrations from 1, so it is unique for ever
	ClientAddr string // the address that clients are given
	Last       uint64 // the last number applied
	Acked      uint64
}

// Session returns the open session of a server (id@incarnation).
func (m *Machine) Session(server string) (SessionInfo, bool) {
	s := m.sessions[server]
	if s == nil {
		return SessionInfo{}, false
	}
	return SessionInfo{
		Session: entry.Session{Server: server, Boot: s.boot}, Ordinal: s.ordinal,
		ClientAddr: s.addr, Last: s.last, Acked: s.acked,
	}, true
}

// sortedKeys returns the servers of the sessions in the order in which to walk them.
func sortedKeys(sessions map[string]*session) []string {
	return slices.Sorted(maps.Keys(sessions))
}
