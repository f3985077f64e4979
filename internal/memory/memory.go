// Package memory moves large values without holding the process up.
package memory

import "runtime"

// pieceBytesMax bounds one copy. The collector cannot stop the process within one,
// and everybody else waits for that, heartbeats too.
const pieceBytesMax = 256 << 10

// Grow returns a copy of p with room for size bytes in all.
func Grow(p []byte, size int) []byte {
	grown := make([]byte, len(p), max(size, len(p)))
	for at := 0; at < len(p); at += pieceBytesMax {
		copy(grown[at:], p[at:min(at+pieceBytesMax, len(p))])
		runtime.Gosched() // nothing else in this loop lets the collector in
	}
	return grown
}
