package tree

import (
	"fmt"
	"slices"
	"testing"
)

// listProgram runs operations, told by bytes, on a sequence and on a slice.
type listProgram struct {
	program
	list *Sequence[*item]
	kept []heldList
}

type heldList struct {
	view *sequence[*item]
	want []*item
}

func newListProgram(code []byte) *listProgram {
	p := &listProgram{program: program{code: code, epoch: Epoch{Now: 1, Captured: 1}}}
	p.list = NewSequence[*item](p.epoch)
	p.list.width = uint8(widthMin + p.next(3))
	return p
}

func (p *listProgram) insert(at int) {
	i := p.item(0)
	p.list.InsertAt(p.epoch, at, i)
	p.model = slices.Insert(p.model, at, i)
}

func (p *listProgram) operation() error {
	size := len(p.model)
	operation := p.next(64)
	p.list = p.list.Writable(p.epoch)
	switch {
	case operation < 14:
		p.insert(p.next(size + 1))
	case operation < 20 && size > 0:
		at := p.next(size)
		if removed := p.list.DeleteAt(p.epoch, at); removed != p.model[at] {
			return fmt.Errorf("deleteAt %d: %v", at, removed)
		}
		p.model = slices.Delete(p.model, at, at+1)
	case operation < 30 && size > 0:
		at, i := p.next(size), p.item(0)
		if replaced := p.list.Set(p.epoch, at, i); replaced != p.model[at] {
			return fmt.Errorf("set %d: %v", at, replaced)
		}
		p.model[at] = i
	case operation < 33:
		from := p.next(size + 1)
		to := from + p.next(size-from+1)
		p.list.DeleteRange(p.epoch, from, to)
		p.model = slices.Delete(p.model, from, to)
	case operation < 38:
		p.hold(p.next(3))
	case operation == 38:
		width := p.list.width
		p.list = NewSequence[*item](p.epoch)
		p.list.width = width
		p.list.fill(p.epoch, slices.Values(p.model))
	case operation < 50:
		for range p.next(20) {
			p.insert(len(p.model))
		}
	case operation < 58:
		for range p.next(20) {
			p.insert(0)
		}
	default:
		for range min(size, p.next(30)) {
			p.list.DeleteAt(p.epoch, 0)
			p.model = p.model[1:]
		}
	}
	return nil
}

func (p *listProgram) hold(how int) {
	p.epoch.Now++
	h := heldList{want: slices.Clone(p.model)}
	switch how {
	case 0:
		p.epoch.Captured = p.epoch.Now
		h.view = &p.list.sequence
	case 1:
		view := p.list.Share(p.epoch.Now)
		h.view = &view.sequence
	case 2:
		h.view = &p.list.sequence
		p.list = p.list.Clone(p.epoch.Now)
	}
	p.kept = append(p.kept, h)
	if len(p.kept) > 8 {
		p.kept = p.kept[1:]
	}
}

func (p *listProgram) step() error {
	if err := p.operation(); err != nil {
		return err
	}
	if err := validSequence(p.list); err != nil {
		return err
	}
	if got := slices.Collect(p.list.Ascend(0)); !slices.Equal(got, p.model) {
		return fmt.Errorf("%d elements differ from the %d of the slice", len(got), len(p.model))
	}
	from := p.next(len(p.model)+1) - 1
	if from >= 0 && p.list.At(from) != p.model[from] {
		return fmt.Errorf("at %d: %v", from, *p.list.At(from))
	}
	down := slices.Collect(p.list.Descend(from))
	if slices.Reverse(down); !slices.Equal(down, p.model[:from+1]) {
		return fmt.Errorf("down from %d: %d elements", from, len(down))
	}
	for i, h := range p.kept {
		if !slices.Equal(slices.Collect(h.view.Ascend(0)), h.want) {
			return fmt.Errorf("what was held as number %d has changed", i)
		}
	}
	return nil
}

// TestASequenceIsASlice runs random programs on high sequences of narrow nodes
// and compares every answer with a slice's. What was held must never change.
func TestASequenceIsASlice(t *testing.T) {
	for seed := range uint64(20) {
		p := newListProgram(randomCode(seed, 4000))
		for n := 0; len(p.code) > 0; n++ {
			if err := p.step(); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, n, err)
			}
		}
	}
}

// FuzzSequence looks for a program that TestASequenceIsASlice would fail on.
func FuzzSequence(f *testing.F) {
	f.Add(randomCode(1, 300))
	f.Fuzz(func(t *testing.T, code []byte) {
		p := newListProgram(code[:min(len(code), 3000)])
		for len(p.code) > 0 {
			if err := p.step(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
