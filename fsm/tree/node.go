package tree

import "slices"

// node is a leaf, which holds elements, or an inner node, which holds children.
//
// Invariants (of a tree of some width; a node's length counts its elements or
// its children):
//  1. All leaves are at one depth. No node is longer than the width, none is empty.
//  2. A node is at least as long as the width divided by fillDivisor (and 2),
//     but for the root and the nodes along the left and the right edge, which
//     appending leaves full neighbours behind. An inner root has at least two
//     children, and if it has two they would not fit into one node.
//  3. In an ordered tree, prefixes and elements of an inner node are those of
//     each child's first element; in a sequence both are nil, as prefixes are in its leaves.
//  4. A child's count is the number of elements below it.
//  5. Elements are in strictly ascending order of prefix and tie.
//  6. No slice has more spare room than slackDivisor and slackMin allow, but
//     for what the allocator rounds up.
type node[E any] struct {
	epoch    uint64
	prefixes []uint64
	elements []E
	children []child[E] // nil in a leaf
}

// child is a subtree and how many elements it holds.
type child[E any] struct {
	node  *node[E]
	count int
}

// childOf counts the elements below a node and returns both.
func childOf[E any](n *node[E]) child[E] { return child[E]{n, n.count()} }

func (n *node[E]) leaf() bool { return n.children == nil }

// len returns how many elements a leaf or children an inner node has.
func (n *node[E]) len() int {
	if n.leaf() {
		return len(n.elements)
	}
	return len(n.children)
}

// count returns how many elements are at or below the node.
func (n *node[E]) count() int {
	if n.leaf() {
		return len(n.elements)
	}
	count := 0
	for i := range n.children {
		count += n.children[i].count
	}
	return count
}

// edit is one change: the epochs that it was given, and the shape to keep.
type edit[E any] struct {
	now     uint64
	floor   uint64
	width   int
	ordered bool
}

// fill is the length below which a node is merged with a neighbour.
func (e *edit[E]) fill() int { return max(2, e.width/fillDivisor) }

// leaf makes a leaf without elements, with room for some.
func (e *edit[E]) leaf(room int) *node[E] {
	n := &node[E]{epoch: e.now, elements: make([]E, 0, room)}
	if e.ordered {
		n.prefixes = make([]uint64, 0, room)
	}
	return n
}

// inner makes an inner node without children, with room for some.
func (e *edit[E]) inner(room int) *node[E] {
	n := &node[E]{epoch: e.now, children: make([]child[E], 0, room)}
	if e.ordered {
		n.prefixes, n.elements = make([]uint64, 0, room), make([]E, 0, room)
	}
	return n
}

// own returns the node if it may be changed in place, or a copy.
func (e *edit[E]) own(n *node[E]) *node[E] {
	if n.epoch >= e.floor {
		return n
	}
	return e.part(n, 0, n.len())
}

// part makes a node of the elements or children [from, to) of another.
func (e *edit[E]) part(n *node[E], from, to int) *node[E] {
	return &node[E]{
		epoch:    e.now,
		prefixes: section(n.prefixes, from, to, e.width),
		elements: section(n.elements, from, to, e.width),
		children: section(n.children, from, to, e.width),
	}
}

// keep shortens a node that may be changed to its first elements or children.
func (e *edit[E]) keep(n *node[E], to int) {
	n.prefixes = section(n.prefixes, 0, to, e.width)
	n.elements = section(n.elements, 0, to, e.width)
	n.children = section(n.children, 0, to, e.width)
}

// insertElement puts an element into a leaf.
func (e *edit[E]) insertElement(n *node[E], at int, prefix uint64, element E) {
	if e.ordered {
		n.prefixes = insert(n.prefixes, at, prefix, e.width)
	}
	n.elements = insert(n.elements, at, element, e.width)
}

// insertChild puts a child into an inner node.
func (e *edit[E]) insertChild(n *node[E], at int, c child[E]) {
	if e.ordered {
		n.prefixes = insert(n.prefixes, at, c.node.prefixes[0], e.width)
		n.elements = insert(n.elements, at, c.node.elements[0], e.width)
	}
	n.children = insert(n.children, at, c, e.width)
}

// setChild puts a child in the place of another.
func (e *edit[E]) setChild(n *node[E], at int, c child[E]) {
	n.children[at] = c
	e.refresh(n, at)
}

// refresh copies the first element of a child that has changed.
func (e *edit[E]) refresh(n *node[E], at int) {
	if e.ordered {
		first := n.children[at].node
		n.prefixes[at], n.elements[at] = first.prefixes[0], first.elements[0]
	}
}

// remove takes one element or child out of a node.
func (e *edit[E]) remove(n *node[E], at int) {
	if n.prefixes != nil {
		n.prefixes = remove(n.prefixes, at, e.width)
	}
	if n.elements != nil {
		n.elements = remove(n.elements, at, e.width)
	}
	if n.children != nil {
		n.children = remove(n.children, at, e.width)
	}
}

// roomy returns an empty slice for n items and a few more, at most a node's.
func roomy[T any](n, width int) []T {
	return slices.Grow([]T(nil), min(n+n/spareDivisor+1, max(n, width)))
}

// section copies a part of a slice into one of its own; nil stays nil.
func section[T any](s []T, from, to, width int) []T {
	if s == nil {
		return nil
	}
	return append(roomy[T](to-from, width), s[from:to]...)
}

// insert puts an item into a slice, which is copied when it has no room.
func insert[T any](s []T, at int, item T, width int) []T {
	if len(s) < cap(s) {
		return slices.Insert(s, at, item)
	}
	grown := append(roomy[T](len(s)+1, width), s[:at]...)
	return append(append(grown, item), s[at:]...)
}

// remove takes an item out of a slice, and gives memory back when much is spare.
func remove[T any](s []T, at, width int) []T {
	s = slices.Delete(s, at, at+1)
	if cap(s)-len(s) > len(s)/slackDivisor+slackMin {
		return section(s, 0, len(s), width)
	}
	return s
}
