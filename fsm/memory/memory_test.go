package memory_test

import (
	"bytes"
	"testing"

	"github.com/kvorum/kvorum/fsm/memory"
)

func TestGrowCopiesEveryPiece(t *testing.T) {
	for _, size := range []int{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5<<20 + 7} {
		p := make([]byte, size)
		for i := range p {
			p[i] = byte(i ^ i>>8 ^ i>>16)
		}
		for _, room := range []int{0, size, size + 3, 2*size + 1} {
			grown := memory.Grow(p, room)
			if !bytes.Equal(grown, p) || cap(grown) < max(room, size) {
				t.Fatalf("%d bytes with room for %d: %d of %d", size, room, len(grown), cap(grown))
			}
			if size > 0 && &grown[0] == &p[0] {
				t.Fatalf("%d bytes were not copied", size)
			}
		}
	}
}
