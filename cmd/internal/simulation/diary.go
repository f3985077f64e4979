package simulation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
)

// The size of the large values that some diarists' pipelines carry between their numbers.
// Each of them takes a batch of its own, or several.
const (
	bulkBytesMin = 100 << 10
	bulkBytesMax = 400 << 10
)

// diarist appends the numbers 1, 2, 3 … to a key that nobody else touches, in pipelines
// with reads in between. The order of the numbers must be exact, and a pipeline must read
// its own writes.
type diarist struct {
	connection
	key       string
	bulky     int    // one pipeline in this many carries large values
	notes     []note // notes[i] is about number i+1
	pipelines int
	late      int   // how many numbers of unknown outcome come after later ones in the whole diary
	wrong     error // the first violation
}

// note records what happened to one number.
type note struct {
	pipeline       int
	home           string
	process        *process // nil: it was never sent
	sent, answered time.Time
	reply          string
	outcome
}

func (n note) String() string {
	if n.process == nil {
		return "never sent to " + n.home
	}
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // the start of every bubble
	text := n.reply
	if n.unknown && !strings.HasPrefix(text, "UNCERTAIN") {
		text += " (never heard: the process had ended)"
	}
	return fmt.Sprintf("pipeline %d through %s, sent at %v, answered at %v: %s", n.pipeline, n.home, n.sent.Sub(epoch), n.answered.Sub(epoch), text)
}

// run writes until done is closed or the diary is full.
func (d *diarist) run(done <-chan struct{}) {
	for len(d.notes) < diaryEntries && d.wrong == nil && !closed(done) {
		if last := len(d.notes) - 1; d.rng.IntN(6) == 0 || last >= 0 && d.notes[last].unknown {
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
	var numbers []int // the number that each call appends; 0: none
	add := func(number int, fields ...string) {
		calls, numbers = append(calls, newCall(fields...)), append(numbers, number)
	}
	steps := 4
	if bulky {
		steps = 8
	}
	last := len(d.notes)
	for range 1 + d.rng.IntN(steps) {
		last++
		add(last, "append", d.key, strconv.Itoa(last)+" ")
		if d.rng.IntN(2) == 0 {
			add(0, "get", d.key)
		}
		if bulky {
			bytes := bulkBytesMin + d.rng.IntN(bulkBytesMax-bulkBytesMin)
			add(0, "set", "bulk", strings.Repeat("b", bytes))
		}
	}
	d.pipelines++
	n := note{pipeline: d.pipelines, home: d.home, sent: time.Now()}
	sent, dead := d.send(calls)
	n.process, n.answered = d.via, time.Now()
	for i, number := range numbers {
		out := outcome{failed: true} // never sent
		if sent {
			out = read(calls[i].Reply, dead)
		}
		switch {
		case number > 0:
			n.outcome, n.reply = out, fmt.Sprintf("%q", calls[i].Reply.Bytes)
			d.notes = append(d.notes, n)
		case calls[i].Command.Name == "get" && !out.unknown && !out.failed:
			d.look(out.text, slices.Max(append(numbers[:i:i], 0)))
		}
	}
}

// look checks a read that followed the number last. It returns how many numbers come after
// later ones.
//
// Only a number of unknown outcome may do so: it was still under way when its node gave it
// up, and was applied after numbers that were written through another node meanwhile. It
// never comes after a later number that the same process wrote, since a session keeps its
// order.
func (d *diarist) look(text string, last int) (late int) {
	written := map[int]bool{}
	latest := map[*process]int{} // the largest number written through a process
	highest := 0
	for _, field := range strings.Fields(text) {
		n, err := strconv.Atoi(field)
		if err != nil || written[n] {
			d.fail(text, "%q stands in it twice, or is no number", field)
			continue
		}
		if n < 1 || n > last {
			d.fail(text, "%d was read before it was written, behind %d", n, last)
			continue
		}
		written[n] = true
		note := d.notes[n-1]
		if note.failed {
			d.fail(text, "%d was refused and yet written", n)
		}
		if n < highest {
			late++
			if !note.unknown || n < latest[note.process] {
				d.fail(text, "%d stands behind %d", n, highest)
			}
		}
		latest[note.process] = max(latest[note.process], n)
		highest = max(highest, n)
	}
	for n := 1; n <= last; n++ {
		if note := d.notes[n-1]; !note.unknown && !note.failed && !written[n] {
			d.fail(text, "%d is missing at %d", n, last)
		}
	}
	return late
}

// fail records the first violation, with the diary and what happened to each number.
func (d *diarist) fail(text, format string, args ...any) {
	if d.wrong != nil {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the diary %s: %s: %q", d.key, fmt.Sprintf(format, args...), text)
	for i, n := range d.notes {
		fmt.Fprintf(&b, "\n  %d: %v", i+1, n)
	}
	d.wrong = &broken{b.String()}
}

// finish checks the whole diary, read through every server of a healthy cluster.
func (d *diarist) finish() error {
	for _, id := range d.cluster.Members() {
		d.home = id
		c := newCall("get", d.key)
		sent, dead := d.send([]*command.Call{c})
		out := read(c.Reply, dead)
		if !sent || out.failed || out.unknown {
			return fmt.Errorf("the last read of %s through %s was answered %q", d.key, id, c.Reply.Bytes)
		}
		d.late = d.look(out.text, len(d.notes))
	}
	return d.wrong
}
