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

// session is this process's run as the machine knows it (design, invariant 4),
// and the group commit of its clients: calls wait in order, are packed into
// batches when these can be sent, and are numbered then; batches stay, in
// order, until this node's own machine tells what became of them. After any
// doubt all of them are sent again, in order, under the same numbers.
//
// Where they are sent: to this node's committer, which collects them, while it
// leads (local); else to the leader, by run (sender.go).
//
// Invariants, under mu:
//   - numbers are consecutive: unresolved[i].number == unresolved[0].number+i,
//     and next follows the last of them;
//   - unresolved[:sent] were sent since the last rewind, in order;
//   - before the session is registered, unresolved holds the Register at most;
//   - a call is in waiting, in one batch, in the split, or answered.
type session struct {
	node    *Node
	id      entry.Session
	wake    chan struct{} // run has something to look at
	tickets sync.Pool

	mu sync.Mutex
	waitingLine
	grouping
	sending
	unresolved []*batch
	sent       int
	next       uint64 // the number of the next batch
	registered bool
	ended      *Error // what new calls are told
	over       bool   // nothing waits any more and nothing is sent
	scratch    []entry.Command
}

// waitingLine is the calls that are in no batch yet.
type waitingLine struct {
	waiting      []*ticket
	waitingBytes int
	waitingCalls int
	split        *split        // the call that is being cut into parts
	room         chan struct{} // closed when calls may wait again; nil: nobody waits for that
}

// grouping is by what the line tells whether to wait for more calls.
type grouping struct {
	entry      []*batch // what the committer's last entry took
	entryCalls int      // in it
	expected   int      // calls that are likely to wait soon
	heldUntil  time.Time
}

// sending is where batches go, and when run looks at them again.
type sending struct {
	local     bool
	leader    string // where to send unless local
	epoch     uint64 // counts rewinds: answers to earlier sends say nothing
	retryAt   time.Time
	backoff   time.Duration
	ticking   bool // run looks again by itself
	expiredAt time.Time
}

func newSession(n *Node) *session {
	s := &session{node: n, id: n.cfg.Session, wake: make(chan struct{}, 1)}
	s.tickets.New = func() any { return &ticket{done: make(chan struct{}, 1)} }
	signal(s.wake) // to register
	return s
}

