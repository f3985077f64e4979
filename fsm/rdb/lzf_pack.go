package rdb

// lzfTableBits is LibLZF's HLOG as Redis sets it. The table's size decides which matches
// are found, and so the bytes with which DUMP replies.
const lzfTableBits = 16

// lzfMargin is the number of bytes that compression must save (Redis 7.0: rdbSaveLzfStringObject).
const lzfMargin = 4

// lzfPacker compresses data with the choices of LibLZF's "very fast" setting. It looks up
// each position by its next three bytes; the newest earlier position with the same hash is
// the only candidate. Of the positions that a copy covers, it remembers only the last two.
type lzfPacker struct {
	data  []byte
	out   []byte // ends with a run of literals whose control byte is not known yet
	run   int    // the length of that run
	limit int
	table []uint32 // position by hash; 0 means none, as LibLZF never copies from there
}

// lzfCompress compresses data. It returns false if that does not save enough.
func lzfCompress(data []byte) ([]byte, bool) {
	p := &lzfPacker{data: data, limit: len(data) - lzfMargin, table: make([]uint32, 1<<lzfTableBits)}
	p.begin()
	at := 0
	for at < len(data)-2 {
		from := p.remember(at)
		if from == 0 || at-from > lzfDistanceMax || !p.same(from, at) {
			if !p.literal(at) {
				return nil, false
			}
			at++
			continue
		}
		n := p.matching(from, at)
		if !p.copy(at-from-1, n) {
			return nil, false
		}
		at += n
		if at < len(data)-2 {
			p.remember(at - 2)
			p.remember(at - 1)
		}
	}
	if len(p.out)+3 > p.limit {
		return nil, false
	}
	p.limit = len(data) // the end is allowed to be literal
	for ; at < len(data); at++ {
		p.literal(at)
	}
	p.end()
	return p.out, true
}

// remember records a position under the hash of its next three bytes, and returns the
// position that was recorded there before.
func (p *lzfPacker) remember(at int) (before int) {
	h := uint32(p.data[at])<<16 | uint32(p.data[at+1])<<8 | uint32(p.data[at+2])
	slot := (h>>(24-lzfTableBits) - h*5) & (1<<lzfTableBits - 1)
	before = int(p.table[slot])
	p.table[slot] = uint32(at)
	return before
}

// same reports whether the three bytes at two positions are equal.
func (p *lzfPacker) same(a, b int) bool {
	return p.data[a] == p.data[b] && p.data[a+1] == p.data[b+1] && p.data[a+2] == p.data[b+2]
}

// matching returns the length of the match at two positions as LibLZF counts it. The
// length is at least 3 and ends before the last two bytes. LibLZF does not check that end
// in its first 16 comparisons, which it makes only if more than 16 bytes are left, nor for
// the byte after them.
func (p *lzfPacker) matching(from, at int) int {
	longest := min(len(p.data)-at-2, lzfCopyMax)
	n := 3
	if longest > 16 {
		for ; n <= 18; n++ {
			if p.data[from+n] != p.data[at+n] {
				return n
			}
		}
	}
	for n < longest && p.data[from+n] == p.data[at+n] {
		n++
	}
	return n
}

// begin opens a run of literals.
func (p *lzfPacker) begin() {
	p.out = append(p.out, 0)
	p.run = 0
}

// end closes the run, or removes it if it is empty.
func (p *lzfPacker) end() {
	if p.run == 0 {
		p.out = p.out[:len(p.out)-1]
		return
	}
	p.out[len(p.out)-p.run-1] = byte(p.run - 1)
}

// literal adds the byte at a position to the run. It returns false if the output is full.
func (p *lzfPacker) literal(at int) bool {
	if len(p.out) >= p.limit {
		return false
	}
	p.out = append(p.out, p.data[at])
	if p.run++; p.run == lzfLiteralMax {
		p.end()
		p.begin()
	}
	return true
}

// copy writes a copy of n bytes from a distance (0: the previous byte).
func (p *lzfPacker) copy(distance, n int) bool {
	size := len(p.out)
	if p.run == 0 {
		size--
	}
	if size+4 >= p.limit {
		return false
	}
	p.end()
	if n -= 2; n < 7 {
		p.out = append(p.out, byte(n<<5|distance>>8), byte(distance))
	} else {
		p.out = append(p.out, byte(7<<5|distance>>8), byte(n-7), byte(distance))
	}
	p.begin()
	return true
}
