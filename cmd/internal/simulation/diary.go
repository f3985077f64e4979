package simulation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
)

// Bulk that is put between the entries of some diaries' pipelines: each of
// them takes a batch of its own, or several.
const (
	bulkBytesMin = 100 << 10
	bulkBytesMax = 400 << 10
)

// diarist appends the numbers 1, 2, 3 … to a key that nobody else touches, in
// pipelines with reads between: their order, and what a pipeline reads of its
// own writes, must be exact.
type diarist struct {
	connection
	key     string
	bulky   int // one pipeline in this many carries bulk
	last    int // number
	certain map[int]bool
	refused map[int]bool
	wrong   error // the first violation
}

// run writes until done is closed, or a diary is full.
func (d *diarist) run(done <-chan struct{}) {
	d.certain, d.refused = map[int]bool{}, map[int]bool{}
	for d.last < diaryEntries && d.wrong == nil && !closed(done) {
		if d.rng.IntN(6) == 0 {
			d.move()
		}
		d.turn()
		time.Sleep(time.Duration(d.rng.Int64N(int64(300 * time.Millisecond))))
	}
}

// turn sends one pipeline.
func (d *diarist) turn() {
	bulky := d.rng.IntN(d.bulky) == 0
	var calls []*command.Call
	var numbers []int // what a call appends; 0: nothing
	add := func(number int, fields ...string) {
		calls, numbers = append(calls, newCall(fields...)), append(numbers, number)
	}
	steps := 4
	if bulky {
		steps = 8
	}
	for range 1 + d.rng.IntN(steps) {
		d.last++
		add(d.last, "append", d.key, strconv.Itoa(d.last)+" ")
		if d.rng.IntN(2) == 0 {
			add(0, "get", d.key)
		}
		if bulky {
			bytes := bulkBytesMin + d.rng.IntN(bulkBytesMax-bulkBytesMin)
			add(0, "set", "bulk", strings.Repeat("b", bytes))
		}
	}
	sent, dead := d.send(calls)
	for i, number := range numbers {
		out := outcome{failed: true} // never sent
		if sent {
			out = read(calls[i].Reply, dead)
		}
		switch {
		case out.unknown:
		case number > 0:
			d.certain[number], d.refused[number] = !out.failed, out.failed
		case calls[i].Command.Name == "get" && !out.failed:
			d.look(out.text, slices.Max(append(numbers[:i:i], 0)))
		}
	}
}

// look judges a read that came right behind the number last.
func (d *diarist) look(text string, last int) {
	written := map[int]bool{}
	before := 0
	for _, field := range strings.Fields(text) {
		n, err := strconv.Atoi(field)
		switch {
		case err != nil || written[n]:
			d.fail("%q stands in it twice, or is no number: %q", field, text)
		case n <= before && d.certain[n]:
			d.fail("%s stands behind %d in %q", field, before, text)
		case n > last:
			d.fail("%d was read before it was written, behind %d: %q", n, last, text)
		case d.refused[n]:
			d.fail("%d was refused and yet written: %q", n, text)
		}
		written[n] = true
		if d.certain[n] { // one of unknown outcome may have been written later, past the next pipelines
			before = n
		}
	}
	for n := 1; n <= last; n++ {
		if d.certain[n] && !written[n] {
			d.fail("%d is missing at %d: %q", n, last, text)
		}
	}
}

func (d *diarist) fail(format string, args ...any) {
	if d.wrong == nil {
		d.wrong = &broken{"the diary " + d.key + ": " + fmt.Sprintf(format, args...)}
	}
}

// finish judges the whole diary, read through every server of a healthy cluster.
func (d *diarist) finish() error {
	for _, id := range d.cluster.IDs {
		d.home = id
		c := newCall("get", d.key)
		sent, dead := d.send([]*command.Call{c})
		out := read(c.Reply, dead)
		if !sent || out.failed || out.unknown {
			return fmt.Errorf("the last read of %s through %s was answered %q", d.key, id, c.Reply.Bytes)
		}
		d.look(out.text, d.last)
	}
	return d.wrong
}
