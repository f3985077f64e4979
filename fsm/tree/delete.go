package tree

// delete takes out the element that the path leads to, and returns the root
// and that element.
func (e *edit[E]) delete(p *path[E]) (root *node[E], removed E) {
	root = e.ownPath(p)
	s := p.leaf()
	removed = s.node.elements[s.at]
	e.remove(s.node, s.at)
	for level := p.height - 2; level >= 0; level-- {
		n, at := p.steps[level].node, p.steps[level].at
		n.children[at].count--
		switch length := n.children[at].node.len(); {
		case length == 0:
			e.remove(n, at)
		case length < e.fill() && n.len() > 1:
			e.mend(n, at)
		case p.steps[level+1].at == 0:
			e.refresh(n, at)
		}
	}
	return e.settle(root), removed
}

// mend joins a child that is too short with a neighbour.
func (e *edit[E]) mend(n *node[E], at int) {
	if at == n.len()-1 {
		at--
	}
	left, right := e.join(n.children[at].node, n.children[at+1].node)
	e.setChild(n, at, childOf(left))
	if right == nil {
		e.remove(n, at+1)
		return
	}
	e.setChild(n, at+1, childOf(right))
}

// settle returns the root of a tree that has lost elements: a lower one if the
// old one has a single child, or two that fit into one.
func (e *edit[E]) settle(root *node[E]) *node[E] {
	for root != nil && !root.leaf() {
		switch root.len() {
		case 0:
			return nil
		case 1:
			root = root.children[0].node
			continue
		case 2:
			if a, b := root.children[0].node, root.children[1].node; a.len()+b.len() <= e.width {
				root, _ = e.join(a, b)
				continue
			}
		}
		return root
	}
	if root != nil && root.len() == 0 {
		return nil
	}
	return root
}

// join makes one node, or two that are full enough, of two neighbours of the
// same height. Only the left edge of a and the right edge of b may still have
// nodes that are too short: along the seam between them all are mended, level
// by level. Neither a nor b is changed.
func (e *edit[E]) join(a, b *node[E]) (left, right *node[E]) {
	if a.leaf() {
		return e.joinLeaves(a, b)
	}
	last, first := a.children[len(a.children)-1].node, b.children[0].node
	x, y := e.join(last, first)
	if x == last && y == first && e.fits(a, b) {
		return a, b
	}
	children := make([]child[E], 0, len(a.children)+len(b.children))
	children = append(children, a.children[:len(a.children)-1]...)
	seam := len(children)
	children = append(children, childOf(x))
	if y != nil {
		children = append(children, childOf(y))
	}
	children = append(children, b.children[1:]...)
	if x.len() < e.fill() && len(children) > 1 {
		children = e.mendSeam(children, seam)
	}
	if len(children) <= e.width {
		return e.gather(children), nil
	}
	half := len(children) / 2
	return e.gather(children[:half]), e.gather(children[half:])
}

// fits reports whether two neighbours may stay as they are.
func (e *edit[E]) fits(a, b *node[E]) bool {
	return min(a.len(), b.len()) >= e.fill() && a.len()+b.len() > e.width
}

func (e *edit[E]) joinLeaves(a, b *node[E]) (left, right *node[E]) {
	if e.fits(a, b) {
		return a, b
	}
	prefixes := append(append([]uint64(nil), a.prefixes...), b.prefixes...)
	elements := append(append([]E(nil), a.elements...), b.elements...)
	if !e.ordered {
		prefixes = nil
	}
	both := &node[E]{prefixes: prefixes, elements: elements}
	if len(elements) <= e.width {
		return e.part(both, 0, len(elements)), nil
	}
	half := len(elements) / 2
	return e.part(both, 0, half), e.part(both, half, len(elements))
}

// mendSeam joins the child at the seam with its neighbour.
func (e *edit[E]) mendSeam(children []child[E], seam int) []child[E] {
	if seam == len(children)-1 {
		seam--
	}
	x, y := e.join(children[seam].node, children[seam+1].node)
	children[seam] = childOf(x)
	if y != nil {
		children[seam+1] = childOf(y)
		return children
	}
	return append(children[:seam+1], children[seam+2:]...)
}

// gather makes an inner node.
func (e *edit[E]) gather(children []child[E]) *node[E] {
	n := &node[E]{epoch: e.now, children: section(children, 0, len(children), e.width)}
	if e.ordered {
		n.prefixes, n.elements = roomy[uint64](len(children), e.width), roomy[E](len(children), e.width)
		for _, c := range children {
			n.prefixes = append(n.prefixes, c.node.prefixes[0])
			n.elements = append(n.elements, c.node.elements[0])
		}
	}
	return n
}

// deleteRange takes the elements of the ranks [from, to) out of a tree of count
// elements, and returns the root. It copies two paths, however many there are.
func (e *edit[E]) deleteRange(root *node[E], from, to int) *node[E] {
	count := root.count()
	switch {
	case from == 0 && to == count:
		return nil
	case from == 0:
		return e.settle(e.tail(root, to))
	case to == count:
		return e.settle(e.head(root, from))
	}
	left, right := e.join(e.head(root, from), e.tail(root, to))
	if right == nil {
		return e.settle(left)
	}
	return e.settle(e.gather([]child[E]{childOf(left), childOf(right)}))
}

// head returns a node with the first count elements of another, 0 < count.
func (e *edit[E]) head(n *node[E], count int) *node[E] {
	if n.leaf() {
		return e.part(n, 0, count)
	}
	i := 0
	for ; count > n.children[i].count; i++ {
		count -= n.children[i].count
	}
	cut := e.part(n, 0, i+1)
	if count < n.children[i].count {
		cut.children[i] = child[E]{e.head(n.children[i].node, count), count}
	}
	return cut
}

// tail returns a node with all but the first count elements of another, which
// has more of them.
func (e *edit[E]) tail(n *node[E], count int) *node[E] {
	if n.leaf() {
		return e.part(n, count, n.len())
	}
	i := 0
	for ; count >= n.children[i].count; i++ {
		count -= n.children[i].count
	}
	cut := e.part(n, i, n.len())
	if count > 0 {
		e.setChild(cut, 0, child[E]{e.tail(n.children[i].node, count), n.children[i].count - count})
	}
	return cut
}
