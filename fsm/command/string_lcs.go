package command

import (
	"math"

	"github.com/kvorum/kvorum/fsm/reply"
)

// lcsOptions are the options of LCS.
type lcsOptions struct {
	length, ranges, matchLength bool
	minMatch                    int64
}

func parseLCSOptions(args [][]byte) (o lcsOptions, refused reply.Value) {
	for i := 0; i < len(args); i++ {
		switch {
		case is(args[i], "idx"):
			o.ranges = true
		case is(args[i], "len"):
			o.length = true
		case is(args[i], "withmatchlen"):
			o.matchLength = true
		case is(args[i], "minmatchlen") && i+1 < len(args):
			i++
			n, ok := parseInt(args[i])
			if !ok {
				return o, errNotInteger
			}
			o.minMatch = max(n, 0)
		default:
			return o, errSyntax
		}
	}
	if o.ranges && o.length {
		return o, reply.Err("ERR If you want both the length and indexes, please just use IDX.")
	}
	return o, reply.Value{}
}

func lcsCommand(c *Context) reply.Value {
	var a, b []byte
	if o := c.lookup(c.Args[1]); o != nil {
		a = o.Str()
	}
	if o := c.lookup(c.Args[2]); o != nil {
		b = o.Str()
	}
	opts, refused := parseLCSOptions(c.Args[3:])
	switch {
	case refused.IsError():
		return refused
	case len(a) >= math.MaxUint32-1 || len(b) >= math.MaxUint32-1:
		return reply.Err("ERR String too long for LCS")
	case (int64(len(a))+1)*(int64(len(b))+1)*4 > c.bulkMax():
		// Redis's matrix of lengths would be that large; ours takes a thirty-second of it,
		// and two rows as long as the shorter string.
		return reply.Err("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
	}
	m := newLCSMatrix(a, b)
	switch {
	case opts.length:
		return reply.Int(int64(m.length))
	case opts.ranges:
		return m.rangesReply(opts)
	}
	return reply.Bytes(m.sequence())
}

// lcsMatrix is the dynamic program of two strings' longest common subsequence,
// of which only the directions are kept: a bit for each pair of positions. The
// lengths take two rows, so the shorter string is the inner one.
type lcsMatrix struct {
	outer, inner []byte
	swapped      bool // outer is the second string
	length       int
	back         []uint64 // bit i*len(inner)+j: from bytes outer[i], inner[j], which differ, go on at outer[i-1], else at inner[j-1]
}

func newLCSMatrix(a, b []byte) *lcsMatrix {
	m := &lcsMatrix{outer: a, inner: b, back: make([]uint64, (len(a)*len(b)+63)/64)}
	tie := uint32(0) // where both ways are equally good, the second string gives way
	if len(a) < len(b) {
		m.outer, m.inner, m.swapped, tie = b, a, true, 1
	}
	above := make([]uint32, len(m.inner)+1)
	row := make([]uint32, len(m.inner)+1)
	for i := range m.outer {
		for j := range m.inner {
			switch {
			case m.outer[i] == m.inner[j]:
				row[j+1] = above[j] + 1
			case above[j+1]+tie > row[j]:
				row[j+1] = above[j+1]
				bit := i*len(m.inner) + j
				m.back[bit/64] |= 1 << (bit % 64)
			default:
				row[j+1] = row[j]
			}
		}
		above, row = row, above
	}
	m.length = int(above[len(m.inner)])
	return m
}

// walk visits the pairs of positions, of the first string and the second, that
// make up the sequence, last first.
func (m *lcsMatrix) walk(visit func(a, b int)) {
	i, j := len(m.outer)-1, len(m.inner)-1
	for i >= 0 && j >= 0 {
		bit := i*len(m.inner) + j
		switch {
		case m.outer[i] == m.inner[j]:
			if m.swapped {
				visit(j, i)
			} else {
				visit(i, j)
			}
			i--
			j--
		case m.back[bit/64]>>(bit%64)&1 != 0:
			i--
		default:
			j--
		}
	}
}

func (m *lcsMatrix) sequence() []byte {
	out := make([]byte, m.length)
	at, source := m.length, m.outer
	if m.swapped {
		source = m.inner
	}
	m.walk(func(a, _ int) {
		at--
		out[at] = source[a]
	})
	return out
}

// rangesReply answers the maximal runs of the sequence as ranges of both strings.
func (m *lcsMatrix) rangesReply(opts lcsOptions) reply.Value {
	var matches []reply.Value
	startA, startB, size := 0, 0, 0
	emit := func() {
		if size == 0 || int64(size) < opts.minMatch {
			return
		}
		match := []reply.Value{rangeReply(startA, size), rangeReply(startB, size)}
		if opts.matchLength {
			match = append(match, reply.Int(int64(size)))
		}
		matches = append(matches, reply.List(match...))
	}
	m.walk(func(i, j int) {
		if size > 0 && i == startA-1 && j == startB-1 {
			size++
		} else {
			emit()
			size = 1
		}
		startA, startB = i, j
	})
	emit()
	return reply.MapOf(
		reply.Text("matches"), reply.List(matches...),
		reply.Text("len"), reply.Int(int64(m.length)))
}

func rangeReply(start, size int) reply.Value {
	return reply.List(reply.Int(int64(start)), reply.Int(int64(start+size-1)))
}
