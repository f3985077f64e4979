package node

import (
	"slices"

	"github.com/kvorum/kvorum/fsm/entry"
)

// waitingLine holds the calls of this node's clients that are in no batch yet. It is a FIFO:
// batches take calls from the front, so the oldest call is next. Nobody waits outside of it, so a
// caller only needs to be woken when it is answered.
//
// The line has no bound of its own. A connection has at most one ticket and is not read while that
// ticket waits. The line refers to calls that the connection holds in memory anyway.
//
// A command that is larger than a batch travels in parts. Its ticket leaves the line meanwhile, so
// that no later call of the connection overtakes it, and returns to the front when the last part
// is numbered. At version 1 of the machine, the parts follow each other with no other batch
// between them. From version 2 on, commands in parts have a line of their own (large), and their
// parts alternate with small calls, batch by batch.
//
// Invariants:
//   - a ticket is in tickets, in large, in begun, or has no call left to pack;
//   - calls counts the calls of tickets that are not packed;
//   - begun holds at most one command unless all of them are stamped;
//   - partBytes is the total size of the commands whose last part is not resolved,
//     including those in begun. It exceeds partBytesMax only for a single command.
type waitingLine struct {
	tickets   []*ticket
	calls     int
	large     []*split // commands that wait for their first part to be numbered
	begun     []*split // commands of which some parts, but not the last, may be numbered
	turn      int      // index in begun of the command whose part is next
	partNext  bool     // a part goes before small calls
	partBytes int
}

func (l *waitingLine) push(t *ticket) {
	l.tickets = append(l.tickets, t)
	l.calls += t.unpacked()
}

// empty reports whether no call and no part waits.
func (l *waitingLine) empty() bool {
	return len(l.tickets)+len(l.large)+len(l.begun) == 0
}

// sends reports whether the waiting calls would make a batch, given room.
func (l *waitingLine) sends() bool {
	return len(l.tickets)+len(l.begun) > 0 || len(l.large) > 0 && l.fits(l.large[0])
}

// holdsParts reports whether a part can be sent next, whatever else waits.
func (l *waitingLine) holdsParts() bool {
	return len(l.begun) > 0 || len(l.large) > 0 && l.fits(l.large[0])
}

// fits reports whether a large command may begin to be sent.
func (l *waitingLine) fits(s *split) bool {
	return len(l.begun) < splitsMax && (l.partBytes == 0 || l.partBytes+s.size <= partBytesMax)
}

// next returns the command whose part the next batch carries; nil if that batch carries calls from
// the front.
func (l *waitingLine) next(alternate bool) *split {
	if len(l.begun) > 0 && !l.begun[0].stamped {
		return l.begun[0]
	}
	if !alternate {
		if len(l.tickets) == 0 || !isLarge(l.tickets[0].next()) {
			return nil
		}
		l.stepAside()
		l.begin(false)
		return l.begun[0]
	}
	for len(l.tickets) > 0 && isLarge(l.tickets[0].next()) {
		l.stepAside()
	}
	for len(l.large) > 0 && l.fits(l.large[0]) {
		l.begin(true)
	}
	if len(l.begun) == 0 || len(l.tickets) > 0 && !l.partNext {
		return nil
	}
	return l.begun[l.turn]
}

// stepAside moves the first ticket, whose next call is large, out of the way of those behind it.
func (l *waitingLine) stepAside() {
	t := l.tickets[0]
	l.tickets = popFront(l.tickets)
	l.calls -= t.unpacked()
	l.large = append(l.large, newSplit(t))
}

// begin moves the first large command to those whose parts are being sent.
func (l *waitingLine) begin(stamped bool) {
	s := l.large[0]
	l.large = popFront(l.large)
	s.stamped = stamped
	s.ticket.packed++
	l.partBytes += s.size
	l.begun = append(l.begun, s)
}

// passed records that a part of a command was numbered and passes the turn on.
func (l *waitingLine) passed(s *split) {
	l.partNext = false
	if s.next < s.parts {
		l.turn = (l.turn + 1) % len(l.begun)
		return
	}
	l.finish(s)
}

// finish ends a command of which nothing is left to number. If its ticket has further calls, it
// returns to the front, because it has waited longest.
func (l *waitingLine) finish(s *split) {
	l.leave(s)
	if t := s.ticket; t.unpacked() > 0 {
		l.tickets = append([]*ticket{t}, l.tickets...)
		l.calls += t.unpacked()
	}
}

// leave removes a command from begun.
func (l *waitingLine) leave(s *split) {
	i := slices.Index(l.begun, s)
	l.begun = slices.Delete(l.begun, i, i+1)
	if l.turn > i {
		l.turn--
	}
	if l.turn >= len(l.begun) {
		l.turn = 0
	}
}

// closed records that a command's last part, or its replacement, is resolved.
func (l *waitingLine) closed(s *split) { l.partBytes -= s.size }

// take packs calls from the front into a batch, at most bytes of them.
func (l *waitingLine) take(b *batch, commands []entry.Command, bytes int, alternate bool) []entry.Command {
	for len(l.tickets) > 0 && len(commands) < entry.CommandsMax {
		t, from := l.tickets[0], l.tickets[0].packed
		for t.unpacked() > 0 && len(commands) < entry.CommandsMax {
			size := callBytes(t.next())
			if size > bytes {
				break
			}
			bytes -= size
			commands = append(commands, entry.Command{DB: t.next().DB, Args: t.next().Args})
			t.packed++
		}
		if taken := t.packed - from; taken > 0 {
			b.slices = append(b.slices, slice{ticket: t, from: from, to: t.packed, at: len(commands) - taken})
			l.calls -= taken
		}
		switch {
		case t.unpacked() == 0:
			l.tickets = popFront(l.tickets)
		case alternate && isLarge(t.next()):
			l.stepAside()
		default: // no room, or parts that must follow each other
			l.partNext = true
			return commands
		}
	}
	l.partNext = true
	return commands
}

// remove takes out the tickets for which gone is true. It returns the tickets of which no part was
// being sent, and the commands of which parts were.
func (l *waitingLine) remove(gone func(*ticket) bool) (tickets []*ticket, begun []*split) {
	rest := l.tickets[:0]
	for _, t := range l.tickets {
		if gone(t) {
			tickets = append(tickets, t)
			l.calls -= t.unpacked()
		} else {
			rest = append(rest, t)
		}
	}
	clear(l.tickets[len(rest):])
	l.tickets = rest
	large := l.large[:0]
	for _, s := range l.large {
		if gone(s.ticket) {
			tickets = append(tickets, s.ticket)
		} else {
			large = append(large, s)
		}
	}
	clear(l.large[len(large):])
	l.large = large
	for _, s := range l.begun {
		if gone(s.ticket) {
			begun = append(begun, s)
		}
	}
	for _, s := range begun {
		l.leave(s)
	}
	return tickets, begun
}

// popFront removes the first element and clears its slot so that what it referred to can be freed.
func popFront[T any](list []T) []T {
	var zero T
	list[0] = zero
	if len(list) == 1 {
		return list[:0]
	}
	return list[1:]
}
