package resp

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestEveryDurationIsInTheBucketWhoseBoundsHoldIt(t *testing.T) {
	for micros := uint64(1); micros < 1<<26; micros += 1 + micros/100 {
		b := fineBucket(micros)
		if b == fineBuckets {
			if micros <= fineBound(fineBuckets-1) {
				t.Fatalf("%d µs are taken for longer than all bounds", micros)
			}
			continue
		}
		if bound := fineBound(b); micros > bound || b > 0 && micros <= fineBound(b-1) || bound-micros > micros/finePerPower {
			t.Fatalf("%d µs are in bucket %d, which ends at %d", micros, b, bound)
		}
	}
	if fineBound(fineBuckets-1) != 1<<histogramBuckets {
		t.Errorf("the last bound is %d", fineBound(fineBuckets-1))
	}
}

func TestPercentilesAreThoseOfTheDurations(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h histogram
	var all []int64
	for range 5000 {
		ns := int64(1000 * (1 + r.IntN(1<<r.IntN(20))))
		h.observe(ns)
		all = append(all, ns)
	}
	slices.Sort(all)
	for _, percent := range []float64{0, 1, 50, 90, 99, 99.9, 100} {
		exact := uint64(all[max(int(percent/100*float64(len(all))+0.5), 1)-1]) / 1000
		if got := h.percentile(percent); got < exact || got > exact+exact/finePerPower+1 {
			t.Errorf("p%v is %d µs, of the durations %d", percent, got, exact)
		}
	}
	atMost, count, sum := h.buckets()
	if count != 5000 || sum <= 0 || len(atMost) != histogramBuckets {
		t.Errorf("%d in all, %v s, %d bounds", count, sum, len(atMost))
	}
	for bound, n := range atMost {
		exact := uint64(0)
		for _, ns := range all {
			if float64(ns)/1e9 <= bound {
				exact++
			}
		}
		if n != exact {
			t.Errorf("%d are said to be at most %v s long, %d are", n, bound, exact)
		}
	}
	var none distribution
	if none.percentile(50) != 0 {
		t.Error("there is a percentile of nothing")
	}
}
