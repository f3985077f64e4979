package node

import "slices"

// inbox is the batches of other nodes that no entry has taken, a line for each
// server. Lines take turns, so that a node has its share of the entries however
// much others send, and each has its own bound.
//
// Invariants: no line is empty; what one server sent stays in order.
type inbox struct {
	lines []*serverLine
	turn  int // of lines: who is next
}

// serverLine is what one server has forwarded.
type serverLine struct {
	server   string
	forwards []forward
	bytes    int
}

// forward is a batch of another node's.
type forward struct {
	server string
	data   []byte
	answer func(error)
}

// put queues a batch; false means that there is no room for it.
func (b *inbox) put(f forward) bool {
	var l *serverLine
	for _, have := range b.lines {
		if have.server == f.server {
			l = have
		}
	}
	switch {
	case l == nil && len(b.lines) >= inboxServersMax:
		return false
	case l == nil:
		l = &serverLine{server: f.server}
		b.lines = append(b.lines, l)
	case len(l.forwards) >= inboxBatchesMax || l.bytes+len(f.data) > inboxBytesMax:
		return false
	}
	l.forwards = append(l.forwards, f)
	l.bytes += len(f.data)
	return true
}

func (b *inbox) empty() bool { return len(b.lines) == 0 }

// take removes the first batch of the line whose turn it is, and passes the turn
// on; false means that it is longer than room, or that there is none.
func (b *inbox) take(room int) (f forward, ok bool) {
	if len(b.lines) == 0 {
		return forward{}, false
	}
	l := b.lines[b.turn]
	if f = l.forwards[0]; len(f.data) > room {
		return forward{}, false
	}
	l.forwards = popFront(l.forwards)
	l.bytes -= len(f.data)
	if len(l.forwards) > 0 {
		b.turn++
	} else {
		b.lines = slices.Delete(b.lines, b.turn, b.turn+1)
	}
	if b.turn >= len(b.lines) {
		b.turn = 0
	}
	return f, true
}

// clear empties the inbox and returns what was in it.
func (b *inbox) clear() (all []forward) {
	for _, l := range b.lines {
		all = append(all, l.forwards...)
	}
	*b = inbox{}
	return all
}
