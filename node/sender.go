package node

import (
	"errors"
	"runtime"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
)

// collect adds this process's next batch to an entry of its own committer if the batch fits. If
// the entry would be made only for a line that is held, collect adds nothing and returns how long
// the hold may last; the caller looks again after that time.
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

// newEntry forgets which batches the committer's last entry carried.
func (s *session) newEntry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.entry)
	s.entry = s.entry[:0]
}

// committed records that the committer's last entry is committed, so that the clients whose calls
// it carries are about to be answered.
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

// unsent returns the next batch to send; nil if there is none that fits room.
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

// idle reports whether this process has nothing for an entry that is made now.
func (s *session) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.retryAt.IsZero() && time.Now().Before(s.retryAt) {
		return true
	}
	return !s.line.sends() && s.sent == len(s.unresolved)
}

// run sends batches to a leader on another node, and checks deadlines.
func (s *session) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.wake:
			runtime.Gosched() // writers that are about to write join the batch
		case <-timer.C:
		case <-s.node.stop:
			return
		}
		if again := s.pump(); again > 0 {
			timer.Reset(again)
		}
	}
}

// pump sends the batches that can be sent. It returns when to look again; 0 means not before a
// wake-up.
func (s *session) pump() time.Duration {
	now := time.Now()
	var letters []letter
	s.mu.Lock()
	if now.Sub(s.expiredAt) >= expiryTick/2 { // expire looks at everybody who waits
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

// letter is a batch as it was when it was counted as sent. Another goroutine may blank the batch
// before the letter has left.
type letter struct {
	batch *batch
	data  []byte
}

// lookAgain returns when pump has to look again; 0 if nothing waits.
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

// silent reports whether the oldest batch was sent long ago and nothing has been heard since of it
// or of earlier ones. This node's own committer always answers.
func (s *session) silent(now time.Time) bool {
	return !s.local && s.sent > 0 && now.Sub(s.unresolved[0].sentAt) > resendAfter && now.Sub(s.progressAt) > resendAfter
}

// forwarded handles the leader's answer to a batch.
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

// returned handles the failure of an entry of this node's committer.
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

// doubt causes everything to be sent again after a pause. The pause grows while doubts continue.
func (s *session) doubt(pause time.Duration) {
	s.rewind()
	s.backoff = min(max(s.backoff*2, pause), retryMax)
	s.retryAt = time.Now().Add(s.backoff)
	signal(s.wake)
}

// lead records whether this node's committer accepts batches.
func (s *session) lead(local bool) {
	s.mu.Lock()
	s.local = local
	s.redirect()
	s.mu.Unlock()
	signal(s.wake)
}

// follow records who leads.
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

// redirect causes everything to be sent again at once, because the receiver has changed.
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
