// Package places bounds how many connections a port holds. Whoever opens many idle
// connections cannot shut others out: if no place is free, a newcomer gets the place of the
// connection that has been silent for the longest time.
package places

import (
	"math"
	"sync"
	"sync/atomic"
)

// Limits says how many connections a room holds.
type Limits struct {
	All       int // in all
	PerHolder int // of one holder; 0: as many as All
}

// Room is a bounded number of places.
type Room struct {
	limits Limits
	heard  atomic.Uint64 // counts what was heard, to order places by how long they are silent

	mu    sync.Mutex
	taken map[*Place]struct{}
	ended uint64 // how many connections were ended to make room
}

// Place is the place of one connection.
type Place struct {
	room   *Room
	holder string
	end    func()
	heard  atomic.Uint64
	busy   atomic.Bool
}

// New returns an empty room.
func New(limits Limits) *Room {
	return &Room{limits: limits, taken: map[*Place]struct{}{}}
}

// Take gives a connection a place. If none is free, it ends the connection that has been
// silent for the longest time; if the holder has too many, it ends one of the holder's. end
// must close the new connection and return once its descriptor is free, as net.Conn's Close
// does.
func (r *Room) Take(holder string, end func()) *Place {
	p := &Place{room: r, holder: holder, end: end}
	p.Heard()
	r.mu.Lock()
	r.taken[p] = struct{}{}
	out := r.crowded(p)
	if out != nil {
		delete(r.taken, out)
		r.ended++
	}
	r.mu.Unlock()
	if out != nil {
		out.end()
	}
	return p
}

// crowded returns the place that must make room for a newcomer, or nil; the caller holds mu.
func (r *Room) crowded(newcomer *Place) (out *Place) {
	held := 0
	for p := range r.taken {
		if p.holder == newcomer.holder {
			held++
		}
	}
	tooMany := r.limits.PerHolder > 0 && held > r.limits.PerHolder
	if !tooMany && len(r.taken) <= r.limits.All {
		return nil
	}
	silent := uint64(math.MaxUint64)
	for p := range r.taken {
		if p == newcomer || tooMany && p.holder != newcomer.holder {
			continue
		}
		if rank := p.rank(); rank < silent {
			silent, out = rank, p
		}
	}
	return out
}

// rank orders places by who makes room first: idle ones before busy ones, and then those
// that were heard longest ago.
func (p *Place) rank() uint64 {
	rank := p.heard.Load()
	if p.busy.Load() {
		rank |= 1 << 62
	}
	return rank
}

// Ended returns how many connections were ended to make room.
func (r *Room) Ended() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// Heard records that the holder has just sent something.
func (p *Place) Heard() { p.heard.Store(p.room.heard.Add(1)) }

// Busy sets whether the holder waits for an answer of ours. A busy place makes room last.
func (p *Place) Busy(busy bool) { p.busy.Store(busy) }

// Leave gives up the place. It may be called repeatedly, also after the connection was ended.
func (p *Place) Leave() {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	delete(p.room.taken, p)
}
