package node

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// pace records how long the last few writes of one server's disk took.
type pace struct {
	took  [paceWrites]time.Duration
	ended [paceWrites]time.Time
	next  int
}

func (p *pace) note(took time.Duration, now time.Time) {
	p.took[p.next], p.ended[p.next] = took, now
	p.next = (p.next + 1) % paceWrites
}

// bounds returns the shortest and the longest of the last few writes; ok is false if they are not
// recent.
func (p *pace) bounds(now time.Time) (fastest, slowest time.Duration, ok bool) {
	fastest = p.took[0]
	for i, took := range p.took {
		if now.Sub(p.ended[i]) > paceWithin {
			return 0, 0, false
		}
		fastest, slowest = min(fastest, took), max(slowest, took)
	}
	return fastest, slowest, true
}

// paces holds the pace of this server and, while it leads, of its followers. For a follower, a
// write is a call with entries, until it is answered.
type paces struct {
	mu   sync.Mutex
	own  pace
	them map[raft.ServerID]*pace
}

// stored records a write of this server.
func (p *paces) stored(begun time.Time) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.own.note(now.Sub(begun), now)
}

// answered records a follower's answer.
func (p *paces) answered(id raft.ServerID, begun time.Time) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.them == nil {
		p.them = map[raft.ServerID]*pace{}
	}
	if p.them[id] == nil {
		p.them[id] = &pace{}
	}
	p.them[id].note(now.Sub(begun), now)
}

// slow reports whether each of this server's last writes took long, and the least time that one
// took. If even one was quick, the others were pauses of the process, or large writes.
func (p *paces) slow(now time.Time) (least time.Duration, slow bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	least, _, ok := p.own.bounds(now)
	return least, ok && least >= slowWrite
}

// faster reports whether each of a follower's last writes took only a small part of least.
func (p *paces) faster(id raft.ServerID, least time.Duration, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	theirs := p.them[id]
	if theirs == nil {
		return false
	}
	_, most, ok := theirs.bounds(now)
	return ok && most <= least/slowFactor
}
