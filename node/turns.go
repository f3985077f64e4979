package node

import (
	"slices"
	"sync/atomic"

	"github.com/kvorum/kvorum/fsm/member"
)

// turns has the members of a cluster write their snapshots one after the other,
// without asking each other: all apply the same entries, and would all write
// at the same one. So the first interval of each is shorter, by its place among
// the members; after that it is the same for all, and the distances stay. Who
// was sent a snapshot counts its place from the sender's.
type turns struct {
	part atomic.Uint64 // of turnParts: the present interval's length; 0: not known yet

	installs uint64 // the worker's: those that have been taken note of
}

// share is the part of a whole interval that the present one has.
func (t *turns) share(whole uint64) uint64 {
	part := t.part.Load()
	if part == 0 {
		part = turnParts
	}
	return max(1, whole/turnParts*part+whole%turnParts*part/turnParts)
}

// taken says that a snapshot has been taken: from now on intervals are whole.
func (t *turns) taken() { t.part.Store(turnParts) }

// turn is the length of a first interval, in turnParts, of one server among
// others, if another one, from, begins a whole interval at the same entry; "" is
// the first of them.
func turn(servers []member.Server, server, from string) uint64 {
	var ids []string
	for _, s := range servers {
		ids = append(ids, s.ID)
	}
	slices.Sort(ids)
	rank, ok := slices.BinarySearch(ids, server)
	if !ok {
		return turnParts
	}
	base, ok := slices.BinarySearch(ids, from)
	if !ok {
		base = 0
	}
	n := len(ids)
	steps := (base - rank + n) % n
	if steps == 0 {
		steps = n
	}
	return uint64(turnParts * steps / n)
}

// takeTurn notices a process's first entry and a snapshot that a leader has
// sent, from which this server counts again. Only the worker calls it.
func (s *snapshotter) takeTurn() {
	installed, _ := s.installs.counts()
	first := s.turns.part.Load() == 0
	if !first && installed == s.turns.installs {
		return
	}
	s.turns.installs = installed
	from := ""
	switch {
	case installed > 0:
		w := s.node.worker
		s.entries.Store(w.applied.Load())
		s.bytes.Store(w.appliedBytes.Load())
		from = s.node.Leader()
	case s.node.worker.restores.Load() > 0: // it goes on where it was
		s.turns.taken()
		return
	}
	s.turns.part.Store(turn(s.node.worker.machine.Servers(), s.node.cfg.Session.Server, from))
}
