package keyspace

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// steps is the length of each random program; CI and a search for rare cases
// ask for more.
var steps = flag.Int("steps", 5000, "steps of each random program")

// model is the simplest keyspace: Go maps, sorted when an order is asked for.
type model struct {
	clockMS   int64
	databases [Databases]map[string]Draft
}

func newModel() *model {
	m := &model{}
	for i := range m.databases {
		m.databases[i] = map[string]Draft{}
	}
	return m
}

func (m *model) copy() *model {
	c := &model{clockMS: m.clockMS}
	for i := range m.databases {
		c.databases[i] = maps.Clone(m.databases[i])
	}
	return c
}

// ordered returns the objects of a database in hash order, with those past
// their deadline only if all.
func (m *model) ordered(k *Keyspace, db int, all bool) []Draft {
	objects := []Draft{}
	for _, o := range m.databases[db] {
		if all || !o.dueBy(m.clockMS) {
			objects = append(objects, o)
		}
	}
	slices.SortFunc(objects, func(a, b Draft) int {
		x, y := k.hash(a.Key), k.hash(b.Key)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return bytes.Compare(a.Key, b.Key)
	})
	return objects
}

func (m *model) purge(k *Keyspace, limit int) int {
	type candidate struct {
		db int
		o  Draft
	}
	var due []candidate
	for db := range m.databases {
		for _, o := range m.ordered(k, db, true) {
			if o.dueBy(m.clockMS) {
				due = append(due, candidate{db, o})
			}
		}
	}
	slices.SortStableFunc(due, func(a, b candidate) int {
		if a.o.DeadlineMS != b.o.DeadlineMS {
			return int(a.o.DeadlineMS - b.o.DeadlineMS)
		}
		return a.db - b.db
	})
	due = due[:min(limit, len(due))]
	for _, c := range due {
		delete(m.databases[c.db], string(c.o.Key))
	}
	return len(due)
}

// dueBy is Object.Due of what is not an object yet.
func (d *Draft) dueBy(clockMS int64) bool { return d.DeadlineMS != 0 && d.DeadlineMS <= clockMS }

func equal(a, b Draft) bool {
	return string(a.Key) == string(b.Key) && string(a.Str) == string(b.Str) && a.Encoding == b.Encoding &&
		a.DeadlineMS == b.DeadlineMS && a.AccessMS == b.AccessMS
}

// collect drains one of the Range methods.
func collect(walk func(func(*Object) bool)) []Draft {
	objects := []Draft{}
	walk(func(o *Object) bool {
		objects = append(objects, o.Draft())
		return true
	})
	return objects
}

func wantObjects(t *testing.T, what string, got, want []Draft) {
	t.Helper()
	if !slices.EqualFunc(got, want, equal) {
		t.Fatalf("%s: %d objects differ from the model's %d", what, len(got), len(want))
	}
}

// trial is one random program, run on a keyspace and on the model.
type trial struct {
	t        *testing.T
	random   *rand.Rand
	k        *Keyspace
	m        *model
	keys     int
	captures []*Capture
	copies   []*model
}

// value is short, or about as long as a block may be.
func (r *trial) value() []byte {
	b := fmt.Appendf(nil, "%d", r.random.Uint32())
	if r.random.IntN(20) == 0 {
		b = bytes.Repeat(b, (blockBytesMax+r.random.IntN(100)-50)/len(b))
	}
	return b
}

func (r *trial) step() {
	db := r.random.IntN(3)
	key := fmt.Sprintf("key-%d", r.random.IntN(r.keys))
	switch p := r.random.IntN(1000); {
	case p < 550:
		o := Draft{Key: []byte(key), Str: r.value(), Encoding: Encoding(r.random.IntN(3)), AccessMS: r.m.clockMS}
		if r.random.IntN(3) == 0 {
			o.DeadlineMS = max(1, r.m.clockMS+r.random.Int64N(2000)-100)
		}
		r.m.databases[db][key] = o
		r.k.Put(db, o)
	case p < 900:
		o, present := r.m.databases[db][key]
		present = present && !o.dueBy(r.m.clockMS)
		delete(r.m.databases[db], key)
		if got := r.k.Delete(db, []byte(key)); got != present {
			r.t.Fatalf("Delete(%s) = %v, the model says %v", key, got, present)
		}
	case p < 980:
		r.m.clockMS += r.random.Int64N(20)
		r.k.Advance(r.m.clockMS)
		r.k.Advance(r.m.clockMS - 5)
	case p < 990:
		limit := r.random.IntN(20)
		if got, want := r.k.Purge(limit), r.m.purge(r.k, limit); got != want {
			r.t.Fatalf("Purge(%d) = %d, the model says %d", limit, got, want)
		}
	case p < 996:
		other := r.random.IntN(3)
		r.k.Swap(db, other)
		r.m.databases[db], r.m.databases[other] = r.m.databases[other], r.m.databases[db]
	case p < 997 && r.random.IntN(4) == 0:
		r.k.Flush(db)
		r.m.databases[db] = map[string]Draft{}
	case p >= 997:
		r.captures = append(r.captures, r.k.Capture())
		r.copies = append(r.copies, r.m.copy())
	}
}

