// Package memory moves large values without holding the process up.
package memory

import (
	"runtime"
	"slices"
)

// pieceBytesMax bounds one copy. The collector cannot stop the process within one,
// and everybody else waits for that, heartbeats too.
const pieceBytesMax = 256 << 10

// Grow returns a copy of p with room for size bytes in all, zero beyond p.
func Grow(p []byte, size int) []byte {
	grown := make([]byte, len(p), max(size, len(p)))
	move(grown, p)
	return grown
}

// Clone returns a copy of p.
func Clone(p []byte) []byte {
	if len(p) <= pieceBytesMax {
		return slices.Clone(p)
	}
	return Grow(p, len(p))
}

// Append is append: where p has no room, a quarter more is taken than is needed.
func Append(p, tail []byte) []byte {
	size := len(p) + len(tail)
	if size <= pieceBytesMax {
		return append(p, tail...)
	}
	if size > cap(p) {
		p = Grow(p, size+size/4)
	}
	move(p[len(p):size], tail)
	return p[:size]
}

func move(to, from []byte) {
	for at := 0; at < len(from); at += pieceBytesMax {
		n := copy(to[at:], from[at:min(at+pieceBytesMax, len(from))])
		if n == pieceBytesMax {
			runtime.Gosched() // nothing else in this loop lets the collector in
		}
	}
}
