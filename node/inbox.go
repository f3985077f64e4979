package node

import "slices"

// inbox holds the batches of other nodes that no entry has taken, in one line for each server. The
// lines take turns, so a node gets its share of the entries however much others send. Each line
// has its own bound.
//
// Invariants: no line is empty; the batches of one server stay in order.
type inbox struct {
	lines []*serverLine
	turn  int // index in lines of the next one
}

// serverLine holds the batches that one server has forwarded.
type serverLine struct {
	server   string
	forwards []forward
	bytes    int
}

// forward is a batch of another node.
type forward struct {
	server string
	data   []byte
	answer func(error)
}

// put queues a batch. It returns false if there is no room for it.
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

// take removes the first batch of the line whose turn it is and passes the turn on. It returns
// false if there is no batch, or if the batch is longer than room.
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
