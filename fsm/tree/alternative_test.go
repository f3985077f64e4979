package tree

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/tidwall/btree"
)

// hashed is an element for trees that compare elements by a function.
type hashed struct {
	hash  uint64
	block block
}

func (h hashed) before(other hashed) bool {
	if h.hash != other.hash {
		return h.hash < other.hash
	}
	return bytes.Compare(fieldOf(h.block), fieldOf(other.block)) < 0
}

func otherTree(n int) *btree.BTreeG[hashed] {
	t := btree.NewBTreeGOptions(hashed.before, btree.Options{NoLocks: true})
	value := make([]byte, 64)
	for i := range n {
		field := fieldNumber(i)
		t.Set(hashed{hashOf(field), newField(field, value)})
	}
	return t
}

// BenchmarkAlternative measures tidwall/btree, which compares by a function and
// whose copies are nodes of another identity, in BenchmarkHash's place.
func BenchmarkAlternative(b *testing.B) {
	for _, n := range benchSizes {
		t, value := otherTree(n), make([]byte, 64)
		fields := make([][]byte, 1<<16)
		for i := range fields {
			fields[i] = fieldNumber(rand.IntN(n))
		}
		probe := func(field []byte) hashed { return hashed{hashOf(field), newField(field, nil)} }
		for _, op := range []struct {
			name string
			run  func(i int)
		}{
			{"get", func(i int) { t.Get(probe(fields[i&0xFFFF])) }},
			{"replace", func(i int) { t.Set(hashed{hashOf(fields[i&0xFFFF]), newField(fields[i&0xFFFF], value)}) }},
			{"delete+insert", func(i int) {
				e := hashed{hashOf(fields[i&0xFFFF]), newField(fields[i&0xFFFF], value)}
				t.Delete(e)
				t.Set(e)
			}},
			{"random", func(int) { t.GetAt(rand.IntN(n)) }},
			{"copied", func(i int) {
				other := t.Copy()
				t.Set(hashed{hashOf(fields[i&0xFFFF]), newField(fields[i&0xFFFF], value)})
				runtime.KeepAlive(other)
			}},
		} {
			b.Run(fmt.Sprintf("%s/n=%d", op.name, n), func(b *testing.B) { measure(b, op.run) })
		}
		b.Run(fmt.Sprintf("memory/n=%d", n), func(b *testing.B) {
			for b.Loop() {
				runtime.KeepAlive(t)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(heapBytes(n, func() any { return otherTree(n) }), "B/field")
		})
	}
}

// comparer is an order as a type parameter.
type comparer[E any] interface{ compare(a, b E) int }

type byHash struct{}

func (byHash) compare(a, b hashed) int { return cmp.Compare(a.hash, b.hash) }

func searchType[E any, C comparer[E]](elements []E, sought E) int {
	var order C
	low, end := 0, len(elements)
	for low < end {
		if middle := int(uint(low+end) >> 1); order.compare(elements[middle], sought) < 0 {
			low = middle + 1
		} else {
			end = middle
		}
	}
	return low
}

func searchFunction[E any](elements []E, sought E, compare func(a, b E) int) int {
	low, end := 0, len(elements)
	for low < end {
		if middle := int(uint(low+end) >> 1); compare(elements[middle], sought) < 0 {
			low = middle + 1
		} else {
			end = middle
		}
	}
	return low
}

// BenchmarkSearch compares ways to tell a generic tree its order, in one node of 64.
func BenchmarkSearch(b *testing.B) {
	prefixes, elements, sought := make([]uint64, 64), make([]hashed, 64), make([]uint64, 1<<12)
	for i := range prefixes {
		prefixes[i] = uint64(i) << 57
		elements[i].hash = prefixes[i]
	}
	for i := range sought {
		sought[i] = rand.Uint64() >> 1
	}
	sum := 0
	b.Run("prefixes", func(b *testing.B) {
		measure(b, func(i int) { sum += lowerBound(prefixes, sought[i&0xFFF]) })
	})
	b.Run("type parameter", func(b *testing.B) {
		measure(b, func(i int) { sum += searchType[hashed, byHash](elements, hashed{hash: sought[i&0xFFF]}) })
	})
	b.Run("function", func(b *testing.B) {
		measure(b, func(i int) { sum += searchFunction(elements, hashed{hash: sought[i&0xFFF]}, byHash{}.compare) })
	})
	runtime.KeepAlive(sum)
}
