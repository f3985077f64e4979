package boltpages

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// The kinds of pages that a tree consists of.
const (
	branchPage = 0x01
	leafPage   = 0x02
)

// elementBytes is the size of an element's header, on both kinds of pages.
const elementBytes = 16

// page is one page of a tree, or one that is stored inline in a value.
type page struct {
	r      io.ReaderAt
	at     int64  // of its first byte in the file
	head   []byte // up to one page size; the rest is read on demand
	extent int64  // its size, including overflow pages
	leaf   bool
	count  int
}

// element is one key and what belongs to it.
type element struct {
	key    []byte
	bucket bool   // of a leaf: the value is a bucket
	child  uint64 // of a branch
	at     int64  // of the value in the page
	size   int64  // of the value
}

// parsePage reads the header, which must contain the page's number.
func parsePage(p *page, number uint64) (overflow uint32, err error) {
	word := binary.NativeEndian
	if got := word.Uint64(p.head); got != number {
		return 0, p.fault(0, "page %d says that it is page %d", number, got)
	}
	kind := word.Uint16(p.head[8:])
	if kind != branchPage && kind != leafPage {
		return 0, p.fault(8, "page %d has kind %#x", number, kind)
	}
	p.leaf, p.count = kind == leafPage, int(word.Uint16(p.head[10:]))
	return word.Uint32(p.head[12:]), nil
}

func (p *page) fault(offset int64, format string, args ...any) error {
	return &Fault{Offset: p.at + offset, What: fmt.Sprintf(format, args...)}
}

// bytes returns a range of the page. It fails if the range leaves the page.
func (p *page) bytes(from, size int64) ([]byte, error) {
	if from < 0 || size < 0 || from+size > p.extent {
		return nil, p.fault(0, "an element reaches beyond the page's end")
	}
	if from+size <= int64(len(p.head)) {
		return p.head[from : from+size], nil
	}
	part := make([]byte, size)
	if _, err := p.r.ReadAt(part, p.at+from); err != nil {
		return nil, &Fault{Offset: p.at + from, What: "it cannot be read", Err: err}
	}
	return part, nil
}

// elements reads all keys. They must follow the headers without gaps, in ascending order, with
// zeros behind them up to the end, which is the next multiple of unit.
func (p *page) elements(unit int64) ([]element, error) {
	all := make([]element, 0, p.count)
	end := pageHeaderBytes + elementBytes*int64(p.count)
	for i := range int64(p.count) {
		at := pageHeaderBytes + elementBytes*i
		header, err := p.bytes(at, elementBytes)
		if err != nil {
			return nil, err
		}
		e, begins, keySize, err := p.element(at, header)
		if err != nil {
			return nil, err
		}
		if begins != end {
			return nil, p.fault(at, "an element lies at %d and not at %d", begins, end)
		}
		if e.key, err = p.bytes(begins, keySize); err != nil {
			return nil, err
		}
		if i > 0 && bytes.Compare(all[i-1].key, e.key) >= 0 {
			return nil, p.fault(begins, "its keys are not in order")
		}
		e.at = begins + keySize
		if end = e.at + e.size; end > p.extent {
			return nil, p.fault(at, "an element reaches beyond the page's end")
		}
		all = append(all, e)
	}
	return all, p.checkEnd(end, unit)
}

// element parses the element header at offset at.
func (p *page) element(at int64, header []byte) (e element, begins, keySize int64, err error) {
	word := binary.NativeEndian
	if !p.leaf {
		e.child = word.Uint64(header[8:])
		begins, keySize = at+int64(word.Uint32(header)), int64(word.Uint32(header[4:]))
	} else {
		kind := word.Uint32(header)
		if kind > 1 {
			return e, 0, 0, p.fault(at, "an element has kind %#x", kind)
		}
		e.bucket = kind == 1
		begins, keySize = at+int64(word.Uint32(header[4:])), int64(word.Uint32(header[8:]))
		e.size = int64(word.Uint32(header[12:]))
	}
	if keySize == 0 {
		return e, 0, 0, p.fault(at, "an element has no key")
	}
	return e, begins, keySize, nil
}

// checkEnd checks that the page ends at the next multiple of unit and is filled with zeros.
func (p *page) checkEnd(end, unit int64) error {
	if fits := (end + unit - 1) / unit * unit; fits != p.extent {
		return p.fault(12, "%d bytes take %d", end, p.extent)
	}
	rest, err := p.bytes(end, p.extent-end)
	if err != nil {
		return err
	}
	for i, b := range rest {
		if b != 0 {
			return p.fault(end+int64(i), "there is something behind the last element")
		}
	}
	return nil
}
