package node

import (
	"errors"
	"runtime"
	"time"

	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/reply"
)

// collect loads what this process has to send into the next entry of its own
// committer, as long as there is room. If the entry would be made for a line
// that is held, it returns how long that may last.
func (s *session) collect(into *load) (held time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.entry)
	s.entry = s.entry[:0]
	if !s.local || (!s.retryAt.IsZero() && time.Now().Before(s.retryAt)) {
		return 0
	}
	if len(into.batches) == 0 && s.sent == len(s.unresolved) && s.held() {
		return holdMax
	}
	s.entryCalls = s.waitingCalls
	defer func() { s.entryCalls -= s.waitingCalls }()
	for {
		b := s.unsent(into.room())
		if b == nil {
			return 0
		}
		into.add(b.data)
		s.entry = append(s.entry, b)
		s.markSent(b, time.Time{})
	}
}

// unsent is the next batch to send, nil when there is none that fits room.
func (s *session) unsent(room int) *batch {
	if s.sent < len(s.unresolved) {
		if b := s.unresolved[s.sent]; len(b.data) <= room {
			return b
		}
		return nil
	}
	return s.pack(room)
}

func (s *session) markSent(b *batch, now time.Time) {
	s.sent++
	b.sends++
	b.sentAt = now
}

// idle reports whether this process has nothing for the next entry, if that is
// made now.
func (s *session) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.retryAt.IsZero() && time.Now().Before(s.retryAt) {
		return true
	}
	return len(s.waiting) == 0 && s.split == nil && s.sent == len(s.unresolved)
}

// run sends batches to a leader elsewhere, and looks at deadlines.
func (s *session) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.wake:
			runtime.Gosched() // those who are about to write join the batch
		case <-timer.C:
		case <-s.node.stop:
			return
		}
		if again := s.pump(); again > 0 {
			timer.Reset(again)
		}
	}
}

// pump sends what there is to send and says when to look again, 0 for not
// before somebody wakes it.
func (s *session) pump() time.Duration {
	now := time.Now()
	var letters []letter
	s.mu.Lock()
	if now.Sub(s.expiredAt) >= expiryTick/2 { // it looks at everybody who waits
		s.expiredAt = now
		s.expire(now)
	}
	if s.silent(now) {
		s.rewind()
	}
	leader, epoch := s.leader, s.epoch
	remote := !s.local && leader != "" && leader != s.id.Server
	if remote && !now.Before(s.retryAt) && !s.over {
		for s.sent < batchesInFlightMax {
			if s.sent == len(s.unresolved) && s.held() {
				break
			}
			b := s.unsent(int(^uint(0) >> 1))
			if b == nil {
				break
			}
			s.markSent(b, now)
			letters = append(letters, letter{b, b.data})
		}
	}
	again := s.lookAgain(now)
	local := s.local && (s.sent < len(s.unresolved) || len(s.waiting) > 0)
	s.mu.Unlock()
	if local {
		s.node.committer.kick()
	}
	for _, l := range letters {
		s.node.cfg.Peers.Forward(leader, l.data, func(err error) { s.forwarded(l.batch, epoch, err) })
	}
	return again
}

// letter is a batch as it was when it was counted as sent: another goroutine
// may blank it before it is on its way.
type letter struct {
	batch *batch
	data  []byte
}

func (s *session) lookAgain(now time.Time) time.Duration {
	s.ticking = len(s.waiting) > 0 || s.split != nil || len(s.unresolved) > 0
	if !s.ticking {
		return 0
	}
	again := time.Duration(expiryTick)
	if wait := s.retryAt.Sub(now); wait > 0 && wait < again {
		again = wait
	}
	if wait := s.heldUntil.Sub(now); wait > 0 && wait < again && !s.local {
		again = wait
	}
	return again
}

// silent reports whether the oldest batch was sent long ago and nothing was
// heard. (This node's own committer always answers.)
func (s *session) silent(now time.Time) bool {
	return !s.local && s.sent > 0 && now.Sub(s.unresolved[0].sentAt) > resendAfter
}

