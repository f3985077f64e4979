package node

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
)

// session is this process's session as the machine knows it (design, invariant 4), and the group
// commit of its clients. Calls wait in line. They are packed into a batch when one can be sent,
// and the batch gets its number then. Batches stay, in order, until this node's own machine
// reports their outcome. After any doubt all of them are sent again, in order, under the same
// numbers.
//
// While this node leads (local), its own committer collects the batches. Otherwise run sends them
// to the leader (sender.go).
//
// Invariants, under mu:
//   - numbers are consecutive: unresolved[i].number == unresolved[0].number+i,
//     and next follows the last of them;
//   - unresolved[:sent] were sent since the last rewind, in order;
//   - before the session is registered, unresolved holds at most the Register;
//   - a call is in the line, in one batch, or answered.
type session struct {
	node    *Node
	id      entry.Session
	wake    chan struct{} // run has something to look at
	tickets sync.Pool

	mu   sync.Mutex
	line waitingLine
	hold hold
	sending
	unresolved []*batch
	sent       int
	next       uint64    // the number of the next batch
	progressAt time.Time // when a batch of this session was last resolved
	applying   uint64    // what the machine was applying when deadlines were last looked at
	registered bool
	ended      *Error // the reply to new calls once the session has ended
	over       bool   // nothing waits and nothing is sent any more
	scratch    []entry.Command
	partBuffer []byte
}

// sending holds where batches are sent and when run looks at them again.
type sending struct {
	local     bool
	leader    string // where batches are sent unless local
	epoch     uint64 // counts rewinds; answers to sends of an earlier epoch are ignored
	told      *Error // why the leader refused the last batch; nil if it did not
	retryAt   time.Time
	backoff   time.Duration
	ticking   bool // run will look again by itself
	expiredAt time.Time
	entry     []*batch // the batches in the committer's last entry
}

// newSession returns a session that is about to register.
func newSession(n *Node) *session {
	s := &session{node: n, id: n.cfg.Session, wake: make(chan struct{}, 1)}
	s.tickets.New = func() any { return &ticket{done: make(chan struct{}, 1)} }
	signal(s.wake) // to register
	return s
}

// write sends calls through the log and waits until each has its reply.
func (s *session) write(ctx context.Context, calls []*command.Call) {
	if len(calls) == 0 {
		return
	}
	t := s.tickets.Get().(*ticket)
	t.calls, t.packed, t.since = calls, 0, time.Now()
	t.pending.Store(int32(len(calls)))
	if err := s.enqueue(t); err != nil {
		for _, c := range calls {
			c.Reply = errorReply(err)
		}
		s.forget(t)
		return
	}
	select {
	case <-t.done:
	case <-ctx.Done():
		s.abandon(t)
		<-t.done
	}
	s.forget(t)
}

// forget returns the ticket to the pool for another Write. Nothing refers to it any more.
func (s *session) forget(t *ticket) {
	t.calls = nil
	s.tickets.Put(t)
}

// enqueue puts the ticket in line and wakes the sender if necessary.
func (s *session) enqueue(t *ticket) *Error {
	for _, c := range t.calls {
		if callBytes(c) > entry.SplitBytesMax-countBytes {
			return ErrTooLarge
		}
	}
	s.mu.Lock()
	if err := s.ended; err != nil {
		s.mu.Unlock()
		return err
	}
	s.line.push(t)
	local, ticking := s.local, s.ticking
	look := !s.hold.timed || s.hold.left(s.line.calls, t.since) == 0
	s.mu.Unlock()
	if local && look {
		s.node.committer.kick()
	}
	if !ticking || !local && look {
		signal(s.wake)
	}
	return nil
}

// held returns how long the sender waits for more calls before it makes a batch of the line; 0 if
// it does not wait.
func (s *session) held(now time.Time) time.Duration {
	if s.line.holdsParts() {
		return 0
	}
	return s.hold.left(s.line.calls, now)
}

