package tree

import "iter"

// BuildOrdered makes a tree of elements that come in order with their prefixes,
// in linear time and with full nodes. It panics where a prefix descends; that
// elements of equal prefix are in order is the caller's part.
func BuildOrdered[E any](epoch Epoch, elements iter.Seq2[uint64, E]) *Ordered[E] {
	t := NewOrdered[E](epoch)
	t.fill(epoch, elements)
	return t
}

// fill builds the nodes of an empty tree.
func (t *Ordered[E]) fill(epoch Epoch, elements iter.Seq2[uint64, E]) {
	b := builder[E]{edit: t.edit(epoch)}
	last := uint64(0)
	for prefix, element := range elements {
		if prefix < last {
			panic("tree: elements that a tree is built of are out of order")
		}
		last = prefix
		b.add(prefix, element)
	}
	t.root, t.count = b.finish(), b.count
}

// BuildSequence makes a sequence of elements in linear time and with full nodes.
func BuildSequence[E any](epoch Epoch, elements iter.Seq[E]) *Sequence[E] {
	t := NewSequence[E](epoch)
	t.fill(epoch, elements)
	return t
}

// fill builds the nodes of an empty sequence.
func (t *Sequence[E]) fill(epoch Epoch, elements iter.Seq[E]) {
	b := builder[E]{edit: t.edit(epoch)}
	for element := range elements {
		b.add(0, element)
	}
	t.root, t.count = b.finish(), b.count
}

// builder makes a tree from its first element to its last. It holds the right
// edge, the leaf first; what is left of that is full.
type builder[E any] struct {
	edit   edit[E]
	levels []*node[E]
	count  int
}

// add puts an element behind all others.
func (b *builder[E]) add(prefix uint64, element E) {
	if len(b.levels) == 0 {
		b.levels = append(b.levels, b.edit.leaf(b.edit.width))
	}
	if b.levels[0].len() == b.edit.width {
		b.hand(0)
		b.levels[0] = b.edit.leaf(b.edit.width)
	}
	b.edit.insertElement(b.levels[0], b.levels[0].len(), prefix, element)
	b.count++
}

// hand gives the node of a level to the level above.
func (b *builder[E]) hand(level int) {
	if len(b.levels) == level+1 {
		b.levels = append(b.levels, b.edit.inner(b.edit.width))
	}
	if b.levels[level+1].len() == b.edit.width {
		b.hand(level + 1)
		b.levels[level+1] = b.edit.inner(b.edit.width)
	}
	up := b.levels[level+1]
	b.edit.insertChild(up, up.len(), childOf(b.levels[level]))
}

// finish returns the root.
func (b *builder[E]) finish() *node[E] {
	if b.count == 0 {
		return nil
	}
	for level := 0; ; level++ {
		if n := b.levels[level]; n.len() < b.edit.width {
			b.edit.keep(n, n.len()) // gives spare room back
		}
		if level == len(b.levels)-1 {
			return b.levels[level]
		}
		b.hand(level)
	}
}
