package tree

// ownPath makes every node of a path one that may be changed, and returns the root.
func (e *edit[E]) ownPath(p *path[E]) *node[E] {
	for i := range p.height {
		n := p.steps[i].node
		owned := e.own(n)
		if owned == n {
			continue
		}
		p.steps[i].node = owned
		if i > 0 {
			up := &p.steps[i-1]
			up.node.children[up.at].node = owned
		}
	}
	return p.steps[0].node
}

// replace puts an element in the place of the one that the path leads to, and
// returns the root and the element replaced. They must be equal in order.
func (e *edit[E]) replace(p *path[E], element E) (root *node[E], replaced E) {
	root = e.ownPath(p)
	s := p.leaf()
	replaced, s.node.elements[s.at] = s.node.elements[s.at], element
	for level := p.height - 2; level >= 0 && p.steps[level+1].at == 0; level-- {
		e.refresh(p.steps[level].node, p.steps[level].at)
	}
	return root, replaced
}

// insert puts an element where the path leads to, and returns the root.
func (e *edit[E]) insert(p *path[E], prefix uint64, element E) *node[E] {
	if p.height == 0 {
		n := e.leaf(1)
		e.insertElement(n, 0, prefix, element)
		return n
	}
	root := e.ownPath(p)
	right := e.insertLeaf(p, prefix, element)
	for level := p.height - 2; level >= 0; level-- {
		up := &p.steps[level]
		if right != nil {
			e.setChild(up.node, up.at, childOf(p.steps[level+1].node))
			right = e.insertInner(p, level, childOf(right))
			continue
		}
		up.node.children[up.at].count++
		if p.steps[level+1].at == 0 {
			e.refresh(up.node, up.at)
		}
	}
	if right == nil {
		return root
	}
	top := e.inner(2)
	e.insertChild(top, 0, childOf(root))
	e.insertChild(top, 1, childOf(right))
	return top
}

// insertLeaf puts an element into the leaf of a path. If that is full it is
// split, and its right part returned.
func (e *edit[E]) insertLeaf(p *path[E], prefix uint64, element E) (right *node[E]) {
	n, at := p.leaf().node, p.leaf().at
	if n.len() < e.width {
		e.insertElement(n, at, prefix, element)
		return nil
	}
	cut := e.cut(p, p.height-1, at)
	right = e.split(n, cut)
	if at > cut || cut == e.width {
		e.insertElement(right, at-cut, prefix, element)
	} else {
		e.insertElement(n, at, prefix, element)
	}
	return right
}

// insertInner puts a child behind the one that the path leads through at a
// level. If that node is full it is split, and its right part returned.
func (e *edit[E]) insertInner(p *path[E], level int, c child[E]) (right *node[E]) {
	n, at := p.steps[level].node, p.steps[level].at+1
	if n.len() < e.width {
		e.insertChild(n, at, c)
		return nil
	}
	cut := e.cut(p, level, at)
	right = e.split(n, cut)
	if at > cut || cut == e.width {
		e.insertChild(right, at-cut, c)
	} else {
		e.insertChild(n, at, c)
	}
	return right
}

// cut says where to split a full node for an item that is to be put in at a
// position: in the middle, but at an edge of the tree so that a full node stays
// behind. What grows at one end only is full then.
func (e *edit[E]) cut(p *path[E], level, at int) int {
	switch n := p.steps[level].node; {
	case at == e.width && p.last(level):
		return at
	case at == 0 && p.first(level), at == 1 && !n.leaf() && p.first(level):
		return at
	}
	return e.width / 2
}

// split moves everything from a position on into a new node. Either may be
// empty then; the caller puts something in.
func (e *edit[E]) split(n *node[E], at int) (right *node[E]) {
	right = e.part(n, at, n.len())
	if at < n.len() {
		e.keep(n, at)
	}
	return right
}
