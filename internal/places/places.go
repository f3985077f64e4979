// Package places bounds how many connections a port holds, so that somebody who
// opens many and says nothing shuts nobody out: a newcomer who finds no place
// free gets the one whose holder has been silent for the longest time.
package places

import (
	"math"
	"sync"
	"sync/atomic"
)

// Limits are how many connections a room holds.
type Limits struct {
	All       int // at once
	PerHolder int // of one holder; 0: as many as there are
}

// Room is a bounded number of places.
type Room struct {
	limits Limits
	heard  atomic.Uint64 // counts what was heard, which orders places by silence

	mu    sync.Mutex
	taken map[*Place]struct{}
	ended uint64 // to make room
}

// Place is one connection's.
type Place struct {
	room   *Room
	holder string
	end    func()
	heard  atomic.Uint64
	busy   atomic.Bool
}

// New makes an empty room.
func New(limits Limits) *Room {
	return &Room{limits: limits, taken: map[*Place]struct{}{}}
}

// Take gives a connection a place. If none is free, it ends the connection that has been
// silent for the longest time, of this holder if that one has too many: end closes it,
// and returns when its descriptor is free again, as net.Conn's Close does.
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

// crowded returns who has to leave for a newcomer, nil if nobody has; the caller holds mu.
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

// rank orders places: those that are silent come before those that are busy, and those
// that were heard long ago before those that were heard since.
func (p *Place) rank() uint64 {
	rank := p.heard.Load()
	if p.busy.Load() {
		rank |= 1 << 62
	}
	return rank
}

// Ended counts the connections that were ended to make room.
func (r *Room) Ended() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// Heard notes that the holder has said something just now.
func (p *Place) Heard() { p.heard.Store(p.room.heard.Add(1)) }

// Busy says whether the holder waits for us: it is the last to make room then.
func (p *Place) Busy(busy bool) { p.busy.Store(busy) }

// Leave gives the place back. It may be called again, and by who was ended.
func (p *Place) Leave() {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	delete(p.room.taken, p)
}
