package tree

import (
	"sync"
	"sync/atomic"
	"testing"
)

// nodesMade counts the nodes of an epoch in a tree.
func nodesMade(n *node[*item], epoch uint64) int {
	made := 0
	if n.epoch == epoch {
		made = 1
	}
	for _, c := range n.children {
		made += nodesMade(c.node, epoch)
	}
	return made
}

// numbered returns a tree of the names 0 … n-1, made in an epoch.
func numbered(epoch Epoch, n int) *Ordered[*item] {
	return BuildOrdered(epoch, func(yield func(uint64, *item) bool) {
		for name := range n {
			if !yield(uint64(name), &item{uint64(name), name, 1}) {
				return
			}
		}
	})
}

// TestTheFirstChangeAfterACaptureCopiesOnePath counts nodes, and the next
// change of the same place copies nothing.
func TestTheFirstChangeAfterACaptureCopiesOnePath(t *testing.T) {
	const n = 20_000 // three levels
	tree := numbered(Epoch{Now: 1}, n)
	captured := Epoch{Now: 2, Captured: 2}
	tree = tree.Writable(captured)
	for range 2 {
		tree.Set(captured, 7, &item{7, 7, 2}, tie(7))
		if made := nodesMade(tree.root, 2); made != 3 {
			t.Fatalf("%d nodes of the new epoch", made)
		}
	}
}

// TestAShareCostsOtherTreesNothing changes two trees after a view of one.
func TestAShareCostsOtherTreesNothing(t *testing.T) {
	shared, other := numbered(Epoch{Now: 1}, 1000), numbered(Epoch{Now: 1}, 1000)
	view := shared.Share(2)
	epoch := Epoch{Now: 2}
	shared.Set(epoch, 7, &item{7, 7, 2}, tie(7))
	other.Set(epoch, 7, &item{7, 7, 2}, tie(7))
	if a, b := nodesMade(shared.root, 2), nodesMade(other.root, 2); a != 2 || b != 0 {
		t.Errorf("%d nodes of the shared tree were copied and %d of the other", a, b)
	}
	if old, _ := view.Get(7, tie(7)); old.value != 1 {
		t.Errorf("the view has changed: %v", *old)
	}
}

// TestASlowerReaderLowersNoMark has two readers raise the counter and share a
// tree in the other order; the node that the first one saw stays as it is.
func TestASlowerReaderLowersNoMark(t *testing.T) {
	tree := numbered(Epoch{Now: 1}, 10)
	tree.Share(2)
	tree.Set(Epoch{Now: 2}, 7, &item{7, 7, 2}, tie(7))
	view := tree.Share(4)
	tree.Share(3)
	tree.root.epoch = 3 // as if it had been made between both
	tree.Set(Epoch{Now: 4}, 7, &item{7, 7, 3}, tie(7))
	if old, _ := view.Get(7, tie(7)); old.value != 2 {
		t.Errorf("the view has changed: %v", *old)
	}
}

// TestAChangeThatOthersWouldSeePanics holds the tree against a caller who skips
// a step: Writable after a capture, or the counter after a Share.
func TestAChangeThatOthersWouldSeePanics(t *testing.T) {
	for title, epoch := range map[string]Epoch{
		"a captured tree": {Now: 2, Captured: 2},
		"a stale counter": {Now: 1},
	} {
		tree := numbered(Epoch{Now: 1}, 10)
		tree.Share(2)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was changed", title)
				}
			}()
			tree.DeleteAt(epoch, 0)
		}()
	}
}

// TestReadersWalkViewsBesideTheWriter has readers that share a tree under a
// read lock and walk it without, while a writer changes it and now and then
// captures it. What they see is what the tree held under the lock.
func TestReadersWalkViewsBesideTheWriter(t *testing.T) {
	const n, changes, readers = 3000, 20_000, 3
	var (
		lock    sync.RWMutex
		counter atomic.Uint64
		group   sync.WaitGroup
		done    atomic.Bool
		sum     = n // of all values, under the lock
	)
	counter.Store(1)
	epoch := Epoch{Now: 1}
	tree := numbered(epoch, n)
	compare := func(view *ordered[*item], want int) {
		got, last := 0, -1
		for _, i := range view.Ascend(0) {
			if got += i.value; i.name <= last {
				t.Errorf("%d follows %d", i.name, last)
			}
			last = i.name
		}
		if got != want {
			t.Errorf("a view sums up to %d, not to %d", got, want)
		}
	}
	for range readers {
		group.Go(func() {
			for !done.Load() {
				lock.RLock()
				view, want := tree.Share(counter.Add(1)), sum
				lock.RUnlock()
				compare(&view.ordered, want)
			}
		})
	}
	for i := range changes {
		lock.Lock()
		if i%1000 == 0 {
			captured, want := &tree.ordered, sum
			epoch.Captured = counter.Add(1)
			group.Go(func() { compare(captured, want) })
		}
		epoch.Now = counter.Load()
		tree = tree.Writable(epoch)
		name := i * 7919 % (2 * n)
		if old, found := tree.Delete(epoch, uint64(name), tie(name)); found {
			sum -= old.value
		} else {
			tree.Set(epoch, uint64(name), &item{uint64(name), name, i}, tie(name))
			sum += i
		}
		lock.Unlock()
	}
	done.Store(true)
	group.Wait()
}
