// Package boltfile reads the files of bbolt by hand, without trust: bbolt panics, on
// goroutines of its own too, or reads beyond its mapping, where a page is not what
// it should be, and falls back to its last state but one, without a word, where the
// last one is damaged.
//
// What bbolt does not protect by a checksum, the values and what they belong to, is
// not protected here: whoever stores a value adds a checksum.
package boltfile

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"runtime/debug"
	"slices"

	"golang.org/x/sys/unix"
)

// The layout of a bbolt file, of its internal/common.
const (
	metaMagic    = 0xED0CDAED
	pageHeader   = 16
	elementBytes = 16
	metaBytes    = 64 // to the end of the checksum
	noFreelist   = ^uint64(0)

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketFlag   = 0x01

	// depthMax bounds how deep pages lie below a bucket.
	depthMax = 16
	// pageBytesMax is the largest page that is looked for.
	pageBytesMax = 64 << 10
)

// content is a bbolt file, as one of its two states has it.
type content struct {
	data     []byte
	pageSize int
	root     uint64 // page of the root bucket
	freelist uint64
	pages    uint64 // that are in use or free: the rest of the file was never used
	txid     uint64
	used     []bool // by page
}

// Buckets is what a file holds: values by bucket and key.
type Buckets map[string]map[string][]byte

// Read reads a file whole and checks its structure: the pages are what they say,
// each is used once or free, and keys are in order. Of the two states it takes the
// newest that fits its checksum, as bbolt does.
func Read(data []byte) (Buckets, error) {
	states := statesOf(data)
	if len(states) == 0 {
		return nil, errNoState
	}
	buckets := Buckets{}
	return buckets, states[0].read(func(bucket, key string, value []byte) {
		if buckets[bucket] == nil {
			buckets[bucket] = map[string][]byte{}
		}
		if value != nil {
			buckets[bucket][key] = value
		}
	})
}

var errNoState = errors.New("neither of its two states fits its checksum")

// CheckFile checks the structure of the file at path, as Read does. Both of its states
// must fit: one that does not was damaged, since bbolt writes a state into one
// sector, and what was stored last would be gone.
func CheckFile(path string) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return errors.New("it is empty")
	}
	data, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return &os.PathError{Op: "map", Path: path, Err: err}
	}
	defer unix.Munmap(data)
	// A sector that the disk cannot read is a fault in a mapping.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = &os.PathError{Op: "read", Path: path, Err: unix.EIO}
		}
	}()
	switch states := statesOf(data); len(states) {
	case 0:
		return errNoState
	case 1:
		return errors.New("one of its two states does not fit its checksum")
	default:
		return states[0].read(func(string, string, []byte) {})
	}
}

// read visits the buckets, each once without a key, and their values.
func (c *content) read(visit func(bucket, key string, value []byte)) error {
	if c.pages < 2 || c.pages > uint64(len(c.data)/c.pageSize) {
		return fmt.Errorf("it has %d bytes and should have %d pages of %d", len(c.data), c.pages, c.pageSize)
	}
	c.used = make([]bool, c.pages)
	c.used[0], c.used[1] = true, true
	err := c.walk(c.root, span{}, 0, func(flags uint32, name string, value []byte) error {
		if flags != bucketFlag {
			return fmt.Errorf("%q is no bucket", name)
		}
		visit(name, "", nil)
		return c.bucket(value, func(flags uint32, key string, value []byte) error {
			if flags != 0 {
				return fmt.Errorf("%q is a bucket in a bucket", key)
			}
			visit(name, key, value)
			return nil
		})
	})
	if err != nil {
		return err
	}
	return c.checkFree()
}

// statesOf finds the states that fit their checksum, the newest first.
func statesOf(data []byte) []*content {
	var states []*content
	// The size of a page is known from a state, so it is tried.
	for size := 1 << 10; size <= pageBytesMax; size *= 2 {
		for page := range 2 {
			if c, ok := stateAt(data, size, page); ok {
				states = append(states, c)
			}
		}
	}
	slices.SortFunc(states, func(a, b *content) int { return cmp.Compare(b.txid, a.txid) })
	return states
}

func stateAt(data []byte, pageSize, page int) (*content, bool) {
	at := page * pageSize
	if at+pageHeader+metaBytes > len(data) {
		return nil, false
	}
	meta := data[at+pageHeader:]
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(meta[at:]) }
	sum := fnv.New64a()
	sum.Write(meta[:metaBytes-8])
	if binary.LittleEndian.Uint32(meta) != metaMagic || u64(metaBytes-8) != sum.Sum64() ||
		int(binary.LittleEndian.Uint32(meta[8:])) != pageSize {
		return nil, false
	}
	return &content{data: data, pageSize: pageSize, root: u64(16), freelist: u64(32), pages: u64(40), txid: u64(48)}, true
}

