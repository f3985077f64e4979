package segments

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
)

// The layout of a bbolt file. It is read here by hand, and checked in full, because
// bbolt panics on its own goroutines, or reads beyond its mapping, when a page is
// not what it should be.
const (
	boltMagic        = 0xED0CDAED
	boltPageHeader   = 16
	boltElementBytes = 16
	boltMetaBytes    = 64 // to the end of the checksum
	boltNoFreelist   = ^uint64(0)

	boltBranchPage   = 0x01
	boltLeafPage     = 0x02
	boltMetaPage     = 0x04
	boltFreelistPage = 0x10
	boltBucketFlag   = 0x01

	// boltDepthMax bounds how deep pages and buckets lie in each other.
	boltDepthMax = 16
	// boltPageBytesMax is bbolt's own bound on a page.
	boltPageBytesMax = 64 << 10
)

// boltFile is a bbolt file, as its newest state has it.
type boltFile struct {
	data     []byte
	pageSize int
	root     uint64 // page of the root bucket
	freelist uint64
	pages    uint64 // that are in use or free: the rest of the file was never used
	txid     uint64
	used     map[uint64]bool
}

// boltBuckets is the content: buckets by name, values by key.
type boltBuckets map[string]map[string][]byte

// readBolt reads a bbolt file whole and checks its structure: the pages are
// what they say, each is used once or free, and keys are in order.
func readBolt(data []byte) (boltBuckets, error) {
	f, err := newestBolt(data)
	if err != nil {
		return nil, err
	}
	buckets := boltBuckets{}
	err = f.walk(f.root, 0, func(flags uint32, name string, value []byte) error {
		if flags != boltBucketFlag {
			return fmt.Errorf("%q is no bucket", name)
		}
		buckets[name] = map[string][]byte{}
		return f.bucket(value, func(flags uint32, key string, value []byte) error {
			if flags != 0 {
				return fmt.Errorf("%q is a bucket in a bucket", key)
			}
			buckets[name][key] = value
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return buckets, f.checkFree()
}

// newestBolt finds the newest of the two states that the file may have.
func newestBolt(data []byte) (*boltFile, error) {
	var newest *boltFile
	// The size of a page is known from the first state, or else tried.
	for size := 1 << 10; size <= boltPageBytesMax; size *= 2 {
		for page := range 2 {
			f, ok := boltMeta(data, size, page)
			if ok && (newest == nil || f.txid > newest.txid) {
				newest = f
			}
		}
	}
	if newest == nil {
		return nil, errors.New("neither of its two states fits its checksum")
	}
	if newest.pages < 2 || newest.pages*uint64(newest.pageSize) > uint64(len(data)) {
		return nil, fmt.Errorf("it has %d bytes and should have %d pages of %d", len(data), newest.pages, newest.pageSize)
	}
	return newest, nil
}

func boltMeta(data []byte, pageSize, page int) (*boltFile, bool) {
	at := page * pageSize
	if at+boltPageHeader+boltMetaBytes > len(data) {
		return nil, false
	}
	meta := data[at+boltPageHeader:]
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(meta[at:]) }
	sum := fnv.New64a()
	sum.Write(meta[:boltMetaBytes-8])
	if binary.LittleEndian.Uint32(meta) != boltMagic || u64(boltMetaBytes-8) != sum.Sum64() ||
		int(binary.LittleEndian.Uint32(meta[8:])) != pageSize {
		return nil, false
	}
	return &boltFile{data: data, pageSize: pageSize, root: u64(16), freelist: u64(32), pages: u64(40), txid: u64(48),
		used: map[uint64]bool{0: true, 1: true}}, true
}

// page returns a page with those that it overflows into, and marks them as used.
func (f *boltFile) page(id uint64) (kind uint16, count int, page []byte, err error) {
	if id < 2 || id >= f.pages {
		return 0, 0, nil, fmt.Errorf("page %d is not in the file", id)
	}
	page = f.data[id*uint64(f.pageSize):]
	overflow := uint64(binary.LittleEndian.Uint32(page[12:]))
	if own := binary.LittleEndian.Uint64(page); own != id || id+overflow >= f.pages {
		return 0, 0, nil, fmt.Errorf("page %d says that it is page %d with %d more", id, own, overflow)
	}
	for i := id; i <= id+overflow; i++ {
		if f.used[i] {
			return 0, 0, nil, fmt.Errorf("page %d is used twice", i)
		}
		f.used[i] = true
	}
	kind, count = binary.LittleEndian.Uint16(page[8:]), int(binary.LittleEndian.Uint16(page[10:]))
	return kind, count, page[:(overflow+1)*uint64(f.pageSize)], nil
}

// visitor gets each element of a bucket.
type visitor func(flags uint32, key string, value []byte) error

// bucket walks a bucket, which has a page of its own or lies in its parent's.
func (f *boltFile) bucket(header []byte, visit visitor) error {
	if len(header) < boltPageHeader {
		return errors.New("a bucket without a header")
	}
	if root := binary.LittleEndian.Uint64(header); root != 0 {
		return f.walk(root, 0, visit)
	}
	page := header[boltPageHeader:]
	if len(page) < boltPageHeader || binary.LittleEndian.Uint16(page[8:]) != boltLeafPage {
		return errors.New("a bucket in its parent's page that is no leaf")
	}
	_, err := leaf(page, int(binary.LittleEndian.Uint16(page[10:])), visit)
	return err
}

// walk visits what a page holds and those below it.
func (f *boltFile) walk(id uint64, depth int, visit visitor) error {
	kind, count, page, err := f.page(id)
	if err != nil {
		return err
	}
	switch {
	case depth > boltDepthMax:
		return fmt.Errorf("page %d lies too deep", id)
	case kind == boltLeafPage:
		if _, err := leaf(page, count, visit); err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
		return nil
	case kind != boltBranchPage:
		return fmt.Errorf("page %d is of kind %x", id, kind)
	}
	for i := range count {
		at := boltPageHeader + i*boltElementBytes
		if at+boltElementBytes > len(page) {
			return fmt.Errorf("page %d has %d elements, more than fit", id, count)
		}
		if err := f.walk(binary.LittleEndian.Uint64(page[at+8:]), depth+1, visit); err != nil {
			return err
		}
	}
	return nil
}

// leaf visits the elements of a leaf page, in order.
func leaf(page []byte, count int, visit visitor) (last string, err error) {
	for i := range count {
		at := boltPageHeader + i*boltElementBytes
		if at+boltElementBytes > len(page) {
			return "", fmt.Errorf("%d elements, more than fit", count)
		}
		field := func(n int) int { return int(binary.LittleEndian.Uint32(page[at+4*n:])) }
		from := at + field(1)
		if from > len(page) || field(2) > len(page)-from || field(3) > len(page)-from-field(2) {
			return "", fmt.Errorf("element %d reaches beyond the page", i)
		}
		key, value := page[from:from+field(2)], page[from+field(2):from+field(2)+field(3)]
		if i > 0 && string(key) <= last {
			return "", fmt.Errorf("key %q stands behind %q", key, last)
		}
		last = string(key)
		if err := visit(uint32(field(0)), last, value); err != nil {
			return "", err
		}
	}
	return last, nil
}

// checkFree checks that every page that is not used is free, and no other.
func (f *boltFile) checkFree() error {
	if f.freelist == boltNoFreelist {
		return nil // found again at every open
	}
	kind, count, page, err := f.page(f.freelist)
	if err != nil {
		return fmt.Errorf("the list of free pages: %w", err)
	}
	if kind != boltFreelistPage {
		return fmt.Errorf("the list of free pages is of kind %x", kind)
	}
	at := boltPageHeader
	if count == 0xFFFF { // too many for the field
		count, at = int(binary.LittleEndian.Uint64(page[at:])), at+8
	}
	if count < 0 || count > (len(page)-at)/8 {
		return fmt.Errorf("%d free pages, more than fit", count)
	}
	for i := range count {
		id := binary.LittleEndian.Uint64(page[at+8*i:])
		if id >= f.pages || f.used[id] {
			return fmt.Errorf("page %d is free and used", id)
		}
		f.used[id] = true
	}
	if uint64(len(f.used)) != f.pages {
		return fmt.Errorf("%d of %d pages are neither used nor free", f.pages-uint64(len(f.used)), f.pages)
	}
	return nil
}
