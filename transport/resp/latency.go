package resp

import (
	"math/bits"
	"sync/atomic"
)

// histogramBuckets is how many powers of two of microseconds are told apart:
// up to 16 s.
const histogramBuckets = 25

// histogram counts durations by powers of two of microseconds.
type histogram struct {
	counts [histogramBuckets + 1]atomic.Uint64 // the last: longer
	sumNS  atomic.Uint64
}

func (h *histogram) observe(ns int64) {
	micros := (uint64(max(ns, 0)) + 999) / 1000
	bucket := 0
	if micros > 1 {
		bucket = min(bits.Len64(micros-1), histogramBuckets)
	}
	h.counts[bucket].Add(1)
	h.sumNS.Add(uint64(max(ns, 0)))
}

// buckets returns, for each upper bound in seconds, how many were at most that
// long, how many there were in all, and their sum in seconds.
func (h *histogram) buckets() (atMost map[float64]uint64, count uint64, sum float64) {
	atMost = make(map[float64]uint64, histogramBuckets)
	for i := range h.counts {
		count += h.counts[i].Load()
		if i < histogramBuckets {
			atMost[float64(uint64(1)<<i)/1e6] = count
		}
	}
	return atMost, count, float64(h.sumNS.Load()) / 1e9
}