// pack makes the next batch from the waiting calls, at most room bytes long. It returns nil if
// nothing waits or the next call does not fit.
func (s *session) pack(room int) *batch {
	if !s.registered {
		// Not before this node has caught up: until then, whatever the machine says about this
		// boot number concerns another process that has used the same number.
		if len(s.unresolved) > 0 || s.over || !s.node.ready.caughtUp.Load() {
			return nil
		}
		return s.seal(entry.Batch{Kind: entry.Register, ClientAddr: s.node.cfg.ClientAddr}, &batch{})
	}
	alternate := s.alternates()
	if part := s.line.next(alternate); part != nil {
		if part.bytes()+entry.BodyOverheadMax <= room {
			return s.packPart(part)
		}
		if !alternate || !part.stamped {
			return nil
		}
	}
	b := &batch{}
	commands := s.line.take(b, s.scratch[:0], min(room-entry.BodyOverheadMax, entry.BodyBytesMax)-countBytes, alternate)
	s.scratch = commands
	if len(commands) == 0 {
		return nil
	}
	b = s.seal(entry.Batch{Kind: entry.Commands, Commands: commands}, b)
	clear(commands)
	return b
}

// alternates reports whether the machine accepts parts of several commands at a time, with other
// batches between them.
func (s *session) alternates() bool { return s.node.worker.progress.version.Load() >= 2 }

// packPart makes a batch of the next part of a command.
func (s *session) packPart(p *split) *batch {
	if s.partBuffer == nil {
		s.partBuffer = make([]byte, entry.PartBytesMax)
	}
	b := &batch{split: p}
	part := p.part(s.next, s.partBuffer)
	if p.next == p.parts {
		b.closes = p
		b.slices = append(b.slices, slice{ticket: p.ticket, from: p.call, to: p.call + 1})
		s.partBuffer = nil
	}
	s.line.passed(p)
	return s.seal(part, b)
}

// seal numbers and encodes a batch and adds it to the unresolved ones.
func (s *session) seal(content entry.Batch, b *batch) *batch {
	b.number = s.next
	s.next++
	b.data = s.encode(content, b.number)
	s.unresolved = append(s.unresolved, b)
	return b
}

// encode encodes a batch under a number. It cannot fail, because sizes were checked when the calls
// arrived.
func (s *session) encode(content entry.Batch, number uint64) []byte {
	content.Session, content.Number = s.id, number
	if number > 0 {
		content.Acked = min(s.firstUnresolved(), number) - 1
	}
	size := entry.BodyOverheadMax + countBytes + len(content.PartBytes)
	for i := range content.Commands {
		size += entry.CommandBytes(&content.Commands[i])
	}
	data, err := entry.AppendBatch(make([]byte, 0, size), &content)
	if err != nil {
		panic(fmt.Sprintf("node: a batch that was cut to size does not fit: %v", err))
	}
	return data
}

// firstUnresolved returns the lowest number whose outcome is unknown.
func (s *session) firstUnresolved() uint64 {
	if len(s.unresolved) > 0 {
		return s.unresolved[0].number
	}
	return s.next
}

// rewind causes all unresolved batches to be sent again, in order.
func (s *session) rewind() {
	s.sent = 0
	s.epoch++
}

// end refuses all further calls and answers those that wait.
func (s *session) end(refusal *Error) {
	s.ended, s.over = refusal, true
	tickets, begun := s.line.remove(func(*ticket) bool { return true })
	for _, t := range tickets {
		t.answer(t.packed, len(t.calls), errorReply(refusal))
	}
	for _, p := range begun {
		p.ticket.answer(p.call, len(p.ticket.calls), errorReply(refusal))
	}
	for _, b := range s.unresolved {
		for _, sl := range b.slices {
			sl.ticket.answer(sl.from, sl.to, errorReply(s.verdict(b)))
		}
	}
	s.unresolved, s.sent = nil, 0
}

// shut ends the session because the node stops.
func (s *session) shut(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil || !s.line.empty() || len(s.unresolved) > 0 {
		s.node.log.Debug("this process's session ends", slog.Any("reason", reason))
	}
	s.end(ErrClosing)
}

// drain refuses new calls and waits until all waiting ones are answered or ctx ends.
func (s *session) drain(ctx context.Context) {
	s.mu.Lock()
	if s.ended == nil {
		s.ended = ErrClosing
	}
	s.mu.Unlock()
	poll := time.NewTicker(retryMin)
	defer poll.Stop()
	for s.waitsForReplies() {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return
		}
	}
}

// waitsForReplies reports whether any call still waits for its reply.
func (s *session) waitsForReplies() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.line.empty() {
		return true
	}
	for _, b := range s.unresolved {
		if len(b.slices) > 0 {
			return true
		}
	}
	return false
}
