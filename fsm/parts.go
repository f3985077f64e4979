package fsm

import (
	"cmp"
	"math"
	"slices"

	"github.com/kvorum/kvorum/fsm/entry"
)

// parts are the unfinished commands of one session: it sends them in parts, and the last
// part has not arrived.
//
// Invariants: unfinished is ordered by first. Each command has at least one part and
// fewer than total, none of them larger than its first part. announced is at most
// announcedBytesMax. At version 1 there is at most one unfinished command. It has neither
// first nor lastMS, and no other batch may come between its parts.
type parts struct{ unfinished []unfinished }

// unfinished is a body whose last part has not arrived.
type unfinished struct {
	first   uint64 // the number of the first part
	inOrder bool   // begun in the layout of version 1: no other batch may come between its parts
	lastMS  int64  // the clock when its newest part arrived
	total   int
	body    []byte // what has arrived, in one piece: it is never copied again
	ends    []int  // where each part ends in body; both only grow, so captures share them
}

// announced returns how many bytes the bodies may reach according to their first parts.
func (p *parts) announced() (sum int) {
	for i := range p.unfinished {
		if u := &p.unfinished[i]; len(u.ends) > 0 { // a body without parts is being restored
			sum += u.total * u.ends[0]
		}
	}
	return sum
}

// bytes returns how much of the body has arrived.
func (u *unfinished) bytes() int {
	if len(u.ends) == 0 {
		return 0
	}
	return u.ends[len(u.ends)-1]
}

// piece returns the part with an index.
func (u *unfinished) piece(index int) []byte {
	begin := 0
	if index > 0 {
		begin = u.ends[index-1]
	}
	return u.body[begin:u.ends[index]]
}

// put appends the next part. At the first part it allocates memory for the whole body,
// since all parts but the last have the same size.
func (u *unfinished) put(part []byte) {
	if u.body == nil {
		u.body = make([]byte, 0, min(u.total*len(part), partsBytesMax))
	}
	u.body = append(u.body, part...)
	u.ends = append(u.ends, len(u.body))
}

// partState says what happened to a part.
type partState uint8

const (
	partKept  partState = iota // kept, or useless; more may follow
	partWhole                  // it was the last one, and the body is complete
	partLost                   // it was the last one, and others are missing
)

// add adds a part, and returns the body once it is complete. A part that does not fit
// its command's earlier parts drops that command.
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

// firstOf returns the number of the first part of b's command. In the old layout, it
// assumes that the numbers are consecutive. If they are not, no command has the result.
func (p *parts) firstOf(b *entry.Batch) uint64 {
	if b.First > 0 {
		return b.First
	}
	return b.Number - uint64(b.PartIndex)
}

// roomFor reports whether one more command may begin with the part b. The announced size
// of each body counts, not what has arrived, since memory is allocated for all of it.
func (p *parts) roomFor(b *entry.Batch) bool {
	return p.announced()+b.PartTotal*len(b.PartBytes) <= announcedBytesMax && len(p.unfinished) < unfinishedMax
}

// between drops the unfinished commands that came in the layout of version 1, except the
// one that began at first: no other batch may come between their parts. It is called for
// every batch that is applied; first is 0 if the batch is not a part.
func (p *parts) between(first uint64) {
	for i := len(p.unfinished) - 1; i >= 0; i-- {
		if u := &p.unfinished[i]; u.inOrder && u.first != first {
			p.drop(i)
		}
	}
}

// addInOrder is add at version 1: a first part drops the unfinished command.
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

// fits reports, at version 1, whether a part is the next one of the unfinished command.
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

// take adds the next part to an unfinished body, and removes the body once it is complete.
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

// abandon drops the command that began at first, if there is one.
func (p *parts) abandon(first uint64) {
	if i, found := p.find(first); found {
		p.drop(i)
	}
}

// expire drops the commands that have got no part for partsIdleMS.
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

// raise converts the unfinished command of version 1, if any, to version 2. Its parts
// were the session's last batches, which gives the number of the first.
func (p *parts) raise(last uint64, nowMS int64) {
	for i := range p.unfinished {
		u := &p.unfinished[i]
		u.first, u.inOrder, u.lastMS = last+1-uint64(len(u.ends)), true, nowMS
	}
}

// clone returns a copy for a capture. It shares the bodies, since they only grow.
func (p *parts) clone() parts { return parts{slices.Clone(p.unfinished)} }
