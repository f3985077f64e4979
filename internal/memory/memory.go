// Package memory copies large values without stalling the process.
package memory

import (
	"runtime"
	"slices"
)

// pieceBytesMax bounds one copy. The garbage collector cannot preempt a copy when it has
// to stop the world, and all other goroutines wait for it then, even heartbeats.
const pieceBytesMax = 256 << 10

// Grow returns a copy of p with capacity for size bytes in all, which are zero beyond p.
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

// Append works like append. If p lacks room, it allocates a quarter more than needed.
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
			runtime.Gosched() // nothing else in this loop lets the collector preempt it
		}
	}
}
