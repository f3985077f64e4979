package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
)

// reads confirms that this node's machine is current, without trusting a clock
// (ReadIndex, Raft dissertation §6.4; design, invariant 5). Reads that wait when a round begins are confirmed by
// it, all at once; those that come meanwhile wait for the next. A round is
//
//   - on the leader: the commit index, then a question to the voters for their
//     terms (round.go; package readindex counts the votes). It is over when a majority,
//     this node included, has answered "at most yours" and this node still leads in that term;
//   - elsewhere: one question to the leader, with this node's term.
//
// Then the readers wait until the machine has applied the confirmed index, and
// run their calls themselves, beside each other.
type reads struct {
	node    *Node
	wake    chan struct{} // run has deadlines to look at
	tickets sync.Pool
	fresh   freshness

	mu        sync.Mutex
	waiting   []*readTicket
	questions []question // of other nodes, that need a round
	current   *round
	confirmed []*confirmation
	late      map[string]int // 1: the voter was late or failed when it was last asked
	kicked    chan struct{}  // closed and replaced at every kick
	retryAt   time.Time
	ticking   bool // run looks again by itself
	closed    bool
}

// readTicket is one reader who waits for a confirmation.
type readTicket struct {
	done     chan struct{} // cap 1
	answer   ReadAnswer
	err      *Error
	deadline time.Time
	over     bool // it has been answered
}

// confirmation is a round's answer, until this node's machine is there.
type confirmation struct {
	begun   time.Time // the round
	answer  ReadAnswer
	tickets []*readTicket
}

// question is another node's, as it is answered.
type question struct {
	ReadQuestion
	answer func(ReadAnswer, error)
}

func newReads(n *Node) *reads {
	r := &reads{node: n, wake: make(chan struct{}, 1), late: map[string]int{}, kicked: make(chan struct{}), fresh: freshness{since: time.Now()}}
	r.tickets.New = func() any { return &readTicket{done: make(chan struct{}, 1)} }
	return r
}

// read runs calls on a confirmed machine.
func (r *reads) read(ctx context.Context, calls []*command.Call) {
	deadline := time.Now().Add(r.node.cfg.WriteTimeout)
	for len(calls) > 0 {
		answer, err := r.confirm(ctx, deadline)
		if err == nil {
			calls, err = r.serve(ctx, calls, answer, deadline)
		}
		if err != nil {
			for _, c := range calls {
				c.Reply = errorReply(err)
			}
			return
		}
	}
}

// serve runs calls until one meets a key that falls due: then it waits until
// the machine's clock has come there and goes on, unless the term has changed,
// when the rest has to be confirmed again, by a leader whose clock may be far
// behind that of the one before: it returns that rest.
func (r *reads) serve(ctx context.Context, calls []*command.Call, answer ReadAnswer, deadline time.Time) ([]*command.Call, *Error) {
	for {
		rest, dueMS := r.run1(calls, answer.StampMS)
		if len(rest) == 0 {
			return nil, nil
		}
		calls = rest
		if err := r.awaitClock(ctx, dueMS, answer.Term, deadline); err != nil {
			return calls, err
		}
		if r.node.raft.CurrentTerm() != answer.Term {
			return calls, nil
		}
	}
}

// run1 runs calls in order. The machine may move on between two of them, so that
// a write does not wait for all: a later call never sees an older state.
func (r *reads) run1(calls []*command.Call, stampMS int64) (rest []*command.Call, dueMS int64) {
	for len(calls) > 0 && dueMS == 0 {
		all := calls
		calls, dueMS = r.runSome(all, stampMS)
		r.node.worker.counts.read(all[:len(all)-len(calls)])
	}
	return calls, dueMS
}

// runSome runs calls on one state of the machine, up to the first that is not
// fast.
func (r *reads) runSome(calls []*command.Call, stampMS int64) (rest []*command.Call, dueMS int64) {
	w := r.node.worker
	w.mu.RLock()
	defer w.mu.RUnlock()
	for i, c := range calls[:min(len(calls), fastReadsMax)] {
		if due := w.machine.Read(c, stampMS, rand.Uint64()); due > 0 {
			return calls[i:], due
		}
		if c.Command.Flags&command.Fast == 0 {
			return calls[i+1:], 0
		}
	}
	return calls[min(len(calls), fastReadsMax):], 0
}

