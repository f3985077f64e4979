package keyspace

// Scan visits objects in hash order, beginning at cursor, and returns the cursor at which
// to continue, or 0 at the end. It stops once it has passed at least count objects.
// Expired objects count but are not visited, so that a step stays short even among a
// million of them. Objects with equal hashes are always passed together. Any cursor is
// valid. visit must not change the keyspace.
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

// At returns the object with a rank, 0 … Len-1, in hash order. While expired objects await
// their purge, the rank is scaled to all objects. If it then hits an expired one, At
// returns the next live object in (circular) hash order. So the result always exists, and
// is the same on every node.
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
