package tree

import "math/bits"

// lowerBound returns the position of the first prefix that is at least the one
// sought. It steps by the borrow of a subtraction, so that there is no branch
// for a processor to guess wrong.
func lowerBound(prefixes []uint64, prefix uint64) int {
	base, n := 0, len(prefixes)
	for n > 1 {
		half := n >> 1
		_, below := bits.Sub64(prefixes[base+half-1], prefix, 0)
		base += half & -int(below)
		n -= half
	}
	if n == 1 {
		_, below := bits.Sub64(prefixes[base], prefix, 0)
		base += int(below)
	}
	return base
}

// find returns the position of the element sought, or where it would be.
func (n *node[E]) find(prefix uint64, tie func(E) int) (at int, found bool) {
	at = lowerBound(n.prefixes, prefix)
	if tie == nil {
		return at, false
	}
	end := at
	if end < len(n.prefixes) && n.prefixes[end] == prefix {
		end++ // mostly the only one
	}
	if end < len(n.prefixes) && n.prefixes[end] == prefix {
		end = len(n.prefixes)
		if prefix < ^uint64(0) {
			end = at + lowerBound(n.prefixes[at:], prefix+1)
		}
	}
	for at < end {
		middle := int(uint(at+end) >> 1)
		switch c := tie(n.elements[middle]); {
		case c == 0:
			return middle, true
		case c < 0:
			at = middle + 1
		default:
			end = middle
		}
	}
	return at, false
}

// get returns the element sought.
func get[E any](n *node[E], prefix uint64, tie func(E) int) (element E, found bool) {
	for n != nil {
		at, exact := n.find(prefix, tie)
		if n.leaf() {
			if !exact {
				break
			}
			return n.elements[at], true
		}
		if !exact && at > 0 {
			at--
		}
		n = n.children[at].node
	}
	return element, false
}

// locate returns the leaf and the position in it of a rank below the node's count.
func locate[E any](n *node[E], rank int) (*node[E], int) {
	for !n.leaf() {
		i := 0
		for ; rank >= n.children[i].count; i++ {
			rank -= n.children[i].count
		}
		n = n.children[i].node
	}
	return n, rank
}

// path is the way from the root to a position in a leaf. The zero path leads nowhere.
type path[E any] struct {
	height int
	steps  [heightMax]step[E] // of which the first height are used
}

// step is a node and a position in it.
type step[E any] struct {
	node *node[E]
	at   int
}

func (p *path[E]) push(n *node[E], at int) {
	p.steps[p.height] = step[E]{n, at}
	p.height++
}

// leaf returns the last step.
func (p *path[E]) leaf() *step[E] { return &p.steps[p.height-1] }

// search leads to the element sought, or to where it would be inserted.
func (p *path[E]) search(n *node[E], prefix uint64, tie func(E) int) (found bool) {
	for n != nil {
		at, exact := n.find(prefix, tie)
		if n.leaf() {
			p.push(n, at)
			return exact
		}
		if !exact && at > 0 {
			at--
		}
		p.push(n, at)
		n = n.children[at].node
	}
	return false
}

// seek leads to a rank. The count of all elements leads behind the last one.
func (p *path[E]) seek(n *node[E], rank int) {
	for n != nil {
		if n.leaf() {
			p.push(n, rank)
			return
		}
		i := 0
		for ; i < len(n.children)-1 && rank >= n.children[i].count; i++ {
			rank -= n.children[i].count
		}
		p.push(n, i)
		n = n.children[i].node
	}
}

// rank returns how many elements are before the position.
func (p *path[E]) rank() int {
	rank := 0
	for i := range p.height {
		s := &p.steps[i]
		if s.node.leaf() {
			return rank + s.at
		}
		for _, c := range s.node.children[:s.at] {
			rank += c.count
		}
	}
	return rank
}

// next leads to the first element of the next leaf, if there is one.
func (p *path[E]) next() bool {
	level := p.height - 2
	for level >= 0 && p.steps[level].at == p.steps[level].node.len()-1 {
		level--
	}
	if level < 0 {
		return false
	}
	for p.steps[level].at++; level < p.height-1; level++ {
		p.steps[level+1] = step[E]{node: p.steps[level].node.children[p.steps[level].at].node}
	}
	return true
}

// previous leads to the last element of the leaf before, if there is one.
func (p *path[E]) previous() bool {
	level := p.height - 2
	for level >= 0 && p.steps[level].at == 0 {
		level--
	}
	if level < 0 {
		return false
	}
	for p.steps[level].at--; level < p.height-1; level++ {
		n := p.steps[level].node.children[p.steps[level].at].node
		p.steps[level+1] = step[E]{n, n.len() - 1}
	}
	return true
}

// first reports whether the node of a level is on the left edge of the tree.
func (p *path[E]) first(level int) bool {
	for _, s := range p.steps[:level] {
		if s.at != 0 {
			return false
		}
	}
	return true
}

// last reports whether the node of a level is on the right edge of the tree.
func (p *path[E]) last(level int) bool {
	for _, s := range p.steps[:level] {
		if s.at != s.node.len()-1 {
			return false
		}
	}
	return true
}