// awaitClock waits until the machine's clock has reached ms, for which the
// leader proposes a tick, or the term is another one.
func (r *reads) awaitClock(ctx context.Context, ms int64, term uint64, deadline time.Time) *Error {
	reached := make(chan struct{}, 1)
	r.node.worker.progress.await(wait{clockMS: ms, reached: func() { signal(reached) }})
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for {
		r.mu.Lock()
		kicked := r.kicked
		r.mu.Unlock()
		if r.node.raft.CurrentTerm() != term { // asked after kicked was taken: a later change closes it
			return nil
		}
		select {
		case <-reached:
			return nil
		case <-kicked:
			continue
		case <-timer.C:
		case <-ctx.Done():
		case <-r.node.worker.queue.ended:
			return ErrReadClosing
		}
		return ErrNotExpired
	}
}

// confirm waits for a round that began after its call, and for this node's
// machine to be where it says.
func (r *reads) confirm(ctx context.Context, deadline time.Time) (ReadAnswer, *Error) {
	if faultUnconfirmedReads {
		return ReadAnswer{Term: r.node.raft.CurrentTerm(), StampMS: r.node.stamps.next()}, nil
	}
	t := r.enlist(deadline)
	if t == nil {
		return ReadAnswer{}, ErrReadClosing
	}
	select {
	case <-t.done:
	case <-ctx.Done():
		r.leave(t)
		<-t.done
	}
	return r.settle(t)
}

// enlist puts one more reader in line, who is answered on the ticket's channel;
// nil says that the node stops.
func (r *reads) enlist(deadline time.Time) *readTicket {
	now := time.Now()
	t := r.tickets.Get().(*readTicket)
	r.mu.Lock() // whoever answered its last reader may still be looking at it
	t.answer, t.err, t.deadline, t.over = ReadAnswer{}, nil, deadline, false
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.waiting = append(r.waiting, t)
	ticking := r.ticking
	start := r.begin(now)
	r.mu.Unlock()
	start.ask(r)
	if !ticking {
		signal(r.wake)
	}
	return t
}

// settle returns what a ticket was answered, and gives it back.
func (r *reads) settle(t *readTicket) (ReadAnswer, *Error) {
	answer, err := t.answer, t.err
	r.tickets.Put(t)
	return answer, err
}

// leave answers a ticket whose client has gone.
func (r *reads) leave(t *readTicket) {
	r.mu.Lock()
	t.end(ReadAnswer{}, ErrUnconfirmed)
	r.forget()
	r.mu.Unlock()
}

// end answers the ticket, once.
func (t *readTicket) end(a ReadAnswer, err *Error) {
	if t.over {
		return
	}
	t.over, t.answer, t.err = true, a, err
	t.done <- struct{}{}
}

// forget drops tickets that have been answered from every list: they are used
// again.
func (r *reads) forget() {
	r.waiting = stillWaiting(r.waiting)
	if r.current != nil {
		r.current.tickets = stillWaiting(r.current.tickets)
	}
	for _, c := range r.confirmed {
		c.tickets = stillWaiting(c.tickets)
	}
}

func stillWaiting(tickets []*readTicket) []*readTicket {
	kept := tickets[:0]
	for _, t := range tickets {
		if !t.over {
			kept = append(kept, t)
		}
	}
	clear(tickets[len(kept):])
	return kept
}

// kick says that a round that could not succeed before may succeed now: there
// is another leader, or another term.
func (r *reads) kick() {
	r.mu.Lock()
	close(r.kicked)
	r.kicked = make(chan struct{})
	r.retryAt = time.Time{}
	var failed []question
	if c := r.current; c != nil && !r.asksLeader(c) {
		failed = r.giveUp()
	}
	failed = append(failed, r.misplaced()...)
	start := r.begin(time.Now())
	r.mu.Unlock()
	refuse(failed, ErrNotLeader)
	start.ask(r)
}

// misplaced returns the questions that wait at a node that does not lead any more.
func (r *reads) misplaced() []question {
	if len(r.questions) == 0 {
		return nil
	}
	if _, leads := r.node.leads(); leads {
		return nil
	}
	questions := r.questions
	r.questions = nil
	return questions
}

// asksLeader reports whether a round can still succeed as far as this node knows.
func (r *reads) asksLeader(c *round) bool {
	if c.leader == r.node.cfg.Session.Server {
		return r.stillLeads(c)
	}
	return c.leader == r.node.watch.current()
}

func refuse(questions []question, err error) {
	for _, q := range questions {
		q.answer(ReadAnswer{}, err)
	}
}

// run looks at deadlines, and at rounds that take too long, while there are any.
func (r *reads) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-r.wake:
		case <-timer.C:
		case <-r.node.stop:
			return
		}
		if again := r.tend(); again > 0 {
			timer.Reset(again)
		}
	}
}

