package keyspace

// Scan visits objects in hash order from cursor on and returns the cursor to go
// on from, 0 at the end. It ends when at least count objects have been passed;
// those past their deadline count as passed and are not visited, so that a step
// stays short among a million of them. Objects of equal hash are always passed
// together. Any cursor is valid. visit must not change the keyspace.
func (k *Keyspace) Scan(db int, cursor uint64, count int, visit func(*Object)) uint64 {
	passed, last, next := 0, uint64(0), uint64(0)
	k.databases[db].ascend(cursor, func(e entry) bool {
		if passed >= count && passed > 0 && e.hash != last {
			next = last + 1
			return false
		}
		passed++
		last = e.hash
		if !e.object.Due(k.clockMS) {
			visit(e.object)
		}
		return true
	})
	return next
}

// Range visits every object of a database in hash order until visit returns
// false. visit must not change the keyspace.
func (k *Keyspace) Range(db int, visit func(*Object) bool) {
	k.databases[db].ascend(0, func(e entry) bool {
		return e.object.Due(k.clockMS) || visit(e.object)
	})
}

// At returns the object of a rank, 0 … Len-1, in hash order. While objects past
// their deadline await their purge, the rank is stretched over them too, and
// the next object in (circular) hash order that is not past its deadline is
// returned: always one that exists, and the same on every node.
func (k *Keyspace) At(db int, rank int) *Object {
	d := k.databases[db]
	live := d.count - d.deadlines.due
	if rank < 0 || rank >= live {
		return nil
	}
	if live < d.count {
		rank = int(uint64(rank) * uint64(d.count) / uint64(live))
	}
	first := d.rank(rank)
	found := first.object
	if !found.Due(k.clockMS) {
		return found
	}
	alive := func(e entry) bool {
		found = e.object
		return found.Due(k.clockMS)
	}
	if d.ascend(first.hash, alive); found.Due(k.clockMS) {
		d.ascend(0, alive)
	}
	return found
}
