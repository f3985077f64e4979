package memory_test

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/kvorum/kvorum/internal/memory"
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

// The collector has its turn within a piece's time, and not only when all is copied.
// The best of some tries counts: other work on the machine only adds.
func TestTheCollectorDoesNotWaitForALargeCopy(t *testing.T) {
	p := make([]byte, 128<<20)
	best := 1.0
	var kept [][]byte // so that each copy is into fresh memory, which takes longest
	for range 3 {
		begun, done := time.Now(), make(chan []byte)
		go func() { done <- memory.Grow(p, len(p)) }()
		worst := time.Duration(0)
		for copying := true; copying; {
			asked := time.Now()
			runtime.GC()
			worst = max(worst, time.Since(asked))
			select {
			case grown := <-done:
				kept = append(kept, grown)
				copying = false
			default:
			}
		}
		best = min(best, float64(worst)/float64(time.Since(begun)))
	}
	if best > 0.3 {
		t.Errorf("the collector waited for %.2f of a copy", best)
	}
	runtime.KeepAlive(kept)
}
