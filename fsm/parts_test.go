package fsm_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/entry"
)

// parted sends a command to machines at version 2, in parts as a node does.
type parted struct {
	*log
	number uint64
}

func newParted(t *testing.T) *parted {
	l := newLog(t, 1)
	l.register(one)
	l.raise(2)
	return &parted{log: l}
}

// next sends a batch of the one session.
func (p *parted) next(b entry.Batch) fsm.Outcome {
	p.t.Helper()
	p.number++
	b.Session, b.Number, b.Acked = one, p.number, p.number-1
	return p.entry(b)[0]
}

// send sends a command, and has each called after each part.
func (p *parted) send(each func(), args ...string) fsm.Outcome {
	p.t.Helper()
	var c entry.Command
	for _, arg := range args {
		c.Args = append(c.Args, []byte(arg))
	}
	body := entry.AppendBody(nil, []entry.Command{c})
	first, total := p.number+1, (len(body)+entry.PartBytesMax-1)/entry.PartBytesMax
	var out fsm.Outcome
	for i := range total {
		out = p.next(entry.Batch{Kind: entry.Part, First: first, PartIndex: i, PartTotal: total,
			PartBytes: body[i*entry.PartBytesMax : min((i+1)*entry.PartBytesMax, len(body))]})
		each()
	}
	return out
}

func TestAValueThatCameInPartsTakesNoMoreMemoryThanItself(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	p := newParted(t)
	const size, values = 270_000, 200 // little more than one part
	before := heap()
	for i := range values {
		p.send(func() {}, "set", fmt.Sprint(i), strings.Repeat("v", size))
	}
	if took := heap() - before; took > size*values*5/4 {
		t.Errorf("%d bytes for each value of %d", took/values, size)
	}
	runtime.KeepAlive(p)
}

// What a first part announces counts at once: memory is taken for it.
func TestWhatPartsAnnounceIsBounded(t *testing.T) {
	p := newParted(t)
	full := make([]byte, entry.PartBytesMax)
	p.next(entry.Batch{Kind: entry.Part, First: 1, PartTotal: 2180, PartBytes: full})
	p.next(entry.Batch{Kind: entry.Part, First: 2, PartTotal: 2, PartBytes: full})
	if got := show([]fsm.Outcome{p.next(entry.Batch{Kind: entry.Part, First: 2, PartIndex: 1, PartTotal: 2})}); !strings.Contains(got, "did not all arrive") {
		t.Errorf("a command beyond what there is room for: %s", got)
	}
	p.next(entry.Batch{Kind: entry.Abandon, First: 1})
	if got := show([]fsm.Outcome{p.send(func() {}, "set", "k", strings.Repeat("v", 300_000))}); !strings.HasSuffix(got, "+OK") {
		t.Errorf("a command after room was made: %s", got)
	}
}

// A capture shares the body that goes on growing, becomes a value, and is changed.
func TestACaptureOfPartsIsNotChangedLater(t *testing.T) {
	p := newParted(t)
	type digests struct{ before, after [20]byte }
	var want []chan digests
	p.send(func() {
		c, done := p.machines[0].Capture(), make(chan digests, 1)
		want = append(want, done)
		before := c.Digest()
		go func() {
			_, _ = c.WriteTo(io.Discard)
			done <- digests{before, c.Digest()}
		}()
	}, "set", "k", strings.Repeat("v", 2<<20))
	for _, line := range []string{"append k x", "setrange k 0 y", "append k zz", "copy k k2", "append k2 1", "append k 2"} {
		p.next(batch(one, 0, 0, line))
	}
	for i, done := range want {
		if d := <-done; !bytes.Equal(d.before[:], d.after[:]) {
			t.Errorf("the capture after part %d has changed", i)
		}
	}
}
