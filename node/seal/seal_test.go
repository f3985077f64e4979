package seal_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node/seal"
)

func sealed() *raft.Log {
	l := &raft.Log{Index: 7, Term: 3, Type: raft.LogCommand, Data: []byte("what was stored")}
	seal.Put(l)
	return l
}

// An unchanged entry passes, under its own index only.
func TestASealFitsItsEntryAndNoOtherIndex(t *testing.T) {
	if err := seal.Check(sealed(), 7); err != nil {
		t.Error(err)
	}
	if seal.Check(sealed(), 8) == nil {
		t.Error("entry 7 passes for entry 8")
	}
	if !seal.Sealed(sealed()) || seal.Sealed(&raft.Log{Index: 7}) {
		t.Error("an entry is sealed exactly when Put has sealed it")
	}
	if seal.Check(&raft.Log{Index: 7}, 7) == nil {
		t.Error("an entry without a seal passes")
	}
}

// Any flipped bit of an entry or of its seal is noticed. So is a seal that is longer or shorter,
// and data that was truncated or extended.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	var damages []func(l *raft.Log)
	for bit := range 64 {
		damages = append(damages, func(l *raft.Log) { l.Index ^= 1 << bit }, func(l *raft.Log) { l.Term ^= 1 << bit })
	}
	for bit := range 8 {
		damages = append(damages, func(l *raft.Log) { l.Type ^= 1 << bit })
	}
	for i := range sealed().Data {
		damages = append(damages, func(l *raft.Log) { l.Data[i] ^= 0x10 }, func(l *raft.Log) { l.Data = l.Data[:i] })
	}
	for bit := range 8 * len(sealed().Extensions) {
		damages = append(damages, func(l *raft.Log) { l.Extensions[bit/8] ^= 1 << (bit % 8) })
	}
	damages = append(damages,
		func(l *raft.Log) { l.Data = append(l.Data, 0) },
		func(l *raft.Log) { l.Extensions = append(l.Extensions, 0) },
		func(l *raft.Log) { l.Extensions = l.Extensions[:4] },
		func(l *raft.Log) { l.Extensions = nil })
	for i, damage := range damages {
		l := sealed()
		damage(l)
		if seal.Check(l, 7) == nil {
			t.Errorf("damage %d is not noticed: %+v", i, l)
		}
	}
}

func BenchmarkPutAndCheck(b *testing.B) {
	for _, size := range []int{64, 4 << 10, 64 << 10} {
		l := &raft.Log{Index: 7, Term: 3, Data: bytes.Repeat([]byte{'x'}, size)}
		b.Run(fmt.Sprint("put ", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				seal.Put(l)
			}
		})
		b.Run(fmt.Sprint("check ", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := seal.Check(l, 7); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
