package node

import (
	"slices"

	"github.com/kvorum/kvorum/fsm/entry"
)

// waitingLine is the calls of this node's clients that are in no batch yet. Who
// has waited longest is next: batches take calls from the front, and nobody
// waits outside of it, so there is nobody to wake but by an answer.
//
// It has no bound of its own. A connection has one ticket at most and is not
// read while that waits, and the line refers to calls that its connection holds
// in memory anyway.
//
// A command that is larger than a batch travels in parts. Its ticket leaves the
// line for that, so that no later call of the connection overtakes it, and comes
// back to the front when the last part is numbered. At version 1 of the machine,
// parts follow each other without any other batch between. From version 2 on,
// commands in parts have a line of their own (large), and their parts take turns
// with the small calls, batch by batch.
//
// Invariants:
//   - a ticket is in tickets, in large, in begun, or has no call left to pack;
//   - calls counts what is not packed of tickets;
//   - begun holds one command at most unless all of them are stamped;
//   - partBytes is the sum of the bodies whose last part is not resolved, those
//     in begun among them, and above partBytesMax only for a single one.
type waitingLine struct {
	tickets   []*ticket
	calls     int
	large     []*split // commands that wait for their first part to be numbered
	begun     []*split // commands of which a part, and not the last, may be numbered
	turn      int      // of begun: whose part is next
	partNext  bool     // a part has its turn before small calls
	partBytes int
}

func (l *waitingLine) push(t *ticket) {
	l.tickets = append(l.tickets, t)
	l.calls += t.unpacked()
}

// empty reports whether no call waits, and no part.
func (l *waitingLine) empty() bool {
	return len(l.tickets)+len(l.large)+len(l.begun) == 0
}

// sends reports whether a batch can be made of what waits, if it has room.
func (l *waitingLine) sends() bool {
	return len(l.tickets)+len(l.begun) > 0 || len(l.large) > 0 && l.fits(l.large[0])
}

// holdsParts reports whether a part is next to be sent, whatever else waits.
func (l *waitingLine) holdsParts() bool {
	return len(l.begun) > 0 || len(l.large) > 0 && l.fits(l.large[0])
}

func (l *waitingLine) fits(s *split) bool {
	return len(l.begun) < splitsMax && (l.partBytes == 0 || l.partBytes+s.size <= partBytesMax)
}

// next returns the command whose part the next batch carries, nil if it carries
// calls from the front.
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

// stepAside moves the first ticket, whose next call is large, out of the way of
// those behind it.
func (l *waitingLine) stepAside() {
	t := l.tickets[0]
	l.tickets = popFront(l.tickets)
	l.calls -= t.unpacked()
	l.large = append(l.large, newSplit(t))
}

func (l *waitingLine) begin(stamped bool) {
	s := l.large[0]
	l.large = popFront(l.large)
	s.stamped = stamped
	s.ticket.packed++
	l.partBytes += s.size
	l.begun = append(l.begun, s)
}

// passed says that a part of a command was numbered: others have their turn.
func (l *waitingLine) passed(s *split) {
	l.partNext = false
	if s.next < s.parts {
		l.turn = (l.turn + 1) % len(l.begun)
		return
	}
	l.finish(s)
}

// finish ends a command of which nothing is left to number. Its ticket, if it has
// further calls, has waited longest.
func (l *waitingLine) finish(s *split) {
	l.leave(s)
	if t := s.ticket; t.unpacked() > 0 {
		l.tickets = append([]*ticket{t}, l.tickets...)
		l.calls += t.unpacked()
	}
}

// leave takes a command out of those that are under way.
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

// closed says that a command's last part, or what is in its place, is resolved.
func (l *waitingLine) closed(s *split) { l.partBytes -= s.size }

// take packs calls from the front into a batch: bytes of them at most.
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

// remove takes out the tickets that are gone: those of which calls were never
// packed, and the commands of which parts were.
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

// popFront removes the first element, so that what it referred to is freed.
func popFront[T any](list []T) []T {
	var zero T
	list[0] = zero
	if len(list) == 1 {
		return list[:0]
	}
	return list[1:]
}
