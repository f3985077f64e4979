package tree

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
)

// program runs operations, told by bytes, on a tree and on a sorted slice.
type program struct {
	code  []byte
	epoch Epoch
	tree  *Ordered[*item]
	model []*item
	held  []held
	equal bool // all items have one prefix, the largest
	value int
}

// held is something that must never change, and what it held when it was made.
type held struct {
	name string
	view *ordered[*item]
	want []*item
}

func newProgram(code []byte) *program {
	p := &program{code: code, epoch: Epoch{Now: 1, Captured: 1}}
	p.equal = p.next(2) == 1
	p.tree = NewOrdered[*item](p.epoch)
	p.tree.width = uint8(widthMin + p.next(3))
	return p
}

// next draws a number below n from the code.
func (p *program) next(n int) int {
	drawn := 0
	for range 2 {
		if len(p.code) > 0 {
			drawn = drawn<<8 | int(p.code[0])
			p.code = p.code[1:]
		}
	}
	return drawn % n
}

func (p *program) item(name int) *item {
	p.value++
	if p.equal {
		return &item{^uint64(0), name, p.value}
	}
	return &item{uint64(name+1000) / 4, name, p.value}
}

// position returns where the model has an item, or would have it.
func (p *program) position(i *item) (int, bool) {
	return sort.Find(len(p.model), func(at int) int {
		if other := p.model[at]; other.prefix != i.prefix {
			return int(i.prefix - other.prefix)
		}
		return i.name - p.model[at].name
	})
}

func (p *program) set(name int) error {
	i := p.item(name)
	at, found := p.position(i)
	p.tree = p.tree.Writable(p.epoch)
	replaced, was := p.tree.Set(p.epoch, i.prefix, i, tie(name))
	if was != found || was && replaced != p.model[at] {
		return fmt.Errorf("set %d: found %v and %v", name, was, replaced)
	}
	if found {
		p.model[at] = i
	} else {
		p.model = slices.Insert(p.model, at, i)
	}
	return nil
}

func (p *program) delete(name int) error {
	i := p.item(name)
	at, found := p.position(i)
	p.tree = p.tree.Writable(p.epoch)
	removed, was := p.tree.Delete(p.epoch, i.prefix, tie(name))
	if was != found || was && removed != p.model[at] {
		return fmt.Errorf("delete %d: found %v and %v", name, was, removed)
	}
	if found {
		p.model = slices.Delete(p.model, at, at+1)
	}
	return nil
}

func (p *program) deleteAt(rank int) error {
	p.tree = p.tree.Writable(p.epoch)
	if removed := p.tree.DeleteAt(p.epoch, rank); removed != p.model[rank] {
		return fmt.Errorf("deleteAt %d: %v", rank, removed)
	}
	p.model = slices.Delete(p.model, rank, rank+1)
	return nil
}

func (p *program) deleteRange(from, to int) {
	p.tree = p.tree.Writable(p.epoch)
	p.tree.DeleteRange(p.epoch, from, to)
	p.model = slices.Delete(p.model, from, to)
}

// look compares what readers can ask.
func (p *program) look(name int) error {
	i := p.item(name)
	at, found := p.position(i)
	if got, was := p.tree.Get(i.prefix, tie(name)); was != found || was && got != p.model[at] {
		return fmt.Errorf("get %d: %v, %v", name, got, was)
	}
	if rank, was := p.tree.Rank(i.prefix, tie(name)); rank != at || was != found {
		return fmt.Errorf("rank of %d: %d, %v", name, rank, was)
	}
	first := sort.Search(len(p.model), func(at int) bool { return p.model[at].prefix >= i.prefix })
	if rank, was := p.tree.Rank(i.prefix, nil); rank != first || was {
		return fmt.Errorf("rank of the prefix of %d: %d, %v", name, rank, was)
	}
	for rank := range p.model {
		if prefix, got := p.tree.At(rank); got != p.model[rank] || prefix != got.prefix {
			return fmt.Errorf("at %d: %v", rank, *got)
		}
	}
	var up, down []*item
	for _, i := range p.tree.Ascend(at) {
		up = append(up, i)
	}
	for _, i := range p.tree.Descend(at - 1) {
		down = append(down, i)
	}
	slices.Reverse(down)
	if !slices.Equal(append(down, up...), p.model) {
		return fmt.Errorf("down and up from %d: %d and %d elements of %d", at, len(down), len(up), len(p.model))
	}
	return nil
}

// hold keeps what a capture, a view or a first of two clones must go on holding.
func (p *program) hold(how int) {
	p.epoch.Now++
	h := held{want: slices.Clone(p.model)}
	switch how {
	case 0:
		p.epoch.Captured = p.epoch.Now
		h.name, h.view = "capture", &p.tree.ordered
	case 1:
		view := p.tree.Share(p.epoch.Now)
		h.name, h.view = "view", &view.ordered
	case 2:
		h.name, h.view = "clone", &p.tree.ordered
		p.tree = p.tree.Clone(p.epoch.Now)
	}
	p.held = append(p.held, h)
	if len(p.held) > 8 {
		p.held = p.held[1:]
	}
}

