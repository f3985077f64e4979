package boltpages

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// Fault says where a file differs from what bbolt writes.
type Fault struct {
	Offset int64
	What   string
	Err    error // a read error; nil: the content was read and is wrong
}

func (f *Fault) Error() string {
	if f.Err != nil {
		return fmt.Sprintf("offset %d: %s: %v", f.Offset, f.What, f.Err)
	}
	return fmt.Sprintf("offset %d: %s", f.Offset, f.What)
}

// Unwrap returns the error of reading.
func (f *Fault) Unwrap() error { return f.Err }

// Meta is the newest root of a file.
type Meta struct {
	TxID uint64 // of the commit that made it
	// Alone says that the other meta page is not valid: a crash has torn it, or it is damaged. If
	// it was the newest one, the last commit is gone.
	Alone bool

	pageSize int64
	root     uint64 // the page of the bucket of all buckets
	freelist uint64 // the page of the list of free pages, or freelistNone
	pages    uint64 // the number of pages, including free ones
}

const (
	pageHeaderBytes = 16
	metaBytes       = 64
	metaSumOffset   = 56

	magic   = 0xED0CDAED
	version = 2

	// freelistNone means that no list is kept: bbolt determines the free pages at each open.
	freelistNone = ^uint64(0)

	// pageBytesMin and pageSizes determine where bbolt looks for its second meta page.
	pageBytesMin = 1 << 10
	pageSizes    = 15
)

var errNoMeta = errors.New("neither meta page is valid")

// ReadMeta reads both meta pages, as bbolt does when a transaction begins.
func ReadMeta(r io.ReaderAt) (Meta, error) {
	first, firstErr := metaAt(r, 0)
	if firstErr != nil {
		return otherMeta(r, firstErr)
	}
	second, err := metaAt(r, first.pageSize)
	switch {
	case err != nil || second.pageSize != first.pageSize:
		first.Alone = true
	case second.TxID > first.TxID:
		return second, nil
	}
	return first, nil
}

// otherMeta looks for the second meta page if the first does not say how far away it is. It
// distinguishes a disk that cannot read the first from a file that has none.
func otherMeta(r io.ReaderAt, firstErr error) (Meta, error) {
	for i := range pageSizes {
		at := int64(pageBytesMin) << i
		if m, err := metaAt(r, at); err == nil && m.pageSize == at {
			m.Alone = true
			return m, nil
		}
	}
	if errors.Is(firstErr, io.EOF) {
		firstErr = errNoMeta
	}
	return Meta{}, &Fault{What: "it is no database of bbolt", Err: firstErr}
}

// metaAt reads and checks one meta page.
func metaAt(r io.ReaderAt, at int64) (Meta, error) {
	page := make([]byte, pageHeaderBytes+metaBytes)
	if _, err := r.ReadAt(page, at); err != nil {
		return Meta{}, err
	}
	b := page[pageHeaderBytes:]
	sum := fnv.New64a()
	sum.Write(b[:metaSumOffset])
	word := binary.NativeEndian
	if word.Uint32(b) != magic || word.Uint32(b[4:]) != version || word.Uint64(b[metaSumOffset:]) != sum.Sum64() {
		return Meta{}, errNoMeta
	}
	return Meta{pageSize: int64(word.Uint32(b[8:])), root: word.Uint64(b[16:]), freelist: word.Uint64(b[32:]), pages: word.Uint64(b[40:]), TxID: word.Uint64(b[48:])}, nil
}
