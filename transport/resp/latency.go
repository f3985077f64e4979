package resp

import (
	"math/bits"
	"sync/atomic"
)

// The buckets of a distribution. Each power of two of microseconds, up to 33 s, is divided into
// finePerPower buckets, so that a percentile is at most a sixteenth too large.
const (
	histogramBuckets = 25
	fineBits         = 4
	finePerPower     = 1 << fineBits
	fineBuckets      = (histogramBuckets - fineBits + 1) * finePerPower
)

// distribution counts durations by length, in whole microseconds, rounded up. It always takes 3 KB.
type distribution struct {
	counts [fineBuckets + 1]atomic.Uint64 // the last one counts all that are longer
}

func (d *distribution) add(ns int64, n uint64) {
	micros := (uint64(max(ns, 1)) + 999) / 1000
	d.counts[fineBucket(micros)].Add(n)
}

// fineBucket returns the bucket of a duration of at least 1 µs. The inclusive upper bounds of the
// buckets are the powers of two, and evenly spaced values between them.
func fineBucket(micros uint64) int {
	below := micros - 1
	power := max(bits.Len64(below)-fineBits-1, 0)
	return min(power*finePerPower+int(below>>power), fineBuckets)
}

// fineBound returns the longest duration that a bucket counts, in microseconds.
func fineBound(bucket int) uint64 {
	power := max(bucket/finePerPower-1, 0)
	return uint64(bucket-power*finePerPower+1) << power
}

// total returns how many durations were counted.
func (d *distribution) total() (n uint64) {
	for i := range d.counts {
		n += d.counts[i].Load()
	}
	return n
}

// percentile returns the duration in microseconds that percent of the durations did not exceed, or
// 0 if none was counted. For durations beyond the last bound it returns twice that bound.
func (d *distribution) percentile(percent float64) uint64 {
	total := d.total()
	if total == 0 {
		return 0
	}
	rank, seen := max(uint64(percent/100*float64(total)+0.5), 1), uint64(0)
	for i := range d.counts {
		if seen += d.counts[i].Load(); seen >= rank {
			return fineBound(i)
		}
	}
	return fineBound(fineBuckets)
}

// histogram is the distribution and the sum of one route's durations.
type histogram struct {
	distribution
	sumNS atomic.Uint64
}

func (h *histogram) observe(ns int64) {
	h.add(ns, 1)
	h.sumNS.Add(uint64(max(ns, 0)))
}

// buckets returns, for each power of two of microseconds (as seconds), how many durations were at
// most that long. It also returns the number of all durations and their sum in seconds.
func (h *histogram) buckets() (atMost map[float64]uint64, count uint64, sum float64) {
	atMost = make(map[float64]uint64, histogramBuckets)
	next := 0
	for power := range histogramBuckets {
		bound := uint64(1) << power
		for ; next < fineBuckets && fineBound(next) <= bound; next++ {
			count += h.counts[next].Load()
		}
		atMost[float64(bound)/1e6] = count
	}
	for ; next < len(h.counts); next++ {
		count += h.counts[next].Load()
	}
	return atMost, count, float64(h.sumNS.Load()) / 1e9
}
