package node

import (
	"sync"
	"sync/atomic"
)

// progress holds how far this node's machine has come, readable without the machine's lock, and the
// list of those who wait for it to advance.
type progress struct {
	index      atomic.Uint64 // of the last entry applied
	clockMS    atomic.Int64
	term       atomic.Uint64 // Raft's term of the last entry applied
	deadlineMS atomic.Int64  // the machine's earliest deadline, or noDeadline
	version    atomic.Uint32 // the active version of the machine

	waiting atomic.Int32
	mu      sync.Mutex
	waits   []wait
}

// wait is a condition that is over when both the index and the clock are reached.
type wait struct {
	index   uint64
	clockMS int64
	reached func()
}

func (w *wait) over(p *progress) bool {
	return p.index.Load() >= w.index && p.clockMS.Load() >= w.clockMS
}

// await calls w.reached once w is over: at once, or later on the worker's goroutine. w.reached
// must not block.
func (p *progress) await(w wait) {
	if w.over(p) {
		w.reached()
		return
	}
	p.mu.Lock()
	p.waiting.Add(1)
	if w.over(p) { // it came while nobody was counted as waiting
		p.waiting.Add(-1)
		p.mu.Unlock()
		w.reached()
		return
	}
	p.waits = append(p.waits, w)
	p.mu.Unlock()
}

// moved wakes those whose wait is over. The worker calls it after it has stored the new values.
func (p *progress) moved() {
	if p.waiting.Load() == 0 {
		return
	}
	var over []wait
	p.mu.Lock()
	rest := p.waits[:0]
	for _, w := range p.waits {
		if w.over(p) {
			over = append(over, w)
		} else {
			rest = append(rest, w)
		}
	}
	clear(p.waits[len(rest):])
	p.waits = rest
	p.waiting.Add(-int32(len(over)))
	p.mu.Unlock()
	for _, w := range over {
		w.reached()
	}
}
