package node

import (
	"errors"
	"runtime"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
)

// collect loads this process's next batch into an entry of its own committer, if
// there is room for it. If the entry would be made for a line that is held, it
// says how long that may last: the caller looks again after so long.
func (s *session) collect(into *load) (held time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold.timed = false
	if !s.local || !s.retryAt.IsZero() && time.Now().Before(s.retryAt) {
		return 0
	}
	if len(into.batches) == 0 && s.sent == len(s.unresolved) {
		if held = s.held(time.Now()); held > 0 {
			s.hold.timed = true
			return held
		}
	}
	if b := s.unsent(into.room()); b != nil {
		into.add(b.data)
		s.entry = append(s.entry, b)
		s.markSent(b, time.Time{})
	}
	return 0
}

// newEntry forgets what the committer's last entry took.
func (s *session) newEntry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.entry)
	s.entry = s.entry[:0]
}

// committed says that the committer's last entry is, and that the clients whose
// calls it carries are about to be answered.
func (s *session) committed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls, first := 0, s.firstUnresolved()
	for _, b := range s.entry {
		if b.number >= first {
			calls += b.calls()
		}
	}
	s.hold.expect(calls, s.line.calls, time.Now())
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
	return !s.line.sends() && s.sent == len(s.unresolved)
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
			if s.sent == len(s.unresolved) && s.held(now) > 0 {
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
	local := s.local && (s.sent < len(s.unresolved) || s.line.sends())
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
	s.ticking = !s.line.empty() || len(s.unresolved) > 0
	if !s.ticking {
		return 0
	}
	again := time.Duration(expiryTick)
	if wait := s.retryAt.Sub(now); wait > 0 && wait < again {
		again = wait
	}
	if !s.local {
		held := s.held(now)
		s.hold.timed = held > 0
		if held > 0 {
			again = min(again, held)
		}
	}
	return again
}

// silent reports whether the oldest batch was sent long ago and nothing was
// heard, of it or of those before it. (This node's own committer always answers.)
func (s *session) silent(now time.Time) bool {
	return !s.local && s.sent > 0 && now.Sub(s.unresolved[0].sentAt) > resendAfter && now.Sub(s.progressAt) > resendAfter
}

// forwarded is what the leader said of a batch.
func (s *session) forwarded(b *batch, epoch uint64, err error) {
	if err == nil {
		return // committed: this node's machine is about to tell the rest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told, _ = errors.AsType[*Error](err)
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
	s.retryAt, s.backoff, s.told = time.Time{}, 0, nil
	s.hold.end()
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
