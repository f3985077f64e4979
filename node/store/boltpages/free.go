package boltpages

import "encoding/binary"

const (
	// freelistPage is the kind of the page that lists the free pages.
	freelistPage = 0x10
	// freelistLong is the count of a list that is too long for the count field. The first number
	// of the list is then its length.
	freelistLong = 0xFFFF
	// numberBytes is the size of a page number in the list.
	numberBytes = 8
)

// free checks the list of free pages after a walk that skipped nothing. bbolt would reuse a page
// that is listed as free although it is in use.
func (t *tree) free() error {
	p, err := t.read(t.meta.freelist)
	if err != nil {
		return err
	}
	word := binary.NativeEndian
	if number, kind := word.Uint64(p.head), word.Uint16(p.head[8:]); number != t.meta.freelist || kind != freelistPage {
		return p.fault(0, "the list of free pages is page %d of kind %#x", number, kind)
	}
	if err := t.claim(p, t.meta.freelist, word.Uint32(p.head[12:])); err != nil {
		return err
	}
	count, at := uint64(word.Uint16(p.head[10:])), int64(pageHeaderBytes)
	if count == freelistLong {
		count, at = word.Uint64(p.head[at:]), at+numberBytes
	}
	if count > t.meta.pages {
		return p.fault(10, "%d pages are free, of %d", count, t.meta.pages)
	}
	list, err := p.bytes(at, int64(count)*numberBytes)
	if err != nil {
		return err
	}
	for i := 0; i < len(list); i += numberBytes {
		n := word.Uint64(list[i:])
		if n < 2 || n >= t.meta.pages || !t.first(n) {
			return p.fault(at+int64(i), "page %d is called free, and is in use or does not exist", n)
		}
	}
	for n := uint64(2); n < t.meta.pages; n++ {
		if t.first(n) {
			return p.fault(0, "page %d is neither reached nor called free", n)
		}
	}
	return nil
}
