package keyspace

import (
	"fmt"
	"testing"
)

// check fails the test unless every invariant that the types state holds.
func check(t *testing.T, k *Keyspace) {
	t.Helper()
	for i, d := range k.databases {
		if err := valid(k, d); err != nil {
			t.Fatalf("database %d: %v", i, err)
		}
	}
}

func valid(k *Keyspace, d *database) error {
	var depths [hashBits + 1]uint32
	blocks := make([]uint32, 1<<blockBits)
	count, deadlines, due := 0, 0, 0
	if pages := (d.width() + pageSlots - 1) / pageSlots; !d.empty() && len(d.pages) != pages {
		return fmt.Errorf("%d pages of depth %d", len(d.pages), d.depth)
	}
	for slot := 0; !d.empty() && slot < d.width(); {
		b := d.bucket(slot)
		first, end := d.span(slot)
		if first != slot || end > d.width() {
			return fmt.Errorf("a bucket of depth %d begins at slot %d of depth %d", b.depth, slot, d.depth)
		}
		for ; slot < end; slot++ {
			if d.bucket(slot) != b {
				return fmt.Errorf("slot %d has another bucket than %d", slot, first)
			}
		}
		depths[b.depth]++
		for i, e := range b.entries {
			if e.hash != k.hash([]byte(e.object.Key())) || d.bucket(d.slot(e.hash)) != b {
				return fmt.Errorf("key %q is in the wrong bucket", e.object.Key())
			}
			if i > 0 {
				if last := b.entries[i-1]; last.hash > e.hash || last.hash == e.hash && last.object.Key() >= e.object.Key() {
					return fmt.Errorf("keys %q and %q are out of order", last.object.Key(), e.object.Key())
				}
			}
			count++
			blocks[e.hash>>(hashBits-blockBits)]++
			if e.object.DeadlineMS() == 0 {
				continue
			}
			deadlines++
			if e.object.Due(k.clockMS) {
				due++
			}
			if found, ok := d.deadlines.tree.Get(deadline{e.object.DeadlineMS(), e.hash, e.object}); !ok || found.object != e.object {
				return fmt.Errorf("key %q is not in the index of deadlines", e.object.Key())
			}
		}
	}
	for i, n := range d.blocks {
		if blocks[i] != n {
			return fmt.Errorf("block %d counts %d, has %d", i, n, blocks[i])
		}
	}
	if count != d.count || depths != d.depths || deadlines != d.deadlines.len() || due != d.deadlines.due {
		return fmt.Errorf("counts: %d objects for %d, %d deadlines for %d, %d due for %d, depths %v for %v", d.count,
			count, d.deadlines.len(), deadlines, d.deadlines.due, due, d.depths, depths)
	}
	return nil
}
