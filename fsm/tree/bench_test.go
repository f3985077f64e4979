package tree

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/dchest/siphash"
)

// block is a field with its value, or a member with its score, in one
// allocation that has no pointers: the length of the field, 8 bytes of score or
// none, the field, the value.
type block = *byte

const scoreBytes = 8

func newField(field, value []byte) block {
	b := make([]byte, 2+len(field)+len(value))
	b[0], b[1] = byte(len(field)), byte(len(value))
	copy(b[2:], field)
	copy(b[2+len(field):], value)
	return unsafe.SliceData(b)
}

func fieldOf(b block) []byte { return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(b), 2)), int(*b)) }

func newMember(member []byte, score float64) block {
	b := make([]byte, 1+scoreBytes+len(member))
	b[0] = byte(len(member))
	binary.LittleEndian.PutUint64(b[1:], math.Float64bits(score))
	copy(b[1+scoreBytes:], member)
	return unsafe.SliceData(b)
}

func memberOf(b block) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(b), 1+scoreBytes)), int(*b))
}

func scoreOf(b block) uint64 {
	return ascending(math.Float64frombits(binary.LittleEndian.Uint64(unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(b), 1)), 8))))
}

// ascending turns a score into bits of the same order.
func ascending(score float64) uint64 {
	if b := math.Float64bits(score); b>>63 == 0 {
		return b | 1<<63
	} else {
		return ^b
	}
}

func hashOf(field []byte) uint64 { return siphash.Hash(1, 2, field) >> 1 }

// hash is a collection of fields.
type hash struct{ tree *Ordered[block] }

func (h hash) set(epoch Epoch, field, value []byte) {
	h.tree.Set(epoch, hashOf(field), newField(field, value), func(b block) int { return bytes.Compare(fieldOf(b), field) })
}

func (h hash) get(field []byte) (block, bool) {
	return h.tree.Get(hashOf(field), func(b block) int { return bytes.Compare(fieldOf(b), field) })
}

func (h hash) delete(epoch Epoch, field []byte) {
	h.tree.Delete(epoch, hashOf(field), func(b block) int { return bytes.Compare(fieldOf(b), field) })
}

// sortedSet is a collection of members: by hash, to find their score, and by score.
type sortedSet struct{ members, scores *Ordered[block] }

func (z sortedSet) add(epoch Epoch, member []byte, score float64) {
	b := newMember(member, score)
	tie := func(b block) int { return bytes.Compare(memberOf(b), member) }
	if old, found := z.members.Set(epoch, hashOf(member), b, tie); found {
		z.scores.Delete(epoch, scoreOf(old), tie)
	}
	z.scores.Set(epoch, ascending(score), b, tie)
}

func (z sortedSet) rank(member []byte) (int, bool) {
	tie := func(b block) int { return bytes.Compare(memberOf(b), member) }
	b, found := z.members.Get(hashOf(member), tie)
	if !found {
		return 0, false
	}
	return z.scores.Rank(scoreOf(b), tie)
}

var benchEpoch = Epoch{Now: 1}

func newTree(width int) *Ordered[block] {
	t := NewOrdered[block](benchEpoch)
	t.width = uint8(width)
	return t
}

func fieldNumber(i int) []byte { return fmt.Appendf(nil, "field:%010d", i) }

func hashOfFields(n, width int) hash {
	h := hash{newTree(width)}
	value := make([]byte, 64)
	for i := range n {
		h.set(benchEpoch, fieldNumber(i), value)
	}
	return h
}

// stringsOfFields has elements of 16 bytes, a string's header, over the same blocks.
func stringsOfFields(n, width int) *Ordered[string] {
	t := NewOrdered[string](benchEpoch)
	t.width = uint8(width)
	for i := range n {
		field := fieldNumber(i)
		block := string(append(append([]byte{16, 64}, field...), make([]byte, 64)...))
		t.Set(benchEpoch, hashOf(field), block, func(other string) int { return strings.Compare(other, block) })
	}
	return t
}

// sortedSetOf has scores in another order than its members are inserted in.
func sortedSetOf(n, width int) sortedSet {
	z := sortedSet{newTree(width), newTree(width)}
	for i := range n {
		z.add(benchEpoch, fieldNumber(i), float64(i*7919%n))
	}
	return z
}

// measure runs an operation and reports the processor time that it takes, the
// collector's included: other work on the machine does not count.
func measure(b *testing.B, run func(i int)) {
	b.ReportAllocs()
	start := processorTime(b)
	i := 0
	for b.Loop() {
		run(i)
		i++
	}
	b.ReportMetric(float64(processorTime(b)-start)/float64(i), "cpu-ns/op")
}

