package resp

import "sync/atomic"

// ratesWindow is over how many sweeps INFO's instantaneous figures are taken.
const ratesWindow = 4

// rates are INFO's instantaneous figures, renewed at each sweep.
type rates struct {
	seen                        [ratesWindow]sample // only the sweep's goroutine
	next                        int
	commands, inputKB, outputKB atomic.Uint64 // per second, in hundredths
}

type sample struct {
	at                      int64
	commands, input, output uint64
}

// renew takes a sample; at is the server's time.
func (r *rates) renew(at int64, s *stats) {
	now := sample{at: at, commands: s.commandCount.Load(), input: s.inputBytes.Load(), output: s.outputBytes.Load()}
	old := r.seen[r.next]
	r.seen[r.next] = now
	r.next = (r.next + 1) % ratesWindow
	r.commands.Store(perSecond(old.commands, now.commands, at-old.at))
	r.inputKB.Store(perSecond(old.input, now.input, at-old.at) / 1024)
	r.outputKB.Store(perSecond(old.output, now.output, at-old.at) / 1024)
}

// perSecond is in hundredths; a counter that was reset counts from zero.
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
