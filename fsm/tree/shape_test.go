package tree

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// slots returns the bytes that nodes take, from a root down: the elements'
// prefixes and pointers with spare room, and what the nodes cost beside them.
func slots(n *node[*item]) int {
	if n == nil {
		return 0
	}
	bytes := int(unsafe.Sizeof(*n)) + 8*cap(n.prefixes) + 8*cap(n.elements) + int(unsafe.Sizeof(child[*item]{}))*cap(n.children)
	for _, c := range n.children {
		bytes += slots(c.node)
	}
	return bytes
}

// TestATreeThatHasLivedIsNotMuchLarger compares the nodes of trees with long
// histories with those of trees built of the same elements anew.
func TestATreeThatHasLivedIsNotMuchLarger(t *testing.T) {
	const n = 100_000
	epoch := Epoch{Now: 1}
	random := rand.New(rand.NewPCG(1, 2))
	full := func() *Ordered[*item] {
		tree := NewOrdered[*item](epoch)
		for name := range n {
			i := &item{random.Uint64(), name, 0}
			tree.Set(epoch, i.prefix, i, tie(name))
		}
		return tree
	}
	for title, live := range map[string]func() *Ordered[*item]{
		"random insertions": full,
		"nine of ten deleted at random": func() *Ordered[*item] {
			tree := full()
			for tree.Len() > n/10 {
				tree.DeleteAt(epoch, random.IntN(tree.Len()))
			}
			return tree
		},
		"thousand short ranges deleted": func() *Ordered[*item] {
			tree := full()
			for range 1000 {
				from := random.IntN(tree.Len() - 90)
				tree.DeleteRange(epoch, from, from+90)
			}
			return tree
		},
		"all but the ends deleted": func() *Ordered[*item] {
			tree := full()
			tree.DeleteRange(epoch, 1, n-1)
			return tree
		},
		"all but a middle deleted": func() *Ordered[*item] {
			tree := full()
			tree.DeleteRange(epoch, n/2+3, n)
			tree.DeleteRange(epoch, 0, n/2-3)
			return tree
		},
		"a queue": func() *Ordered[*item] {
			tree := NewOrdered[*item](epoch)
			for name := range n {
				tree.Set(epoch, uint64(name), &item{uint64(name), name, 0}, tie(name))
				if tree.Len() > 1000 {
					tree.DeleteAt(epoch, 0)
				}
			}
			return tree
		},
	} {
		tree := live()
		if err := validOrdered(tree); err != nil {
			t.Fatalf("%s: %v", title, err)
		}
		anew := BuildOrdered(epoch, tree.Ascend(0))
		if lived, built := slots(tree.root), slots(anew.root); lived > built+built*2/5+200 {
			t.Errorf("%s: %d bytes for %d elements, %d anew", title, lived, tree.Len(), built)
		}
	}
}

// TestAppendingLeavesFullNodes grows trees at either end: streams, queues and
// restores do.
func TestAppendingLeavesFullNodes(t *testing.T) {
	const n = 10_000
	epoch := Epoch{Now: 1}
	back, front := NewSequence[*item](epoch), NewSequence[*item](epoch)
	items := make([]*item, n)
	for i := range items {
		items[i] = &item{name: i}
		back.InsertAt(epoch, i, items[i])
		front.InsertAt(epoch, 0, items[i])
	}
	anew := slots(BuildSequence(epoch, slices.Values(items)).root)
	for title, tree := range map[string]*Sequence[*item]{"back": back, "front": front} {
		if grown := slots(tree.root); grown > anew+anew/50 {
			t.Errorf("%s: %d bytes, %d built anew", title, grown, anew)
		}
	}
}

// TestATreeThatIsBuiltIsValid builds trees of many sizes at the width that is
// used: the last nodes of each level give their spare room back.
func TestATreeThatIsBuiltIsValid(t *testing.T) {
	for _, n := range []int{0, 1, 10, 63, 64, 65, 100, 4095, 4096, 4097, 10_000} {
		tree := numbered(Epoch{Now: 1}, n)
		if err := validOrdered(tree); err != nil {
			t.Errorf("%d elements: %v", n, err)
		}
	}
}
