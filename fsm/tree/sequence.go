package tree

import "iter"

// sequence is the root of a sequence, for reading.
type sequence[E any] struct {
	root  *node[E]
	count int
}

// SequenceView is a sequence at one moment. It is immutable and safe for
// concurrent use, also beside the sequence's writer.
type SequenceView[E any] struct{ sequence[E] }

// Sequence keeps elements by position.
type Sequence[E any] struct {
	sequence[E]
	owner
}

// NewSequence makes an empty sequence in an epoch.
func NewSequence[E any](epoch Epoch) *Sequence[E] {
	t := &Sequence[E]{}
	t.epoch, t.width = epoch.Now, widthDefault
	return t
}

// Len returns how many elements there are.
func (s sequence[E]) Len() int { return s.count }

// At returns the element at a position, 0 … Len-1.
func (s sequence[E]) At(position int) E {
	check(position, s.count-1)
	n, at := locate(s.root, position)
	return n.elements[at]
}

// Ascend visits the elements from a position on.
func (s sequence[E]) Ascend(from int) iter.Seq[E] {
	check(from, s.count)
	root := s.root
	return func(yield func(E) bool) {
		var p path[E]
		p.seek(root, from)
		for more := root != nil; more; more = p.next() {
			n, first := p.leaf().node, p.leaf().at
			for _, element := range n.elements[first:] {
				if !yield(element) {
					return
				}
			}
		}
	}
}

// Descend visits the elements from a position down to the first. The position
// -1 visits none.
func (s sequence[E]) Descend(from int) iter.Seq[E] {
	check(from+1, s.count)
	root := s.root
	return func(yield func(E) bool) {
		if from < 0 {
			return
		}
		var p path[E]
		p.seek(root, from)
		for more := true; more; more = p.previous() {
			n := p.leaf().node
			for i := p.leaf().at; i >= 0; i-- {
				if !yield(n.elements[i]) {
					return
				}
			}
		}
	}
}

// Share returns a view of the sequence as it is now. The counter of epochs must
// have been raised to epoch for it. Readers may call it beside each other, but
// not beside the writer.
func (t *Sequence[E]) Share(epoch uint64) SequenceView[E] {
	t.share(epoch)
	return SequenceView[E]{t.sequence}
}

// Clone returns a second sequence of the same elements, which shares nodes with
// the first until either is changed. The counter of epochs must have been
// raised to epoch for it.
func (t *Sequence[E]) Clone(epoch uint64) *Sequence[E] {
	t.share(epoch)
	return t.copy(epoch)
}

// Writable returns the sequence to change in an epoch: the sequence itself, or
// a copy that takes its place if a capture may hold it.
func (t *Sequence[E]) Writable(epoch Epoch) *Sequence[E] {
	if t.writable(epoch) {
		return t
	}
	return t.copy(epoch.Now)
}

func (t *Sequence[E]) copy(epoch uint64) *Sequence[E] {
	c := &Sequence[E]{sequence: t.sequence}
	c.inherit(&t.owner, epoch)
	return c
}

func (t *Sequence[E]) edit(epoch Epoch) edit[E] {
	return edit[E]{now: epoch.Now, floor: t.floor(epoch), width: int(t.width)}
}

// Set replaces the element at a position, 0 … Len-1.
func (t *Sequence[E]) Set(epoch Epoch, position int, element E) (replaced E) {
	check(position, t.count-1)
	e := t.edit(epoch)
	var p path[E]
	p.seek(t.root, position)
	t.root, replaced = e.replace(&p, element)
	return replaced
}

// InsertAt puts an element at a position, 0 … Len; what is there and behind moves up.
func (t *Sequence[E]) InsertAt(epoch Epoch, position int, element E) {
	check(position, t.count)
	e := t.edit(epoch)
	var p path[E]
	p.seek(t.root, position)
	t.root = e.insert(&p, 0, element)
	t.count++
}

// DeleteAt takes out the element at a position, 0 … Len-1.
func (t *Sequence[E]) DeleteAt(epoch Epoch, position int) (removed E) {
	check(position, t.count-1)
	e := t.edit(epoch)
	var p path[E]
	p.seek(t.root, position)
	t.root, removed = e.delete(&p)
	t.count--
	return removed
}

// DeleteRange takes out the elements at the positions [from, to). What it costs
// does not grow with their number: who must see them visits them before.
func (t *Sequence[E]) DeleteRange(epoch Epoch, from, to int) {
	check(to, t.count)
	check(from, to)
	e := t.edit(epoch)
	if from < to {
		t.root = e.deleteRange(t.root, from, to)
		t.count -= to - from
	}
}