// write waits until every call has its reply.
func (s *session) write(ctx context.Context, calls []*command.Call) {
	if len(calls) == 0 {
		return
	}
	t := s.tickets.Get().(*ticket)
	t.calls, t.packed, t.deadline = calls, 0, time.Now().Add(s.node.cfg.WriteTimeout)
	t.pending.Store(int32(len(calls)))
	if err := s.enqueue(ctx, t); err != nil {
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

// forget keeps the ticket for another Write: nothing refers to it any more.
func (s *session) forget(t *ticket) {
	t.calls = nil
	s.tickets.Put(t)
}

// enqueue puts the ticket in line; it waits while the line is too long.
func (s *session) enqueue(ctx context.Context, t *ticket) *Error {
	bytes := 0
	for _, c := range t.calls {
		size := callBytes(c)
		if size > entry.SplitBytesMax-countBytes {
			return ErrTooLarge
		}
		bytes += size
	}
	s.mu.Lock()
	for s.ended == nil && s.waitingBytes > 0 && s.waitingBytes+bytes > waitingBytesMax {
		if err := s.awaitRoom(ctx, t.deadline); err != nil {
			s.mu.Unlock()
			return err
		}
	}
	if err := s.ended; err != nil {
		s.mu.Unlock()
		return err
	}
	s.waiting = append(s.waiting, t)
	s.waitingBytes += bytes
	s.waitingCalls += len(t.calls)
	local, ticking, held := s.local, s.ticking, s.held()
	s.mu.Unlock()
	if local && !held {
		s.node.committer.kick()
	}
	if !ticking || (!local && !held) {
		signal(s.wake)
	}
	return nil
}

// awaitRoom releases the lock while it waits.
func (s *session) awaitRoom(ctx context.Context, deadline time.Time) *Error {
	if s.room == nil {
		s.room = make(chan struct{})
	}
	room := s.room
	s.mu.Unlock()
	defer s.mu.Lock()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-room:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return ErrNoLeader
}

// held reports whether the line waits for more before it becomes a batch: the
// clients who were just answered are about to send again, one by one, and
// would else be parted into groups of which each costs as much as a full one.
// While this node leads they may not even have been answered: their entry is
// committed, and about to be applied here.
func (s *session) held() bool {
	if s.local && len(s.unresolved) > 0 && s.entryCalls >= holdCallsMin && s.entryCalls <= holdCallsMax {
		return true
	}
	return s.waitingCalls < s.expected && time.Now().Before(s.heldUntil)
}

// expect says that calls of this process have been answered: as many are
// likely to join those that wait.
func (s *session) expect(calls int) {
	s.expected = 0
	if calls >= holdCallsMin {
		group := min(s.waitingCalls+calls, holdCallsMax)
		s.expected = group - group/8
		s.heldUntil = time.Now().Add(holdMax)
	}
}

// unqueued says that calls of the line have been packed or given up.
func (s *session) unqueued(calls, bytes int) {
	s.waitingCalls -= calls
	s.waitingBytes -= bytes
	if s.room != nil && s.waitingBytes <= waitingBytesMax/2 {
		close(s.room)
		s.room = nil
	}
}

// pack makes the next batch out of what waits, at most room bytes long; nil
// when there is nothing, or no room for it.
func (s *session) pack(room int) *batch {
	if !s.registered {
		// Not before this node has caught up: whatever the machine says of this boot
		// until then is another process's, that has used its number.
		if len(s.unresolved) > 0 || s.over || !s.node.ready.caughtUp.Load() {
			return nil
		}
		return s.seal(entry.Batch{Kind: entry.Register, ClientAddr: s.node.cfg.ClientAddr}, &batch{})
	}
	limit := min(room-entry.BodyOverheadMax, entry.BodyBytesMax) - countBytes
	if s.split == nil && len(s.waiting) > 0 {
		t := s.waiting[0]
		if size := callBytes(t.calls[t.packed]); size > entry.BodyBytesMax-countBytes {
			s.split = newSplit(t, t.packed)
			s.unqueued(1, size)
			t.packed++
			if t.packed == len(t.calls) {
				s.waiting = popFront(s.waiting)
			}
		}
	}
	if s.split != nil {
		return s.packPart(room)
	}
	return s.packCalls(limit)
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

func (s *session) packCalls(limit int) *batch {
	b := &batch{}
	commands := s.scratch[:0]
	bytes := 0
	for len(s.waiting) > 0 && len(commands) < entry.CommandsMax {
		t := s.waiting[0]
		from := t.packed
		for t.packed < len(t.calls) && len(commands) < entry.CommandsMax {
			c := t.calls[t.packed]
			size := callBytes(c)
			if bytes+size > limit {
				break
			}
			bytes += size
			commands = append(commands, entry.Command{DB: c.DB, Args: c.Args})
			t.packed++
		}
		if t.packed > from {
			b.slices = append(b.slices, slice{ticket: t, from: from, to: t.packed, at: len(commands) - (t.packed - from)})
		}
		if t.packed < len(t.calls) {
			break
		}
		s.waiting = popFront(s.waiting)
	}
	s.scratch = commands
	if len(commands) == 0 {
		return nil
	}
	s.unqueued(len(commands), bytes)
	b = s.seal(entry.Batch{Kind: entry.Commands, Commands: commands}, b)
	clear(commands)
	return b
}

func (s *session) packPart(room int) *batch {
	piece, last := s.split.part()
	if len(piece)+entry.BodyOverheadMax > room {
		return nil
	}
	b := &batch{split: s.split}
	part := entry.Batch{Kind: entry.Part, PartIndex: s.split.next, PartTotal: s.split.parts, PartBytes: piece}
	s.split.next++
	if last {
		b.slices = append(b.slices, slice{ticket: s.split.ticket, from: s.split.call, to: s.split.call + 1})
		s.split = nil
	}
	return s.seal(part, b)
}

// seal numbers and encodes a batch and counts it among the unresolved.
func (s *session) seal(content entry.Batch, b *batch) *batch {
	b.number = s.next
	s.next++
	b.data = s.encode(content, b.number)
	s.unresolved = append(s.unresolved, b)
	return b
}

// encode encodes a batch under a number. It cannot fail: sizes were checked
// when the calls came.
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

// firstUnresolved is the lowest number whose outcome is not known.
func (s *session) firstUnresolved() uint64 {
	if len(s.unresolved) > 0 {
		return s.unresolved[0].number
	}
	return s.next
}

// blank replaces a batch that nobody waits for by an empty one under its
// number, so that no gap stays and nothing is applied an hour later.
func (s *session) blank(b *batch) {
	b.split = nil
	b.data = s.encode(entry.Batch{Kind: entry.Commands}, b.number)
	s.rewind()
}

// repack leaves in a batch what somebody still waits for. Nobody may have it as
// it was: every send of it was refused.
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

// rewind has everything unresolved sent again, in order.
func (s *session) rewind() {
	s.sent = 0
	s.epoch++
}

// end refuses every call from now on and answers those that wait.
func (s *session) end(refusal *Error) {
	s.ended, s.over = refusal, true
	for _, t := range s.waiting {
		t.answer(t.packed, len(t.calls), errorReply(refusal))
	}
	s.waiting = nil
	s.unqueued(s.waitingCalls, s.waitingBytes)
	if s.split != nil {
		s.split.ticket.answer(s.split.call, s.split.call+1, errorReply(refusal))
		s.split = nil
	}
	for _, b := range s.unresolved {
		for _, sl := range b.slices {
			sl.ticket.answer(sl.from, sl.to, errorReply(b.verdict()))
		}
	}
	s.unresolved, s.sent = nil, 0
}

// shut ends the session since the node stops.
func (s *session) shut(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil || len(s.waiting)+len(s.unresolved) > 0 {
		s.node.log.Debug("this process's session ends", slog.Any("reason", reason))
	}
	s.end(ErrClosing)
}

// drain refuses new calls and waits until those that wait are answered, or ctx ends.
func (s *session) drain(ctx context.Context) {
	s.mu.Lock()
	if s.ended == nil {
		s.ended = ErrClosing
	}
	s.mu.Unlock()
	poll := time.NewTicker(retryMin)
	defer poll.Stop()
	for s.busy() {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *session) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) > 0 || s.split != nil {
		return true
	}
	for _, b := range s.unresolved {
		if len(b.slices) > 0 {
			return true
		}
	}
	return false
}