func processorTime(b *testing.B) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// heapBytes returns the bytes of the heap that an element of what build makes takes.
func heapBytes(n int, build func() any) float64 {
	copies := max(1, 1_000_000/n)
	kept := []any{}
	var before, after runtime.MemStats
	kept = slices.Grow(kept, copies)
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range copies {
		kept = append(kept, build())
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return float64(after.HeapAlloc-before.HeapAlloc) / float64(copies*n)
}

var (
	benchSizes  = []int{10, 1000, 1_000_000}
	benchWidths = []int{16, 32, 64, 128}
)

// BenchmarkMemory reports heap bytes an element, of 16-byte fields with 64-byte
// values and of 16-byte members.
func BenchmarkMemory(b *testing.B) {
	for _, width := range benchWidths {
		for _, n := range benchSizes {
			b.Run(fmt.Sprintf("width=%d/n=%d", width, n), func(b *testing.B) {
				for b.Loop() {
					runtime.KeepAlive(width)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(heapBytes(n, func() any { return hashOfFields(n, width) }), "B/field")
				b.ReportMetric(heapBytes(n, func() any { return stringsOfFields(n, width) }), "B/field-as-string")
				b.ReportMetric(heapBytes(n, func() any { return sortedSetOf(n, width) }), "B/member")
				b.ReportMetric(heapBytes(n, func() any {
					list := NewSequence[block](benchEpoch)
					list.width = uint8(width)
					for i := range n {
						list.InsertAt(benchEpoch, i, newField(nil, make([]byte, 14)))
					}
					return list
				}), "B/list-element")
			})
		}
	}
}

// BenchmarkHash measures one operation at a random field.
func BenchmarkHash(b *testing.B) {
	for _, width := range benchWidths {
		for _, n := range benchSizes {
			h, value := hashOfFields(n, width), make([]byte, 64)
			fields := make([][]byte, 1<<16)
			for i := range fields {
				fields[i] = fieldNumber(rand.IntN(n))
			}
			for _, op := range []struct {
				name string
				run  func(i int)
			}{
				{"get", func(i int) { h.get(fields[i&0xFFFF]) }},
				{"replace", func(i int) { h.set(benchEpoch, fields[i&0xFFFF], value) }},
				{"delete+insert", func(i int) {
					h.delete(benchEpoch, fields[i&0xFFFF])
					h.set(benchEpoch, fields[i&0xFFFF], value)
				}},
				{"random", func(int) { h.tree.At(rand.IntN(n)) }},
				{"range100", func(int) {
					left := 100
					for range h.tree.Ascend(rand.IntN(max(1, n-100))) {
						if left--; left == 0 {
							break
						}
					}
				}},
			} {
				b.Run(fmt.Sprintf("%s/width=%d/n=%d", op.name, width, n), func(b *testing.B) { measure(b, op.run) })
			}
			b.Run(fmt.Sprintf("shared/width=%d/n=%d", width, n), func(b *testing.B) { benchmarkShared(b, h, fields) })
		}
	}
}

// benchmarkShared measures the first twenty writes after each share of a tree.
func benchmarkShared(b *testing.B, h hash, fields [][]byte) {
	var first, later []time.Duration
	epoch, value := benchEpoch, make([]byte, 64)
	for b.Loop() {
		epoch.Now++
		view := h.tree.Share(epoch.Now)
		for i := range 20 {
			field := fields[rand.IntN(len(fields))]
			start := time.Now()
			h.set(epoch, field, value)
			if i == 0 {
				first = append(first, time.Since(start))
			} else {
				later = append(later, time.Since(start))
			}
		}
		runtime.KeepAlive(view)
	}
	for _, m := range []struct {
		name  string
		spans []time.Duration
	}{{"first", first}, {"to-20th", later}} {
		slices.Sort(m.spans)
		b.ReportMetric(float64(m.spans[len(m.spans)/2].Nanoseconds()), m.name+"-p50-ns")
		b.ReportMetric(float64(m.spans[len(m.spans)*99/100].Nanoseconds()), m.name+"-p99-ns")
		b.ReportMetric(float64(m.spans[len(m.spans)*999/1000].Nanoseconds()), m.name+"-p99.9-ns")
	}
}

// BenchmarkSortedSet measures one operation at a random member.
func BenchmarkSortedSet(b *testing.B) {
	for _, width := range benchWidths {
		for _, n := range benchSizes {
			z := sortedSetOf(n, width)
			members := make([][]byte, 1<<16)
			for i := range members {
				members[i] = fieldNumber(rand.IntN(n))
			}
			b.Run(fmt.Sprintf("rank/width=%d/n=%d", width, n), func(b *testing.B) {
				measure(b, func(i int) { z.rank(members[i&0xFFFF]) })
			})
			b.Run(fmt.Sprintf("add/width=%d/n=%d", width, n), func(b *testing.B) {
				measure(b, func(i int) { z.add(benchEpoch, members[i&0xFFFF], float64(rand.IntN(n))) })
			})
		}
	}
}

// BenchmarkBuild measures a restore: elements that come in order.
func BenchmarkBuild(b *testing.B) {
	const n = 1_000_000
	elements := hashOfFields(n, widthDefault).tree
	for b.Loop() {
		BuildOrdered(benchEpoch, elements.Ascend(0))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
}
