package tree

import "iter"

// ordered is the root of an ordered tree, for reading.
type ordered[E any] struct {
	root  *node[E]
	count int
}

// OrderedView is an ordered tree at one moment. It is immutable and safe for
// concurrent use, also beside the tree's writer.
type OrderedView[E any] struct{ ordered[E] }

// Ordered keeps elements in the order of their prefixes and, where these are
// equal, of tie functions. Such a function says where an element stands beside
// the place that is sought: below zero before it, above zero behind it, zero if
// it is the element itself. It must agree with the order of the elements; nil
// seeks the place before all elements of the prefix.
type Ordered[E any] struct {
	ordered[E]
	owner
}

// NewOrdered makes an empty tree in an epoch.
func NewOrdered[E any](epoch Epoch) *Ordered[E] {
	t := &Ordered[E]{}
	t.epoch, t.width = epoch.Now, widthDefault
	return t
}

// Len returns how many elements there are.
func (o ordered[E]) Len() int { return o.count }

// Get returns the element for which tie is zero.
func (o ordered[E]) Get(prefix uint64, tie func(E) int) (element E, found bool) {
	return get(o.root, prefix, tie)
}

// Rank returns how many elements stand before a place, and whether tie is zero
// for the next one.
func (o ordered[E]) Rank(prefix uint64, tie func(E) int) (rank int, found bool) {
	var p path[E]
	found = p.search(o.root, prefix, tie)
	return p.rank(), found
}

// At returns the element of a rank, 0 … Len-1, and its prefix.
func (o ordered[E]) At(rank int) (prefix uint64, element E) {
	check(rank, o.count-1)
	n, at := locate(o.root, rank)
	return n.prefixes[at], n.elements[at]
}

// Ascend visits the elements from a rank on, and their prefixes, in order.
func (o ordered[E]) Ascend(from int) iter.Seq2[uint64, E] {
	check(from, o.count)
	root := o.root
	return func(yield func(uint64, E) bool) {
		var p path[E]
		p.seek(root, from)
		for more := root != nil; more; more = p.next() {
			n, first := p.leaf().node, p.leaf().at
			for i := first; i < len(n.elements); i++ {
				if !yield(n.prefixes[i], n.elements[i]) {
					return
				}
			}
		}
	}
}

// Descend visits the elements from a rank down to the first, and their
// prefixes. The rank -1 visits none.
func (o ordered[E]) Descend(from int) iter.Seq2[uint64, E] {
	check(from+1, o.count)
	root := o.root
	return func(yield func(uint64, E) bool) {
		if from < 0 {
			return
		}
		var p path[E]
		p.seek(root, from)
		for more := true; more; more = p.previous() {
			n := p.leaf().node
			for i := p.leaf().at; i >= 0; i-- {
				if !yield(n.prefixes[i], n.elements[i]) {
					return
				}
			}
		}
	}
}

// Share returns a view of the tree as it is now. The counter of epochs must
// have been raised to epoch for it. Readers may call it beside each other, but
// not beside the writer.
func (t *Ordered[E]) Share(epoch uint64) OrderedView[E] {
	t.share(epoch)
	return OrderedView[E]{t.ordered}
}

// Clone returns a second tree of the same elements, which shares nodes with the
// first until either is changed. The counter of epochs must have been raised to
// epoch for it.
func (t *Ordered[E]) Clone(epoch uint64) *Ordered[E] {
	t.share(epoch)
	return t.copy(epoch)
}

// Writable returns the tree to change in an epoch: the tree itself, or a copy
// that takes its place if a capture may hold it.
func (t *Ordered[E]) Writable(epoch Epoch) *Ordered[E] {
	if t.writable(epoch) {
		return t
	}
	return t.copy(epoch.Now)
}

func (t *Ordered[E]) copy(epoch uint64) *Ordered[E] {
	c := &Ordered[E]{ordered: t.ordered}
	c.inherit(&t.owner, epoch)
	return c
}

func (t *Ordered[E]) edit(epoch Epoch) edit[E] {
	return edit[E]{now: epoch.Now, floor: t.floor(epoch), width: int(t.width), ordered: true}
}

// Set inserts an element, or replaces the one for which tie is zero.
func (t *Ordered[E]) Set(epoch Epoch, prefix uint64, element E, tie func(E) int) (replaced E, found bool) {
	e := t.edit(epoch)
	var p path[E]
	if p.search(t.root, prefix, tie) {
		t.root, replaced = e.replace(&p, element)
		return replaced, true
	}
	t.root = e.insert(&p, prefix, element)
	t.count++
	return replaced, false
}

// Delete takes out the element for which tie is zero.
func (t *Ordered[E]) Delete(epoch Epoch, prefix uint64, tie func(E) int) (removed E, found bool) {
	e := t.edit(epoch)
	var p path[E]
	if !p.search(t.root, prefix, tie) {
		return removed, false
	}
	t.root, removed = e.delete(&p)
	t.count--
	return removed, true
}

// DeleteAt takes out the element of a rank, 0 … Len-1.
func (t *Ordered[E]) DeleteAt(epoch Epoch, rank int) (removed E) {
	check(rank, t.count-1)
	e := t.edit(epoch)
	var p path[E]
	p.seek(t.root, rank)
	t.root, removed = e.delete(&p)
	t.count--
	return removed
}

// DeleteRange takes out the elements of the ranks [from, to). What it costs
// does not grow with their number: who must see them visits them before.
func (t *Ordered[E]) DeleteRange(epoch Epoch, from, to int) {
	check(to, t.count)
	check(from, to)
	e := t.edit(epoch)
	if from < to {
		t.root = e.deleteRange(t.root, from, to)
		t.count -= to - from
	}
}

// check panics unless 0 <= rank <= most.
func check(rank, most int) {
	if uint(rank) > uint(most) || most < 0 {
		panic("tree: a rank that is not in the tree")
	}
}
