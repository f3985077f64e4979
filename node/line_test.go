package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
)

// largeValue returns the smallest value that travels in the given number of parts.
func largeValue(parts int) []byte { return make([]byte, (parts-1)*entry.PartBytesMax+1) }

// waiter returns a ticket of appends to a key.
func waiter(key string, values ...[]byte) *ticket {
	t := &ticket{done: make(chan struct{}, 1)}
	row, _ := command.Lookup([][]byte{[]byte("append"), []byte("k"), []byte("v")})
	for _, v := range values {
		t.calls = append(t.calls, &command.Call{Command: row, Args: [][]byte{[]byte("append"), []byte(key), v}})
	}
	t.pending.Store(int32(len(values)))
	return t
}

// pull makes the next batch of the line as a session does. It returns the keys of the commands in
// the batch, or the key and the index of a part.
func (l *waitingLine) pull(number *uint64, alternate bool) []string {
	if p := l.next(alternate); p != nil {
		part := p.part(*number, partsBuffer)
		*number++
		l.passed(p)
		return []string{fmt.Sprintf("%s/%d", p.ticket.calls[p.call].Args[1], part.PartIndex)}
	}
	var keys []string
	for _, c := range l.take(&batch{}, nil, entry.BodyBytesMax-countBytes, alternate) {
		keys = append(keys, string(c.Args[1]))
	}
	if len(keys) > 0 {
		*number++
	}
	return keys
}

func (l *waitingLine) pullAll(alternate bool) (batches []string) {
	number := uint64(1)
	for {
		keys := l.pull(&number, alternate)
		if keys == nil {
			return batches
		}
		batches = append(batches, fmt.Sprint(keys))
	}
}

func wantBatches(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the batches are\n%v, not\n%v", got, want)
	}
}

var (
	small       = []byte("v")
	partsBuffer = make([]byte, entry.PartBytesMax)
)

// At version 1 the line is first in, first out, and parts follow each other.
func TestALineIsFirstInFirstOut(t *testing.T) {
	var l waitingLine
	l.push(waiter("a", small, small))
	l.push(waiter("b", largeValue(3), small))
	l.push(waiter("c", small))
	l.push(waiter("d", largeValue(2)))
	wantBatches(t, l.pullAll(false), "[a a]", "[b/0]", "[b/1]", "[b/2]", "[b c]", "[d/0]", "[d/1]")
	if l.calls != 0 || !l.empty() {
		t.Errorf("%d calls are left", l.calls)
	}
}

// From version 2 on, small calls pass large commands, and large commands pass each other. The
// calls of one connection do not.
func TestSmallCallsPassALargeCommand(t *testing.T) {
	var l waitingLine
	l.push(waiter("b", largeValue(3), small))
	l.push(waiter("a", make([]byte, entry.BodyBytesMax/2+1), small))
	l.push(waiter("c", make([]byte, entry.BodyBytesMax/2+1)))
	l.push(waiter("d", largeValue(2)))
	wantBatches(t, l.pullAll(true), "[a a]", "[b/0]", "[c]", "[b/1]", "[d/0]", "[b/2]", "[b]", "[d/1]")
}

// A command whose first part was numbered at version 1 is finished as it was begun.
func TestACommandBegunBeforeTheRaiseIsNotInterrupted(t *testing.T) {
	var l waitingLine
	l.push(waiter("a", largeValue(3)))
	l.push(waiter("b", small))
	l.push(waiter("c", largeValue(2)))
	number := uint64(1)
	var batches []string
	for i := range 7 {
		if keys := l.pull(&number, i > 0); keys != nil {
			batches = append(batches, fmt.Sprint(keys))
		}
	}
	wantBatches(t, batches, "[a/0]", "[a/1]", "[a/2]", "[b]", "[c/0]", "[c/1]")
}

// Commands whose last part is not resolved are bounded in bytes. A command that does not fit
// waits, with the calls behind it, and others use the line.
func TestLargeCommandsWaitForRoom(t *testing.T) {
	var l waitingLine
	huge := make([]byte, partBytesMax/2+1)
	first := waiter("a", huge)
	l.push(first)
	l.push(waiter("b", huge))
	l.push(waiter("c", largeValue(2)))
	l.push(waiter("d", small))
	a := l.next(true)
	if a != nil {
		t.Fatal("a part goes before the small call")
	}
	wantBatches(t, []string{fmt.Sprint(l.pull(new(uint64), true))}, "[d]")
	a = l.next(true)
	for _, s := range l.begun {
		if s != a {
			t.Fatal("another command has begun")
		}
	}
	a.next = a.parts
	l.passed(a)
	if l.sends() || l.next(true) != nil || len(l.large) != 2 || l.partBytes != a.size {
		t.Fatalf("%d commands wait beside %d bytes of parts", len(l.large), l.partBytes)
	}
	l.closed(a)
	if b := l.next(true); b == nil || string(b.ticket.calls[0].Args[1]) != "b" {
		t.Fatal("the next one does not begin")
	}
	if len(l.begun) != 2 {
		t.Errorf("%d commands are under way", len(l.begun))
	}
}