// compare asks every question that a keyspace answers.
func (r *trial) compare() {
	check(r.t, r.k)
	if r.k.ClockMS() != r.m.clockMS {
		r.t.Fatalf("the clock is %d, the model's %d", r.k.ClockMS(), r.m.clockMS)
	}
	earliest := int64(0)
	for db := range r.m.databases {
		r.compareDatabase(db)
		for _, o := range r.m.databases[db] {
			if o.DeadlineMS != 0 && (earliest == 0 || o.DeadlineMS < earliest) {
				earliest = o.DeadlineMS
			}
		}
	}
	if got, ok := r.k.NextDeadlineMS(); got != earliest || ok != (earliest != 0) {
		r.t.Fatalf("the next deadline is %d, the model's %d", got, earliest)
	}
}

func (r *trial) compareDatabase(db int) {
	want := r.m.ordered(r.k, db, false)
	wantObjects(r.t, "Range", collect(func(v func(*Object) bool) { r.k.Range(db, v) }), want)
	if r.k.Len(db) != len(want) {
		r.t.Fatalf("Len is %d, the model's %d", r.k.Len(db), len(want))
	}
	var scanned []Draft
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		cursor = r.k.Scan(db, cursor, 1+r.random.IntN(20), func(o *Object) { scanned = append(scanned, o.Draft()) })
	}
	wantObjects(r.t, "Scan", scanned, want)
	all := r.m.ordered(r.k, db, true)
	deadlines := 0
	for rank, o := range want {
		if got := r.k.Get(db, o.Key); got == nil || !equal(got.Draft(), o) {
			r.t.Fatalf("Get(%s) = %v, the model has %v", o.Key, got, o)
		}
		got := r.k.At(db, rank)
		if got == nil || got.Due(r.m.clockMS) || len(all) == len(want) && !equal(got.Draft(), o) {
			r.t.Fatalf("At(%d) = %v, the model has %v", rank, got, o)
		}
		if o.DeadlineMS != 0 {
			deadlines++
		}
	}
	if got, _ := r.k.Deadlines(db); got != deadlines {
		r.t.Fatalf("%d objects have deadlines, the model has %d", got, deadlines)
	}
	for _, o := range all {
		if o.dueBy(r.m.clockMS) && r.k.Get(db, o.Key) != nil {
			r.t.Fatalf("Get(%s) returns an object past its deadline", o.Key)
		}
	}
	if r.k.At(db, len(want)) != nil || r.k.At(db, -1) != nil {
		r.t.Fatal("At returns an object of no rank")
	}
}

func (r *trial) compareCaptures() {
	for i, c := range r.captures {
		if c.ClockMS() != r.copies[i].clockMS || c.HashKey() != r.k.HashKey() {
			r.t.Fatal("a capture's clock or hash key changed")
		}
		for db := range r.copies[i].databases {
			want := r.copies[i].ordered(r.k, db, true)
			if c.Len(db) != len(want) {
				r.t.Fatalf("a capture's Len is %d, the model's %d", c.Len(db), len(want))
			}
			wantObjects(r.t, "a capture", collect(func(v func(*Object) bool) { c.Range(db, v) }), want)
		}
	}
}

// TestKeyspaceEqualsAModelUnderRandomPrograms runs random programs on the
// keyspace and on plain maps: with the real hash, with one of a few distinct
// values, with one whose leading bits are all equal, and with equal hashes only.
func TestKeyspaceEqualsAModelUnderRandomPrograms(t *testing.T) {
	masks := map[string]uint64{
		"real hashes":        hashEnd - 1,
		"eight hashes":       7 << 60,
		"equal leading bits": 1<<20 - 1,
		"one hash":           0,
	}
	for name, mask := range masks {
		for _, keys := range []int{30, 900, 8000} {
			t.Run(fmt.Sprintf("%s, %d keys", name, keys), func(t *testing.T) {
				t.Parallel()
				r := &trial{t: t, random: rand.New(rand.NewPCG(uint64(keys), mask)), k: New([16]byte{7}), m: newModel(), keys: keys}
				r.k.hashMask = mask
				for step := range *steps {
					r.step()
					if step%1500 == 0 {
						r.compare()
					}
				}
				r.compare()
				r.compareCaptures()
			})
		}
	}
}
