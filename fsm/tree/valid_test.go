package tree

import "fmt"

// item is an element of the tests: its order is (prefix, name).
type item struct {
	prefix uint64
	name   int
	value  int
}

// tie seeks an item by its name.
func tie(name int) func(*item) int {
	return func(i *item) int { return i.name - name }
}

func validOrdered(t *Ordered[*item]) error {
	v := validator{width: int(t.width), ordered: true}
	if err := v.tree(t.root, t.count); err != nil {
		return err
	}
	for _, i := range v.elements {
		if v.prefixes[0] != i.prefix {
			return fmt.Errorf("an item of prefix %d has prefix %d in its leaf", i.prefix, v.prefixes[0])
		}
		v.prefixes = v.prefixes[1:]
	}
	for i := 1; i < len(v.elements); i++ {
		if a, b := v.elements[i-1], v.elements[i]; a.prefix > b.prefix || a.prefix == b.prefix && a.name >= b.name {
			return fmt.Errorf("items %v and %v are out of order", *a, *b)
		}
	}
	return nil
}

func validSequence(t *Sequence[*item]) error {
	v := validator{width: int(t.width)}
	return v.tree(t.root, t.count)
}

// validator checks the invariants that node states, but for the order (5).
type validator struct {
	width    int
	ordered  bool
	depth    int // of the leaves; 0 until one was seen
	prefixes []uint64
	elements []*item
}

func (v *validator) tree(root *node[*item], count int) error {
	if root == nil {
		if count != 0 {
			return fmt.Errorf("an empty tree counts %d", count)
		}
		return nil
	}
	if !root.leaf() {
		if root.len() < 2 {
			return fmt.Errorf("an inner root has %d children", root.len())
		}
		if a, b := root.children[0].node, root.children[1].node; root.len() == 2 && a.len()+b.len() <= v.width {
			return fmt.Errorf("the root's two children, of %d and %d, fit into one", a.len(), b.len())
		}
	}
	if err := v.node(root, 1, true, true); err != nil {
		return err
	}
	if len(v.elements) != count {
		return fmt.Errorf("%d elements for a count of %d", len(v.elements), count)
	}
	return nil
}

func (v *validator) node(n *node[*item], depth int, left, right bool) error {
	least := max(2, v.width/fillDivisor)
	if left || right {
		least = 1
	}
	if n.len() < least || n.len() > v.width {
		return fmt.Errorf("a node of %d at depth %d, edges %v %v", n.len(), depth, left, right)
	}
	if err := v.slices(n); err != nil {
		return err
	}
	if n.leaf() {
		if v.depth != 0 && v.depth != depth {
			return fmt.Errorf("leaves at depths %d and %d", v.depth, depth)
		}
		v.depth = depth
		v.prefixes = append(v.prefixes, n.prefixes...)
		v.elements = append(v.elements, n.elements...)
		return nil
	}
	for i, c := range n.children {
		if v.ordered && (n.prefixes[i] != c.node.prefixes[0] || n.elements[i] != c.node.elements[0]) {
			return fmt.Errorf("child %d begins with %v, its parent says %v", i, *c.node.elements[0], *n.elements[i])
		}
		before := len(v.elements)
		if err := v.node(c.node, depth+1, left && i == 0, right && i == n.len()-1); err != nil {
			return err
		}
		if below := len(v.elements) - before; below != c.count {
			return fmt.Errorf("child %d has %d elements for a count of %d", i, below, c.count)
		}
	}
	return nil
}

// slices checks lengths and spare room of a node's slices.
func (v *validator) slices(n *node[*item]) error {
	prefixes, elements := n.len(), n.len()
	if !v.ordered {
		prefixes = 0
	}
	if !v.ordered && !n.leaf() {
		elements = 0
	}
	if len(n.prefixes) != prefixes || len(n.elements) != elements {
		return fmt.Errorf("a node of %d has %d prefixes and %d elements", n.len(), len(n.prefixes), len(n.elements))
	}
	for _, spare := range []int{cap(n.prefixes) - prefixes, cap(n.elements) - elements, cap(n.children) - len(n.children)} {
		if spare > n.len()/slackDivisor+slackMin+2 {
			return fmt.Errorf("a node of %d has room for %d more", n.len(), spare)
		}
	}
	return nil
}
