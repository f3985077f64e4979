package boltpages

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// Walk says what is checked.
type Walk struct {
	Buckets []string // buckets that must exist
	// Visit, if set, gets every key in order. Its error ends the walk.
	Visit func(bucket string, key []byte, value Value) error
	// Only, if set, reports whether the keys in [low, high) matter; a nil high means to the end.
	// Pages with other keys are skipped, except for direct neighbours: bbolt reads these when it
	// merges pages.
	Only func(bucket string, low, high []byte) bool
}

// Value is the location of a key's value. It is read on request.
type Value struct {
	page     *page
	at, size int64
}

// Read reads the value.
func (v Value) Read() ([]byte, error) { return v.page.bytes(v.at, v.size) }

// tree is one walk through one file.
type tree struct {
	Walk
	r      io.ReaderAt
	meta   Meta
	seen   []uint64 // a bit for each page
	bucket string   // "" for the root
}

// Run checks a file of the given size and returns its newest root.
func (w Walk) Run(r io.ReaderAt, size int64) (Meta, error) {
	m, err := ReadMeta(r)
	if err != nil {
		return m, err
	}
	if m.pageSize < pageBytesMin || uint64(size)/uint64(m.pageSize) < m.pages {
		return m, &Fault{Offset: size, What: "the file is cut off"}
	}
	t := &tree{Walk: w, r: r, meta: m, seen: make([]uint64, m.pages/64+1)}
	var found []string
	err = t.root(func(name string) { found = append(found, name) })
	if err != nil {
		return m, err
	}
	for _, name := range w.Buckets {
		if !slices.Contains(found, name) {
			return m, &Fault{Offset: int64(m.root) * m.pageSize, What: "bucket " + name + " is not there"}
		}
	}
	if w.Only == nil && m.freelist != freelistNone {
		err = t.free()
	}
	return m, err
}

// root walks through the bucket of buckets and then through each of them.
func (t *tree) root(found func(name string)) error {
	var buckets []func() error
	err := t.walk(t.meta.root, bounds{}, func(p *page, e element) error {
		if !e.bucket {
			return p.fault(e.at, "the root holds what is no bucket")
		}
		name := string(e.key)
		found(name)
		value, err := p.bytes(e.at, e.size)
		if err != nil {
			return err
		}
		buckets = append(buckets, func() error {
			t.bucket = name
			return t.inBucket(p, e.at, value)
		})
		return nil
	})
	for _, walk := range buckets {
		if err == nil {
			err = walk()
		}
	}
	return err
}

// bucketBytes is the size of a bucket's header: its root page, and a sequence number that is not
// used here.
const bucketBytes = 16

// inBucket walks through a bucket. value holds its header, and all of it if the bucket is small.
func (t *tree) inBucket(holder *page, at int64, value []byte) error {
	if len(value) < bucketBytes {
		return holder.fault(at, "a bucket has %d bytes", len(value))
	}
	root := binary.NativeEndian.Uint64(value)
	inline := value[bucketBytes:]
	if root != 0 {
		if len(inline) > 0 {
			return holder.fault(at, "a bucket with pages of its own has %d bytes", len(value))
		}
		return t.walk(root, bounds{}, t.key)
	}
	if len(inline) < pageHeaderBytes {
		return holder.fault(at, "a bucket has %d bytes", len(value))
	}
	p := &page{r: t.r, at: holder.at + at + bucketBytes, head: inline, extent: int64(len(inline))}
	if overflow, err := parsePage(p, 0); err != nil || overflow != 0 || !p.leaf {
		return holder.fault(at, "a bucket's content is no page")
	}
	all, err := p.elements(1)
	for _, e := range all {
		if err == nil {
			err = t.key(p, e)
		}
	}
	return err
}

// key passes an element of a bucket to Visit.
func (t *tree) key(p *page, e element) error {
	if e.bucket {
		return p.fault(e.at, "bucket %s holds a bucket", t.bucket)
	}
	if t.Visit == nil {
		return nil
	}
	err := t.Visit(t.bucket, e.key, Value{p, e.at, e.size})
	if err != nil && !errors.As(err, new(*Fault)) {
		return &Fault{Offset: p.at + e.at, What: err.Error()}
	}
	return err
}

// bounds limits the keys of a page: at least low, and below high.
type bounds struct{ low, high []byte }

func (b bounds) hold(key []byte) bool {
	return bytes.Compare(key, b.low) >= 0 && (b.high == nil || bytes.Compare(key, b.high) < 0)
}

// walk goes through a page and everything below it.
func (t *tree) walk(number uint64, within bounds, visit func(*page, element) error) error {
	p, err := t.page(number)
	if err != nil {
		return err
	}
	all, err := p.elements(t.meta.pageSize)
	if err != nil {
		return err
	}
	if whole := within.low == nil && within.high == nil; len(all) == 0 && (!whole || !p.leaf) {
		return p.fault(10, "page %d is empty", number)
	}
	for _, e := range all {
		if !within.hold(e.key) {
			return p.fault(e.at, "page %d holds a key that belongs into another", number)
		}
	}
	if !p.leaf {
		return t.children(all, within, visit)
	}
	for _, e := range all {
		if err := visit(p, e); err != nil {
			return err
		}
	}
	return nil
}

// children walks through those child pages of a branch that matter, and their neighbours.
func (t *tree) children(all []element, within bounds, visit func(*page, element) error) error {
	part := func(i int) bounds {
		if i+1 < len(all) {
			return bounds{all[i].key, all[i+1].key}
		}
		return bounds{all[i].key, within.high}
	}
	matters := func(i int) bool {
		if i >= len(all) {
			return false
		}
		b := part(i)
		return t.Only == nil || t.bucket == "" || t.Only(t.bucket, b.low, b.high)
	}
	before, here := false, matters(0)
	for i, e := range all {
		next := matters(i + 1)
		if before || here || next {
			if err := t.walk(e.child, part(i), visit); err != nil {
				return err
			}
		}
		before, here = here, next
	}
	return nil
}

// page reads a page of the tree and claims it.
func (t *tree) page(number uint64) (*page, error) {
	p, err := t.read(number)
	if err != nil {
		return nil, err
	}
	overflow, err := parsePage(p, number)
	if err != nil {
		return nil, err
	}
	return p, t.claim(p, number, overflow)
}

// read reads the first part of a page, up to one page size.
func (t *tree) read(number uint64) (*page, error) {
	if number < 2 || number >= t.meta.pages {
		return nil, &Fault{What: "a page is named that there is not"}
	}
	p := &page{r: t.r, at: int64(number) * t.meta.pageSize, head: make([]byte, t.meta.pageSize)}
	if _, err := t.r.ReadAt(p.head, p.at); err != nil {
		return nil, &Fault{Offset: p.at, What: "it cannot be read", Err: err}
	}
	return p, nil
}

// claim marks a page and its overflow pages as reached. Each may be reached only once.
func (t *tree) claim(p *page, number uint64, overflow uint32) error {
	if uint64(overflow) >= t.meta.pages-number {
		return p.fault(12, "page %d reaches beyond the file's end", number)
	}
	p.extent = (int64(overflow) + 1) * t.meta.pageSize
	for n := number; n <= number+uint64(overflow); n++ {
		if !t.first(n) {
			return p.fault(0, "page %d is reached twice", n)
		}
	}
	return nil
}

// first marks a page and reports whether it was not marked before.
func (t *tree) first(number uint64) bool {
	bit := uint64(1) << (number % 64)
	seen := t.seen[number/64]&bit != 0
	t.seen[number/64] |= bit
	return !seen
}
