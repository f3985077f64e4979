package node

import (
	"time"

	"github.com/kvorum/kvorum/fsm/entry"
)

// expire answers the calls whose time is over. The time-out counts from the last progress of this
// node's line, or from a call's arrival if that was later; a call at the end of a moving line
// keeps waiting. An entry that takes the machine long counts as progress: its outcome is certain
// to come, and so are those of the entries behind it.
func (s *session) expire(now time.Time) {
	applying := s.node.worker.applying.Load()
	if applying > 0 && applying == s.applying { // it has taken at least the time between two looks
		s.progressAt = now
	}
	s.applying = applying
	over := now.Add(-s.node.cfg.WriteTimeout)
	if s.progressAt.After(over) {
		return
	}
	s.giveUp(func(t *ticket) bool { return !t.since.After(over) })
}

// abandon answers a ticket whose client has gone.
func (s *session) abandon(gone *ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveUp(func(t *ticket) bool { return t == gone })
	signal(s.wake)
}

// verdict returns the error for the clients of a batch that got no outcome.
func (s *session) verdict(b *batch) *Error {
	if b.sends > 0 {
		return ErrUncertain
	}
	return s.refusal()
}

// refusal returns why a call that was never sent, or was refused each time, was not applied.
func (s *session) refusal() *Error {
	switch {
	case !s.local && s.leader == "":
		return ErrNoLeader
	case s.told == ErrBusy || s.told == ErrNotYet:
		return s.told
	case !s.registered:
		return ErrNotRegistered
	}
	return ErrStuck
}

// giveUp answers the waiting calls of some tickets, sent or not. A batch that nobody waits for any
// more, or the parts of such a command, are replaced by an empty batch. Calls that are told that
// they were not applied are removed from a batch that others wait for.
func (s *session) giveUp(gone func(*ticket) bool) {
	refusal := errorReply(s.refusal())
	tickets, begun := s.line.remove(gone)
	for _, t := range tickets {
		t.answer(t.packed, len(t.calls), refusal)
	}
	for _, p := range begun { // the last part was never sent, so the command cannot be applied
		p.ticket.answer(p.call, len(p.ticket.calls), refusal)
	}
	s.drop(gone)
	for _, p := range begun {
		s.blankParts(p)
	}
}

// drop answers the calls of some tickets that are already in batches.
func (s *session) drop(gone func(*ticket) bool) {
	for _, b := range s.unresolved {
		if len(b.slices) == 0 {
			continue
		}
		had, kept := len(b.slices), b.slices[:0]
		verdict := errorReply(s.verdict(b))
		for _, sl := range b.slices {
			if !gone(sl.ticket) {
				kept = append(kept, sl)
				continue
			}
			sl.ticket.answer(sl.from, sl.to, verdict)
		}
		b.slices = kept
		switch {
		case len(kept) > 0:
			if len(kept) < had && b.sends == 0 {
				s.repack(b)
			}
		case b.split != nil:
			s.blankParts(b.split)
		default:
			s.blank(b)
		}
	}
}

// blank replaces a batch that nobody waits for by an empty one under the same number. So no gap
// remains and nothing is applied an hour later.
func (s *session) blank(b *batch) {
	b.split = nil
	b.data = s.encode(entry.Batch{Kind: entry.Commands}, b.number)
	s.rewind()
}

// repack keeps in a batch only the calls that somebody still waits for. Nobody can have the old
// content, because every send of it was refused.
func (s *session) repack(b *batch) {
	commands := s.scratch[:0]
	for i := range b.slices {
		sl := &b.slices[i]
		sl.at = len(commands)
		for _, c := range sl.ticket.calls[sl.from:sl.to] {
			commands = append(commands, entry.Command{DB: c.DB, Args: c.Args})
		}
	}
	b.data = s.encode(entry.Batch{Kind: entry.Commands, Commands: commands}, b.number)
	clear(commands)
	s.scratch = commands
	s.rewind()
}

// blankParts blanks the unresolved parts of a command. The machines keep the parts that have
// arrived, or that arrive before their blanks, until a further batch frees them. At version 1 of
// the machine any batch without commands does that, so none is added if the blank of the last part
// serves the purpose.
func (s *session) blankParts(cut *split) {
	for _, b := range s.unresolved {
		if b.split == cut {
			s.blank(b)
		}
	}
	free := &batch{}
	if cut.next < cut.parts {
		free.closes = cut
	}
	switch {
	case cut.next == 0:
		s.line.closed(cut)
	case s.alternates():
		s.seal(entry.Batch{Kind: entry.Abandon, First: cut.first}, free)
	case cut.next < cut.parts:
		s.seal(entry.Batch{Kind: entry.Commands}, free)
	}
}