func (r *reads) tend() time.Duration {
	now := time.Now()
	var failed []question
	r.mu.Lock()
	if r.current != nil && now.Sub(r.current.begun) > roundTimeout {
		failed = r.giveUp()
	}
	failed = append(failed, r.misplaced()...)
	slow := r.hurry(now)
	r.expire(now)
	start := r.begin(now)
	again := time.Duration(0)
	if len(r.waiting)+len(r.questions)+len(r.confirmed) > 0 || r.current != nil {
		again = expiryTick
		if r.current != nil && r.current.votes != nil && !r.current.votes.AllAsked() {
			again = lateAfter
		}
		if pause := r.retryAt.Sub(now); pause > 0 && pause < again {
			again = pause
		}
	}
	r.ticking = again > 0
	r.mu.Unlock()
	refuse(failed, errUnknownOutcome)
	start.ask(r)
	if slow != nil {
		r.poll(slow, slow.votes.Voters())
	}
	return again
}

// expire answers those whose time is over, and says what they have waited for.
func (r *reads) expire(now time.Time) {
	expired := false
	each := func(tickets []*readTicket, why func() *Error) {
		for _, t := range tickets {
			if !now.Before(t.deadline) {
				t.end(ReadAnswer{}, why())
				expired = true
			}
		}
	}
	unconfirmed := func() *Error { return ErrUnconfirmed }
	each(r.waiting, unconfirmed)
	if r.current != nil {
		each(r.current.tickets, unconfirmed)
	}
	for _, c := range r.confirmed {
		each(c.tickets, func() *Error { return errLagging(r.behind(c.answer.Index)) })
	}
	if expired {
		r.forget()
	}
}

// behind is how many entries this node's machine lacks up to an index.
func (r *reads) behind(index uint64) uint64 {
	return index - min(index, r.node.worker.progress.index.Load())
}

// lag is how long the machine has not reached an index that was confirmed, and how
// many entries it lacks of what is known to be committed.
func (r *reads) lag(now time.Time) (waits time.Duration, behind uint64) {
	committed := r.node.raft.CommitIndex()
	r.mu.Lock()
	if n := len(r.confirmed); n > 0 {
		waits = now.Sub(r.confirmed[0].begun)
		committed = max(committed, r.confirmed[n-1].answer.Index)
	}
	r.mu.Unlock()
	return waits, r.behind(committed)
}

// deliver hands a confirmed answer to those that it is for, once this node's
// machine is there.
func (r *reads) deliver(c *confirmation) {
	index := c.answer.Index
	if faultRaftsIndex && r.node.raft.AppliedIndex() >= index {
		index = 0
	}
	r.node.worker.progress.await(wait{index: index, reached: func() {
		r.fresh.confirmed(c.begun)
		r.node.ready.confirmed(c.begun, time.Now())
		r.mu.Lock()
		for i, other := range r.confirmed {
			if other == c {
				r.confirmed = append(r.confirmed[:i], r.confirmed[i+1:]...)
				break
			}
		}
		for _, t := range c.tickets {
			t.end(c.answer, nil)
		}
		c.tickets = nil
		r.mu.Unlock()
	}})
}

// shut answers everybody: the node stops.
func (r *reads) shut() {
	r.mu.Lock()
	r.closed = true
	failed := r.giveUp()
	failed = append(failed, r.questions...)
	r.questions = nil
	for _, t := range r.waiting {
		t.end(ReadAnswer{}, ErrReadClosing)
	}
	r.waiting = nil
	for _, c := range r.confirmed {
		for _, t := range c.tickets {
			t.end(ReadAnswer{}, ErrReadClosing)
		}
		c.tickets = nil
	}
	r.confirmed = nil
	r.mu.Unlock()
	refuse(failed, errStopped)
}

var errRoundFailed = errors.New("the leader could not confirm that it leads")

// What else ends a read that a leader has confirmed, or may have.
var (
	ErrNotExpired  = &Error{"CLUSTERDOWN the read met a key that is due, and no leader confirmed that it has expired"}
	ErrReadClosing = &Error{"CLUSTERDOWN this node is shutting down; the read was not answered"}
)

// errLagging is for reads whose index was confirmed, and was not reached by this
// node's machine in time.
func errLagging(entries uint64) *Error {
	return &Error{fmt.Sprintf("CLUSTERDOWN this node is %s and cannot answer the read yet", entriesBehind(entries))}
}