func (p *program) rebuild() {
	width := p.tree.width
	p.tree = NewOrdered[*item](p.epoch)
	p.tree.width = width
	p.tree.fill(p.epoch, func(yield func(uint64, *item) bool) {
		for _, i := range p.model {
			if !yield(i.prefix, i) {
				return
			}
		}
	})
}

// burst inserts or deletes neighbours, one after the other.
func (p *program) burst() (err error) {
	name, down, gone := p.next(1000), p.next(2), p.next(3) == 0
	for i := range 2 * p.next(20) {
		if down == 1 {
			i = -i
		}
		if gone {
			err = p.delete(name + i)
		} else {
			err = p.set(name + i)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// step runs one operation and checks everything after it.
func (p *program) step() error {
	err := p.operation()
	if err == nil {
		err = validOrdered(p.tree)
	}
	if err == nil && p.tree.Len() != len(p.model) {
		err = fmt.Errorf("%d elements, not %d", p.tree.Len(), len(p.model))
	}
	for _, h := range p.held {
		if err == nil && !slices.Equal(slices.Collect(values(h.view)), h.want) {
			err = fmt.Errorf("a %s has changed", h.name)
		}
	}
	return err
}

func (p *program) operation() error {
	size := len(p.model)
	switch operation := p.next(64); {
	case operation < 20:
		return p.set(p.next(1000))
	case operation < 32:
		return p.delete(p.next(1000))
	case operation < 40 && size > 0:
		return p.deleteAt(p.next(size))
	case operation < 42:
		from := p.next(size + 1)
		p.deleteRange(from, from+p.next(min(size-from, 30)+1))
	case operation == 42:
		from := p.next(size + 1)
		p.deleteRange(from, from+p.next(size-from+1))
	case operation < 50:
		return p.look(p.next(1000))
	case operation < 56:
		p.hold(p.next(3))
	case operation == 56:
		p.rebuild()
	default:
		return p.burst()
	}
	return nil
}

// values drops the prefixes of a view's elements.
func values(o *ordered[*item]) func(yield func(*item) bool) {
	return func(yield func(*item) bool) {
		for _, i := range o.Ascend(0) {
			if !yield(i) {
				return
			}
		}
	}
}

// randomCode returns bytes of a program.
func randomCode(seed uint64, size int) []byte {
	code := make([]byte, size)
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = source.Read(code) // never fails
	return code
}

// TestAnOrderedTreeIsASortedSlice runs random programs on high trees of narrow
// nodes and compares every answer with a sorted slice's. Captures, views and
// clones that were made on the way must never change.
func TestAnOrderedTreeIsASortedSlice(t *testing.T) {
	for seed := range uint64(20) {
		p := newProgram(randomCode(seed, 6000))
		for n := 0; len(p.code) > 0; n++ {
			if err := p.step(); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, n, err)
			}
		}
	}
}

// FuzzOrdered looks for a program that TestAnOrderedTreeIsASortedSlice would fail on.
func FuzzOrdered(f *testing.F) {
	f.Add(randomCode(1, 300))
	f.Fuzz(func(t *testing.T, code []byte) {
		p := newProgram(code[:min(len(code), 3000)])
		for len(p.code) > 0 {
			if err := p.step(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestAnOrderOfInsertionsIsNotObservable builds one set of elements in several
// ways: everything that can be asked is the same.
func TestAnOrderOfInsertionsIsNotObservable(t *testing.T) {
	const n = 3000
	epoch := Epoch{Now: 1}
	items := map[int]*item{}
	for name := range n {
		items[name] = &item{uint64(name) * 0x9E3779B97F4A7C15 >> 40, name, 0}
	}
	grown, shrunk := NewOrdered[*item](epoch), NewOrdered[*item](epoch)
	for name := range n {
		grown.Set(epoch, items[name].prefix, items[name], tie(name))
	}
	for name := range 2 * n {
		i := &item{uint64(name) * 0x9E3779B97F4A7C15 >> 40, name, 0}
		if name < n {
			i = items[name]
		}
		shrunk.Set(epoch, i.prefix, i, tie(name))
	}
	for name := 2*n - 1; name >= n; name-- {
		shrunk.Delete(epoch, uint64(name)*0x9E3779B97F4A7C15>>40, tie(name))
	}
	order := slices.SortedFunc(maps.Values(items), func(a, b *item) int {
		if a.prefix != b.prefix {
			return int(a.prefix) - int(b.prefix)
		}
		return a.name - b.name
	})
	for rank, i := range order {
		for _, tree := range []*Ordered[*item]{grown, shrunk} {
			if _, got := tree.At(rank); got != i {
				t.Fatalf("rank %d: %v, not %v", rank, *got, *i)
			}
			if got, found := tree.Rank(i.prefix, tie(i.name)); got != rank || !found {
				t.Fatalf("the rank of %v is %d", *i, got)
			}
		}
	}
}
