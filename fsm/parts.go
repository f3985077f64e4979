package fsm

import (
	"cmp"
	"math"
	"slices"

	"github.com/kvorum/kvorum/fsm/entry"
)

// parts are the commands that one session sends in parts and whose last part
// has not come.
//
// Invariants: unfinished is ordered by first; each has at least one part and
// fewer than total, none of them larger than its first; announced is at most
// announcedBytesMax. At version 1 there is one at most, which has neither first
// nor lastMS: its parts follow each other without any other batch between them.
type parts struct{ unfinished []unfinished }

// unfinished is a body of which parts are missing.
type unfinished struct {
	first   uint64 // the number of the first part
	inOrder bool   // of version 1: no other batch of its session comes between its parts
	lastMS  int64  // the clock when the newest came
	total   int
	body    []byte // what has come of it, in one piece: it is never copied again
	ends    []int  // where each part ends in it; a capture shares both, which only grow
}

// announced is how many bytes the bodies may get, by their first parts.
func (p *parts) announced() (sum int) {
	for i := range p.unfinished {
		if u := &p.unfinished[i]; len(u.ends) > 0 { // else it is being restored
			sum += u.total * u.ends[0]
		}
	}
	return sum
}

// bytes counts how much of the body has come.
func (u *unfinished) bytes() int {
	if len(u.ends) == 0 {
		return 0
	}
	return u.ends[len(u.ends)-1]
}

// piece is the part of an index.
func (u *unfinished) piece(index int) []byte {
	begin := 0
	if index > 0 {
		begin = u.ends[index-1]
	}
	return u.body[begin:u.ends[index]]
}

// put appends the next part. Memory for the whole body is taken at the first, since
// all parts but the last have the same size.
func (u *unfinished) put(part []byte) {
	if u.body == nil {
		u.body = make([]byte, 0, min(u.total*len(part), partsBytesMax))
	}
	u.body = append(u.body, part...)
	u.ends = append(u.ends, len(u.body))
}

// partState says what became of a part.
type partState uint8

const (
	partKept  partState = iota // kept, or of no use; more may follow
	partWhole                  // it was the last, and the body is whole
	partLost                   // it was the last, and others are missing
)

// add takes a part, and returns the body when it is whole. A part that does not
// continue what it belongs to drops that.
func (p *parts) add(b *entry.Batch, nowMS int64) (body []byte, state partState) {
	first := p.firstOf(b)
	i, found := p.find(first)
	switch {
	case !found && b.PartIndex == 0 && p.roomFor(b):
		p.unfinished = slices.Insert(p.unfinished, i, unfinished{first: first, inOrder: b.First == 0, total: b.PartTotal})
	case !found:
		return nil, lostIfLast(b)
	case !p.unfinished[i].continues(b) || len(b.PartBytes) > p.unfinished[i].ends[0]:
		p.drop(i)
		return nil, lostIfLast(b)
	}
	p.unfinished[i].lastMS = nowMS
	return p.take(i, b)
}

// firstOf is the number of a part's first part. Numbers of the old layout that are
// not consecutive give one that nothing has.
func (p *parts) firstOf(b *entry.Batch) uint64 {
	if b.First > 0 {
		return b.First
	}
	return b.Number - uint64(b.PartIndex)
}

// roomFor reports whether one more command may begin with a part. What that
// announces counts, and not what has come of it: memory is taken for all of it.
func (p *parts) roomFor(b *entry.Batch) bool {
	return p.announced()+b.PartTotal*len(b.PartBytes) <= announcedBytesMax && len(p.unfinished) < unfinishedMax
}

// between says that a batch was applied that is no part, or a part of another
// command than first: what came in order before the raise does not go on.
func (p *parts) between(first uint64) {
	for i := len(p.unfinished) - 1; i >= 0; i-- {
		if u := &p.unfinished[i]; u.inOrder && u.first != first {
			p.drop(i)
		}
	}
}

// addInOrder is add at version 1: a first part abandons what is under way.
func (p *parts) addInOrder(b *entry.Batch) (body []byte, state partState) {
	if b.PartIndex == 0 {
		*p = parts{unfinished: []unfinished{{total: b.PartTotal}}}
	}
	if !p.fits(b) {
		*p = parts{}
		return nil, lostIfLast(b)
	}
	return p.take(0, b)
}

// fits reports, at version 1, whether a part is the next of the one command there is.
func (p *parts) fits(b *entry.Batch) bool {
	return len(p.unfinished) == 1 && p.unfinished[0].continues(b) && p.unfinished[0].bytes()+len(b.PartBytes) <= partsBytesMax
}

func (u *unfinished) continues(b *entry.Batch) bool {
	return u.total == b.PartTotal && len(u.ends) == b.PartIndex
}

func lostIfLast(b *entry.Batch) partState {
	if b.PartIndex == b.PartTotal-1 {
		return partLost
	}
	return partKept
}

// take adds the next piece of an unfinished body.
func (p *parts) take(i int, b *entry.Batch) (body []byte, state partState) {
	u := &p.unfinished[i]
	u.put(b.PartBytes)
	if len(u.ends) < u.total {
		return nil, partKept
	}
	body = u.body
	p.drop(i)
	return body, partWhole
}

func (p *parts) find(first uint64) (int, bool) {
	return slices.BinarySearchFunc(p.unfinished, first, func(u unfinished, first uint64) int { return cmp.Compare(u.first, first) })
}

func (p *parts) drop(i int) { p.unfinished = slices.Delete(p.unfinished, i, i+1) }

// abandon drops the command that began at first, if it is there.
func (p *parts) abandon(first uint64) {
	if i, found := p.find(first); found {
		p.drop(i)
	}
}

// expire drops what no part has been added to for partsIdleMS.
func (p *parts) expire(nowMS int64) {
	for i := len(p.unfinished) - 1; i >= 0; i-- {
		if p.unfinished[i].deadlineMS() <= nowMS {
			p.drop(i)
		}
	}
}

func (u *unfinished) deadlineMS() int64 {
	if u.lastMS > math.MaxInt64-partsIdleMS {
		return math.MaxInt64
	}
	return u.lastMS + partsIdleMS
}

// raise gives the one command of version 1 what version 2 knows it by: its parts
// were the session's last batches.
func (p *parts) raise(last uint64, nowMS int64) {
	for i := range p.unfinished {
		u := &p.unfinished[i]
		u.first, u.inOrder, u.lastMS = last+1-uint64(len(u.ends)), true, nowMS
	}
}

// clone is what a capture keeps: bodies only grow.
func (p *parts) clone() parts { return parts{slices.Clone(p.unfinished)} }