// A ticket whose client is gone leaves the line, wherever it stands. The others keep their places.
func TestWhoIsGoneLeavesTheLine(t *testing.T) {
	var l waitingLine
	var all []*ticket
	for i := range splitsMax + 2 {
		all = append(all, waiter(fmt.Sprint("large", i), largeValue(2)))
		l.push(all[i])
	}
	for i := range 3 {
		all = append(all, waiter(fmt.Sprint("small", i), small))
		l.push(all[len(all)-1])
	}
	l.next(true) // some begin, some wait
	gone := map[*ticket]bool{all[0]: true, all[splitsMax]: true, all[splitsMax+3]: true}
	tickets, begun := l.remove(func(t *ticket) bool { return gone[t] })
	if len(tickets) != 2 || len(begun) != 1 || begun[0].ticket != all[0] {
		t.Fatalf("%d tickets and %d commands in parts have left", len(tickets), len(begun))
	}
	l.closed(begun[0])
	wantBatches(t, l.pullAll(true), "[small0 small2]", "[large1/0]", "[large2/0]", "[large3/0]", "[large5/0]", "[large1/1]", "[large2/1]", "[large3/1]", "[large5/1]")
}

// Whatever arrives, leaves or is raised meanwhile, each call is packed once, the calls of a
// connection stay in order, and the invariants of the line hold.
func TestALineLosesNothing(t *testing.T) {
	sizes := [][]byte{small, small, make([]byte, 100<<10), largeValue(2), largeValue(3)}
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 7))
		var l waitingLine
		var closing []*split
		number, alternate := uint64(1), false
		waiting := map[*ticket]int{} // the call that is next
		for range 300 {
			switch r.IntN(6) {
			case 0, 1:
				var values [][]byte
				for range 1 + r.IntN(3) {
					values = append(values, sizes[r.IntN(len(sizes))])
				}
				t := waiter("k", values...)
				waiting[t] = 0
				l.push(t)
			case 2, 3:
				l.step(t, &number, alternate, waiting, &closing)
			case 4:
				for i := range closing {
					l.closed(closing[i])
				}
				closing = nil
				alternate = alternate || r.IntN(50) == 0
			case 5:
				if r.IntN(4) > 0 {
					continue
				}
				tickets, begun := l.remove(func(*ticket) bool { return r.IntN(3) == 0 })
				for _, s := range begun {
					l.closed(s)
					delete(waiting, s.ticket)
				}
				for _, t := range tickets {
					delete(waiting, t)
				}
			}
			l.check(t)
		}
		for len(waiting) > 0 || l.partBytes > 0 {
			l.step(t, &number, alternate, waiting, &closing)
			for i := range closing {
				l.closed(closing[i])
			}
			closing = nil
			l.check(t)
		}
		if !l.empty() {
			t.Fatalf("seed %d: the line is not empty", seed)
		}
	}
}

// step packs one batch and records the progress of its tickets.
func (l *waitingLine) step(t *testing.T, number *uint64, alternate bool, waiting map[*ticket]int, closing *[]*split) {
	t.Helper()
	done := func(w *ticket, from, to int) {
		if at, known := waiting[w]; !known || at != from {
			t.Fatalf("call %d of a ticket is packed, and %d is next", from, at)
		}
		if waiting[w] = to; to == len(w.calls) {
			delete(waiting, w)
		}
	}
	if p := l.next(alternate); p != nil {
		p.part(*number, partsBuffer)
		*number++
		if l.passed(p); p.next == p.parts {
			*closing = append(*closing, p)
			done(p.ticket, p.call, p.call+1)
		}
		return
	}
	b := &batch{}
	l.take(b, nil, entry.BodyBytesMax-countBytes, alternate)
	for _, s := range b.slices {
		done(s.ticket, s.from, s.to)
	}
}

// check checks the invariants.
func (l *waitingLine) check(t *testing.T) {
	t.Helper()
	calls, bytes := 0, 0
	for _, w := range l.tickets {
		calls += w.unpacked()
	}
	for _, s := range l.begun {
		bytes += s.size
		if !s.stamped && len(l.begun) > 1 {
			t.Fatal("a command of version 1 is not alone")
		}
	}
	if calls != l.calls || bytes > l.partBytes || l.turn > 0 && l.turn >= len(l.begun) || len(l.begun) > splitsMax {
		t.Fatalf("%d of %d calls, %d of %d bytes, turn %d of %d", l.calls, calls, l.partBytes, bytes, l.turn, len(l.begun))
	}
}
