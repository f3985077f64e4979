package memory_test

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/kvorum/kvorum/internal/memory"
)

// sizes are around the borders of pieces.
var sizes = []int{0, 1, 1<<18 - 1, 1 << 18, 1<<18 + 1, 5<<18 + 7}

func pattern(size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return p
}

func TestACopyIsWholeAndItsOwn(t *testing.T) {
	for _, size := range sizes {
		p := pattern(size)
		for _, room := range []int{0, size, size + 3, 2*size + 1} {
			grown := memory.Grow(p, room)
			if !bytes.Equal(grown, p) || cap(grown) < max(room, size) {
				t.Fatalf("%d bytes with room for %d: %d of %d", size, room, len(grown), cap(grown))
			}
			if rest := grown[len(grown):cap(grown)]; len(bytes.Trim(rest, "\x00")) > 0 {
				t.Fatalf("%d bytes with room for %d: the rest is not zero", size, room)
			}
			if size > 0 && &grown[0] == &p[0] {
				t.Fatalf("%d bytes were not copied", size)
			}
		}
		clone := memory.Clone(p)
		if !bytes.Equal(clone, p) || size > 0 && &clone[0] == &p[0] {
			t.Fatalf("a clone of %d bytes is %d bytes", size, len(clone))
		}
	}
}

// Append does what append does, in place where there is room and never else.
func TestAppendIsAppend(t *testing.T) {
	for _, size := range sizes {
		for _, more := range sizes {
			for _, room := range []int{size, size + more} {
				p, tail := memory.Grow(pattern(size), room), pattern(more)
				long := memory.Append(p[:size:room], tail)
				if want := append(pattern(size), tail...); !bytes.Equal(long, want) {
					t.Fatalf("%d bytes and %d are %d others", size, more, len(long))
				}
				if !bytes.Equal(p, pattern(size)) {
					t.Fatalf("%d bytes changed when %d were appended", size, more)
				}
				if inPlace := size > 0 && &long[0] == &p[0]; size > 0 && inPlace != (size+more <= room) {
					t.Fatalf("%d bytes and %d with room for %d: in place is %t", size, more, room, inPlace)
				}
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
