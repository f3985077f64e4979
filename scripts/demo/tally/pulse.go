package tally

import (
	"sync"
	"time"
)

// Pulse records when writes were acknowledged: how many in each span of time, and the longest time
// without one.
type Pulse struct {
	span  time.Duration
	began time.Time

	mu      sync.Mutex
	beats   []int // one for each span since began
	last    time.Time
	longest time.Duration // since Mark
	total   int64
}

// NewPulse begins to count, in spans.
func NewPulse(now time.Time, span time.Duration) *Pulse {
	return &Pulse{span: span, began: now, last: now}
}

// Beat is one acknowledged write.
func (p *Pulse) Beat(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reach(now)
	p.beats[len(p.beats)-1]++
	p.longest = max(p.longest, now.Sub(p.last))
	p.last = now
	p.total++
}

// reach makes the spans up to now; time never goes back.
func (p *Pulse) reach(now time.Time) {
	for need := int(now.Sub(p.began)/p.span) + 1; len(p.beats) < need; {
		p.beats = append(p.beats, 0)
	}
}

// Mark forgets the longest time without a write: a new one is looked for.
func (p *Pulse) Mark() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.longest = 0
}

// Longest is the longest time without a write since Mark, up to now.
func (p *Pulse) Longest(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.longest, now.Sub(p.last))
}

// Last returns the time at which a write was last acknowledged.
func (p *Pulse) Last() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// Recent are the last complete spans, at most so many, the newest last.
func (p *Pulse) Recent(now time.Time, count int) []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reach(now)
	complete := p.beats[:len(p.beats)-1]
	complete = complete[max(0, len(complete)-count):]
	return append([]int(nil), complete...)
}

// PerSecond is the rate over the last second of complete spans.
func (p *Pulse) PerSecond(now time.Time) int {
	count := max(1, int(time.Second/p.span))
	sum := 0
	for _, beats := range p.Recent(now, count) {
		sum += beats
	}
	return int(float64(sum) / (time.Duration(count) * p.span).Seconds())
}

// Total returns the number of writes that were acknowledged.
func (p *Pulse) Total() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total
}
