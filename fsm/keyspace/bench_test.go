package keyspace

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"slices"
	"testing"
	"time"
)

// filled returns a keyspace of n objects with 16-byte keys and 64-byte values,
// and the heap bytes that each of them takes.
func filled(n int, deadlineMS int64) (*Keyspace, float64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	k := New([16]byte{1})
	for i := range n {
		d := Draft{Key: []byte(keyNumber(i)), Str: make([]byte, 64), Encoding: Raw}
		if deadlineMS != 0 {
			d.DeadlineMS = deadlineMS + int64(i)
		}
		k.Put(0, d)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	return k, float64(after.HeapAlloc-before.HeapAlloc) / float64(n)
}

// BenchmarkKeyspace measures what the design asks about: set and get of random
// keys, heap bytes a key, the capture and the first write to a bucket after it.
func BenchmarkKeyspace(b *testing.B) {
	for _, n := range []int{2_000_000, 5_000_000} {
		k, perKey := filled(n, 0)
		keys, value := make([][]byte, 1<<16), make([]byte, 64)
		for i := range keys {
			keys[i] = []byte(keyNumber(rand.IntN(n)))
		}
		b.Run(fmt.Sprintf("set/%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				k.Put(0, Draft{Key: keys[i&0xFFFF], Str: value, Encoding: Raw})
			}
			b.ReportMetric(perKey, "B/key")
		})
		b.Run(fmt.Sprintf("get/%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if k.Get(0, keys[i&0xFFFF]) == nil {
					b.Fatal("a key is missing")
				}
			}
		})
		b.Run(fmt.Sprintf("at/%d", n), func(b *testing.B) {
			for b.Loop() {
				k.At(0, rand.IntN(n))
			}
		})
		b.Run(fmt.Sprintf("collect/%d", n), func(b *testing.B) {
			before := collectorSeconds()
			for b.Loop() {
				runtime.GC()
			}
			b.ReportMetric((collectorSeconds()-before)*1e3/float64(b.N), "cpu-ms/op")
			runtime.KeepAlive(k)
		})
		b.Run(fmt.Sprintf("capture/%d", n), func(b *testing.B) { benchmarkCapture(b, k, keys) })
	}
}

// collectorSeconds is the processor time that the collector has taken, but for
// what it does while there is nothing else to do.
func collectorSeconds() float64 {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64()
}

func benchmarkCapture(b *testing.B, k *Keyspace, keys [][]byte) {
	var captures, writes []time.Duration
	value := make([]byte, 64)
	for b.Loop() {
		start := time.Now()
		c := k.Capture()
		captures = append(captures, time.Since(start))
		for range 20 {
			d := Draft{Key: keys[rand.IntN(len(keys))], Str: value}
			start := time.Now()
			k.Put(0, d)
			writes = append(writes, time.Since(start))
		}
		runtime.KeepAlive(c)
	}
	for _, m := range []struct {
		name  string
		spans []time.Duration
	}{{"capture", captures}, {"first-write", writes}} {
		slices.Sort(m.spans)
		b.ReportMetric(float64(m.spans[len(m.spans)/2].Nanoseconds()), m.name+"-p50-ns")
		b.ReportMetric(float64(m.spans[len(m.spans)*99/100].Nanoseconds()), m.name+"-p99-ns")
		b.ReportMetric(float64(m.spans[len(m.spans)-1].Nanoseconds()), m.name+"-max-ns")
	}
}

// BenchmarkDeadlines measures set with a deadline, and the clock's step when a
// million objects fall due at once.
func BenchmarkDeadlines(b *testing.B) {
	const n = 1_000_000
	k, perKey := filled(n, 1_000_000)
	b.Run("set", func(b *testing.B) {
		for b.Loop() {
			k.Put(0, Draft{Key: []byte(keyNumber(rand.IntN(n))), Str: make([]byte, 64), DeadlineMS: 2_000_000 + rand.Int64N(1_000_000)})
		}
		b.ReportMetric(perKey, "B/key")
	})
	b.Run("advance", func(b *testing.B) {
		k.Advance(3_000_000)
		for b.Loop() {
			k.Advance(k.ClockMS() + 1)
		}
	})
	b.Run("purge", func(b *testing.B) {
		for b.Loop() {
			k.Purge(1)
		}
	})
}
