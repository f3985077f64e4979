package node

import (
	"slices"
	"sync/atomic"

	"github.com/kvorum/kvorum/fsm/member"
)

// turns makes the members of a cluster write their snapshots one after the other, without any
// communication. All apply the same entries, so all would write at the same one. Therefore each
// member's first interval is shorter, according to its rank among the members. Later intervals are
// equal, so the distances stay. A server that was sent a snapshot counts its rank from the
// sender's.
type turns struct {
	part atomic.Uint64 // length of the current interval in turnParts; 0: not known yet

	installs uint64 // used by the worker: installs already taken into account
}

// share returns the length of the current interval, given that of a whole one.
func (t *turns) share(whole uint64) uint64 {
	part := t.part.Load()
	if part == 0 {
		part = turnParts
	}
	return max(1, whole/turnParts*part+whole%turnParts*part/turnParts)
}

// taken records that a snapshot has been taken. From now on intervals are whole.
func (t *turns) taken() { t.part.Store(turnParts) }

// turn returns the length, in turnParts, of a server's first interval, if the server from begins a
// whole interval at the same entry. from "" means the first of the servers.
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

// takeTurn sets the interval at a process's first entry and after a snapshot from a leader, from
// which this server counts again. Only the worker calls it.
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