// forwarded is what the leader said of a batch.
func (s *session) forwarded(b *batch, epoch uint64, err error) {
	if err == nil {
		return // committed: this node's machine is about to tell the rest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	refused, never := errors.AsType[*Refused](err)
	if (never || errors.Is(err, ErrNotLeader) || errors.Is(err, ErrBusy) || errors.Is(err, ErrNotYet)) && b.sends > 0 {
		b.sends--
	}
	if epoch != s.epoch {
		return
	}
	if never && s.refuse(b, refused) {
		signal(s.wake)
		return
	}
	s.doubt(retryMin)
}

// returned is what this node's committer says of an entry that failed.
func (s *session) returned(refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if refused {
		for _, b := range s.entry {
			b.sends--
		}
	}
	if s.local {
		s.doubt(retryMin)
	}
}

// doubt has everything sent again after a pause, which grows while doubts go on.
func (s *session) doubt(pause time.Duration) {
	s.rewind()
	s.backoff = min(max(s.backoff*2, pause), retryMax)
	s.retryAt = time.Now().Add(s.backoff)
	signal(s.wake)
}

// lead says that this node's committer takes batches, or not any more.
func (s *session) lead(local bool) {
	s.mu.Lock()
	s.local = local
	s.redirect()
	s.mu.Unlock()
	signal(s.wake)
}

// follow says who leads.
func (s *session) follow(leader string) {
	s.mu.Lock()
	if leader != s.leader {
		s.leader = leader
		if !s.local {
			s.redirect()
		}
	}
	s.mu.Unlock()
	signal(s.wake)
}

// redirect has everything sent again, at once, since somebody else takes it.
func (s *session) redirect() {
	s.rewind()
	s.retryAt, s.backoff = time.Time{}, 0
}

// expire answers those whose time is over.
func (s *session) expire(now time.Time) {
	waiting := s.waiting[:0]
	for _, t := range s.waiting {
		if now.Before(t.deadline) {
			waiting = append(waiting, t)
		} else {
			s.giveUp(t)
		}
	}
	clear(s.waiting[len(waiting):])
	s.waiting = waiting
	s.drop(func(t *ticket) bool { return !now.Before(t.deadline) })
}

// abandon answers a ticket whose client has gone.
func (s *session) abandon(gone *ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, t := range s.waiting {
		if t == gone {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			s.giveUp(t)
			break
		}
	}
	s.drop(func(t *ticket) bool { return t == gone })
	signal(s.wake)
}

// giveUp answers the calls of a ticket that were never sent.
func (s *session) giveUp(t *ticket) {
	bytes := 0
	for _, c := range t.calls[t.packed:] {
		bytes += callBytes(c)
	}
	s.unqueued(len(t.calls)-t.packed, bytes)
	from := t.packed
	t.packed = len(t.calls)
	t.answer(from, len(t.calls), errorReply(ErrNoLeader))
}

// drop answers the sent calls of some tickets. A batch, or the parts of a
// command, that nobody waits for any more is replaced by an empty one; calls
// that are told that they were not applied leave the batch that others wait for.
func (s *session) drop(gone func(*ticket) bool) {
	var cut *split
	if s.split != nil && gone(s.split.ticket) { // its last part was never sent: it cannot be applied
		cut = s.split
		s.split = nil
		cut.ticket.answer(cut.call, cut.call+1, errorReply(ErrNoLeader))
	}
	for _, b := range s.unresolved {
		if len(b.slices) == 0 {
			continue
		}
		had, kept := len(b.slices), b.slices[:0]
		verdict := errorReply(b.verdict())
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
	if cut != nil {
		s.blankParts(cut)
	}
}

// blankParts blanks what is unresolved of a command in parts. Unless its last part
// was numbered, the machines keep the parts that have arrived, or that arrive
// before their blanks: a further batch without commands frees them.
func (s *session) blankParts(cut *split) {
	for _, b := range s.unresolved {
		if b.split == cut {
			s.blank(b)
		}
	}
	if cut.next > 0 && cut.next < cut.parts {
		s.seal(entry.Batch{Kind: entry.Commands}, &batch{})
	}
}

// ackBeforeCommit is the planted fault that answers SET when it is proposed.
func (s *session) ackBeforeCommit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.entry {
		kept := b.slices[:0]
		for _, sl := range b.slices {
			sets := true
			for _, c := range sl.ticket.calls[sl.from:sl.to] {
				sets = sets && c.Command != nil && c.Command.Name == "set"
			}
			if sets {
				sl.ticket.answer(sl.from, sl.to, reply.OK)
			} else {
				kept = append(kept, sl)
			}
		}
		b.slices = kept
	}
}
