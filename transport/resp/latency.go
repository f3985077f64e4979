package resp

import (
	"math/bits"
	"sync/atomic"
)

// The buckets of a distribution: each power of two of microseconds, up to 33 s, is
// divided into finePerPower, so that a percentile is at most a sixteenth too large.
const (
	histogramBuckets = 25
	fineBits         = 4
	finePerPower     = 1 << fineBits
	fineBuckets      = (histogramBuckets - fineBits + 1) * finePerPower
)

// distribution counts durations by how long they were, in whole microseconds,
// rounded up. Its memory is 3 KB, whatever it counts.
type distribution struct {
	counts [fineBuckets + 1]atomic.Uint64 // the last: longer
}

func (d *distribution) add(ns int64, n uint64) {
	micros := (uint64(max(ns, 1)) + 999) / 1000
	d.counts[fineBucket(micros)].Add(n)
}

// fineBucket is where a duration of at least 1 µs is counted: the bounds are
// powers of two, inclusive, and what lies evenly between them.
func fineBucket(micros uint64) int {
	below := micros - 1
	power := max(bits.Len64(below)-fineBits-1, 0)
	return min(power*finePerPower+int(below>>power), fineBuckets)
}

// fineBound is the longest duration of a bucket, in microseconds.
func fineBound(bucket int) uint64 {
	power := max(bucket/finePerPower-1, 0)
	return uint64(bucket-power*finePerPower+1) << power
}

// total is how many durations were counted.
func (d *distribution) total() (n uint64) {
	for i := range d.counts {
		n += d.counts[i].Load()
	}
	return n
}

// percentile is the duration in microseconds that this many of a hundred did not
// exceed; 0 if none was counted. What was longer than the last bound is given as twice that.
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

// histogram is the distribution of one route, and the sum of its durations.
type histogram struct {
	distribution
	sumNS atomic.Uint64
}

func (h *histogram) observe(ns int64) {
	h.add(ns, 1)
	h.sumNS.Add(uint64(max(ns, 0)))
}

// buckets returns, for each power of two of microseconds, in seconds, how many were
// at most that long, how many there were in all, and their sum in seconds.
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