// page returns a page with those that it overflows into, and marks them as used.
func (c *content) page(id uint64) (kind uint16, count int, page []byte, err error) {
	if id < 2 || id >= c.pages {
		return 0, 0, nil, fmt.Errorf("page %d is not in the file", id)
	}
	page = c.data[id*uint64(c.pageSize):]
	overflow := uint64(binary.LittleEndian.Uint32(page[12:]))
	if own := binary.LittleEndian.Uint64(page); own != id || id+overflow >= c.pages {
		return 0, 0, nil, fmt.Errorf("page %d says that it is page %d with %d more", id, own, overflow)
	}
	for i := id; i <= id+overflow; i++ {
		if c.used[i] {
			return 0, 0, nil, fmt.Errorf("page %d is used twice", i)
		}
		c.used[i] = true
	}
	kind, count = binary.LittleEndian.Uint16(page[8:]), int(binary.LittleEndian.Uint16(page[10:]))
	return kind, count, page[:(overflow+1)*uint64(c.pageSize)], nil
}

// visitor gets each element of a bucket.
type visitor func(flags uint32, key string, value []byte) error

// span is between which keys, the second left out, those of a page lie; "" is no bound.
type span struct{ from, to string }

func (s span) holds(key string) bool { return key >= s.from && (s.to == "" || key < s.to) }

// bucket walks a bucket, which has a page of its own or lies in its parent's.
func (c *content) bucket(header []byte, visit visitor) error {
	if len(header) < pageHeader {
		return errors.New("a bucket without a header")
	}
	if root := binary.LittleEndian.Uint64(header); root != 0 {
		return c.walk(root, span{}, 0, visit)
	}
	page := header[pageHeader:]
	if len(page) < pageHeader || binary.LittleEndian.Uint16(page[8:]) != leafPage {
		return errors.New("a bucket in its parent's page that is no leaf")
	}
	return leaf(page, int(binary.LittleEndian.Uint16(page[10:])), span{}, visit)
}

// walk visits what a page holds and those below it.
func (c *content) walk(id uint64, keys span, depth int, visit visitor) error {
	kind, count, page, err := c.page(id)
	if err != nil {
		return err
	}
	switch {
	case depth > depthMax:
		return fmt.Errorf("page %d lies too deep", id)
	case kind == leafPage:
		if err := leaf(page, count, keys, visit); err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
		return nil
	case kind != branchPage || count == 0:
		return fmt.Errorf("page %d is of kind %x with %d elements", id, kind, count)
	}
	for i := range count {
		below, err := branch(page, i, count)
		if err != nil || !keys.holds(below.from) || below.to != "" && !keys.holds(below.to) {
			return fmt.Errorf("page %d: element %d is out of order or reaches beyond the page", id, i)
		}
		if i == 0 { // a smaller key may have come since
			below.from = keys.from
		}
		if i == count-1 {
			below.to = keys.to
		}
		if err := c.walk(binary.LittleEndian.Uint64(page[pageHeader+i*elementBytes+8:]), below, depth+1, visit); err != nil {
			return err
		}
	}
	return nil
}

var errBeyond = errors.New("an element reaches beyond the page")

// branch is between which keys those below element i lie.
func branch(page []byte, i, count int) (below span, err error) {
	key := func(i int) (string, error) {
		at := pageHeader + i*elementBytes
		if at+elementBytes > len(page) {
			return "", errBeyond
		}
		from, size := at+int(binary.LittleEndian.Uint32(page[at:])), int(binary.LittleEndian.Uint32(page[at+4:]))
		if from > len(page) || size > len(page)-from {
			return "", errBeyond
		}
		return string(page[from : from+size]), nil
	}
	if below.from, err = key(i); err != nil || i == count-1 {
		return below, err
	}
	if below.to, err = key(i + 1); err == nil && below.to <= below.from {
		err = errors.New("the keys are out of order")
	}
	return below, err
}

// leaf visits the elements of a leaf page, in order.
func leaf(page []byte, count int, keys span, visit visitor) error {
	last := ""
	for i := range count {
		at := pageHeader + i*elementBytes
		if at+elementBytes > len(page) {
			return errBeyond
		}
		field := func(n int) int { return int(binary.LittleEndian.Uint32(page[at+4*n:])) }
		from := at + field(1)
		if from > len(page) || field(2) > len(page)-from || field(3) > len(page)-from-field(2) {
			return errBeyond
		}
		key, value := string(page[from:from+field(2)]), page[from+field(2):from+field(2)+field(3)]
		if i > 0 && key <= last || !keys.holds(key) {
			return fmt.Errorf("key %q is out of order", key)
		}
		last = key
		if err := visit(uint32(field(0)), key, value); err != nil {
			return err
		}
	}
	return nil
}

// checkFree checks that every page that is not used is free, and no other.
func (c *content) checkFree() error {
	if c.freelist == noFreelist {
		return nil // found again at every open
	}
	kind, count, page, err := c.page(c.freelist)
	if err != nil {
		return fmt.Errorf("the list of free pages: %w", err)
	}
	if kind != freelistPage {
		return fmt.Errorf("the list of free pages is of kind %x", kind)
	}
	at := pageHeader
	if count == 0xFFFF { // too many for the field
		count, at = int(binary.LittleEndian.Uint64(page[at:])), at+8
	}
	if count < 0 || count > (len(page)-at)/8 {
		return fmt.Errorf("%d free pages, more than fit", count)
	}
	for i := range count {
		id := binary.LittleEndian.Uint64(page[at+8*i:])
		if id >= c.pages || c.used[id] {
			return fmt.Errorf("page %d is free and used", id)
		}
		c.used[id] = true
	}
	if lost := slices.Index(c.used, false); lost >= 0 {
		return fmt.Errorf("page %d is neither used nor free", lost)
	}
	return nil
}
