package resp

import "sync/atomic"

// ratesWindow is the number of sweeps that INFO's instantaneous figures cover.
const ratesWindow = 4

// rates holds INFO's instantaneous figures, which each sweep updates.
type rates struct {
	seen                        [ratesWindow]sample // used only by the sweep's goroutine
	next                        int
	commands, inputKB, outputKB atomic.Uint64 // per second, in hundredths
}

type sample struct {
	at                      int64
	commands, input, output uint64
}

// renew takes a sample at a server time and updates the figures.
func (r *rates) renew(at int64, s *stats) {
	now := sample{at: at, commands: s.commandCount.Load(), input: s.inputBytes.Load(), output: s.outputBytes.Load()}
	old := r.seen[r.next]
	r.seen[r.next] = now
	r.next = (r.next + 1) % ratesWindow
	r.commands.Store(perSecond(old.commands, now.commands, at-old.at))
	r.inputKB.Store(perSecond(old.input, now.input, at-old.at) / 1024)
	r.outputKB.Store(perSecond(old.output, now.output, at-old.at) / 1024)
}

// perSecond returns a rate in hundredths. A counter that was reset counts from zero.
func perSecond(before, after uint64, ns int64) uint64 {
	if ns <= 0 {
		return 0
	}
	if after < before {
		before = 0
	}
	return uint64(float64(after-before) * 100 * 1e9 / float64(ns))
}

func (r *rates) reset() {
	r.commands.Store(0)
	r.inputKB.Store(0)
	r.outputKB.Store(0)
}
