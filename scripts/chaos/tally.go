package main

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// tally counts what the clients of one run have seen.
type tally struct {
	reads atomic.Int64

	mu         sync.Mutex
	writes     int64
	slowest    time.Duration // of the clients of nodes that no fault was done to
	violations int
	errors     int       // of the same clients
	lastWrite  time.Time // when one of them was last answered
	gap        time.Duration
	gaps       []time.Duration // the longest time without an answered write, one for each round
	struck     time.Duration   // the longest time until a client of a struck node had an answer
}

func (t *tally) violation(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.violations++
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// refused counts an error that a client of a healthy node got.
func (t *tally) refused(n *node, answer string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.errors++
	fmt.Fprintf(os.Stderr, "ERROR: through %s: %s %v\n", n.id, answer, err)
}

// failedThrough counts an error that a client which tries again by itself got.
func (t *tally) failedThrough(what string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.errors++
	fmt.Fprintf(os.Stderr, "ERROR: through %s: %v\n", what, err)
}

// took notes an answered write, whichever node answered it.
func (t *tally) took(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writes++
	t.slowest = max(t.slowest, d)
}

func (t *tally) wrote(n *node, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writes++
	if n.struck.Load() {
		return
	}
	now := time.Now()
	t.slowest = max(t.slowest, took)
	if !t.lastWrite.IsZero() {
		t.gap = max(t.gap, now.Sub(t.lastWrite))
	}
	t.lastWrite = now
}

// answered notes an answer of any kind.
func (t *tally) answered(n *node, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n.struck.Load() {
		t.struck = max(t.struck, took)
	}
}

// beginRound forgets the gap so far, endRound keeps it.
func (t *tally) beginRound() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gap = 0
}

func (t *tally) endRound() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gaps = append(t.gaps, t.gap)
}

// print reports a run and returns whether it kept every promise.
func (t *tally) print(title string, r rounds) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Printf("%s: %d writes, %d reads; %d violations; %d errors for clients of nodes without a fault; their slowest write %v\n",
		title, t.writes, t.reads.Load(), t.violations, t.errors, t.slowest.Round(time.Millisecond))
	if len(t.gaps) > 0 {
		slices.Sort(t.gaps)
		fmt.Printf("%s: gap without writes: p50 %v, p99 %v, max %v\n", title,
			quantile(t.gaps, 0.5).Round(time.Millisecond), quantile(t.gaps, 0.99).Round(time.Millisecond), t.gaps[len(t.gaps)-1].Round(time.Millisecond))
	}
	if r.answerMax > 0 {
		fmt.Printf("%s: the clients of the node had an answer within %v\n", title, t.struck.Round(time.Millisecond))
	}
	return t.violations == 0 && (r.errorsAllowed || t.errors == 0) && t.within(title, r.bounds)
}

// within reports whether the bounds were kept, and says which were not. The gaps are sorted.
func (t *tally) within(title string, b bounds) bool {
	kept := true
	check := func(what string, got, most time.Duration) {
		if most > 0 && got > most {
			kept = false
			fmt.Printf("%s: TOO LONG: %s %v, %v promised\n", title, what, got.Round(time.Millisecond), most)
		}
	}
	if len(t.gaps) > 0 {
		check("p50", quantile(t.gaps, 0.5), b.p50)
		check("max", t.gaps[len(t.gaps)-1], b.max)
	}
	check("an answer", t.struck, b.answerMax)
	return kept
}

// quantile of sorted durations.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
