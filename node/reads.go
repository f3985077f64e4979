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

// reads confirms that this node's machine is current, without trusting a clock (ReadIndex, Raft
// dissertation §6.4; design, invariant 5). A round confirms all the reads that wait when it
// begins; reads that arrive later wait for the next round. A round is
//
//   - on the leader: the commit index, then a question to the voters for their
//     terms (round.go; package readindex counts the votes). It succeeds when a majority,
//     this node included, has answered "at most yours" and this node still leads in that term;
//   - elsewhere: one question to the leader, with this node's term.
//
// Then the readers wait until the machine has applied the confirmed index, and run their calls
// themselves, concurrently.
type reads struct {
	node    *Node
	wake    chan struct{} // run has deadlines to look at
	tickets sync.Pool
	fresh   freshness

	mu        sync.Mutex
	waiting   []*readTicket
	questions []question // of other nodes; they need a round
	current   *round
	confirmed []*confirmation
	late      map[string]int // 1: the voter was late or failed when it was last asked
	kicked    chan struct{}  // closed and replaced at every kick
	retryAt   time.Time
	ticking   bool // run will look again by itself
	closed    bool
}

// readTicket is one reader that waits for a confirmation.
type readTicket struct {
	done     chan struct{} // cap 1
	answer   ReadAnswer
	err      *Error
	deadline time.Time
	over     bool // it has been answered
}

// confirmation is the answer of a round, kept until this node's machine has reached its index.
type confirmation struct {
	begun   time.Time // when the round began
	answer  ReadAnswer
	tickets []*readTicket
}

// question is a question of another node, with the function that answers it.
type question struct {
	ReadQuestion
	answer func(ReadAnswer, error)
}

func newReads(n *Node) *reads {
	r := &reads{node: n, wake: make(chan struct{}, 1), late: map[string]int{}, kicked: make(chan struct{}), fresh: freshness{since: time.Now()}}
	r.tickets.New = func() any { return &readTicket{done: make(chan struct{}, 1)} }
	return r
}

// read runs calls on a machine that is confirmed to be current.
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

// serve runs calls until one meets a key that is due to expire. It then waits until the machine's
// clock has passed the deadline, and continues. If the term has changed meanwhile, the new
// leader's clock may be far behind the old one's. So serve then returns the remaining calls, which
// have to be confirmed again.
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

// run1 runs calls in order. The machine may advance between two of them, so that a write does not
// wait for all of them. A later call never sees an older state.
func (r *reads) run1(calls []*command.Call, stampMS int64) (rest []*command.Call, dueMS int64) {
	for len(calls) > 0 && dueMS == 0 {
		all := calls
		calls, dueMS = r.runSome(all, stampMS)
		r.node.worker.counts.read(all[:len(all)-len(calls)])
	}
	return calls, dueMS
}

// runSome runs calls on one state of the machine, up to and including the first that is not fast.
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

// awaitClock waits until the machine's clock has reached ms or the term has changed. The leader
// proposes a tick for that deadline.
func (r *reads) awaitClock(ctx context.Context, ms int64, term uint64, deadline time.Time) *Error {
	reached := make(chan struct{}, 1)
	r.node.worker.progress.await(wait{clockMS: ms, reached: func() { signal(reached) }})
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for {
		r.mu.Lock()
		kicked := r.kicked
		r.mu.Unlock()
		if r.node.raft.CurrentTerm() != term { // read after kicked: a later change closes that channel
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

// confirm waits for a round that began after this call, and until this node's machine has reached
// the index that the round confirmed.
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

// enlist adds a reader, which is answered on the ticket's channel. It returns nil if the node
// stops.
func (r *reads) enlist(deadline time.Time) *readTicket {
	now := time.Now()
	t := r.tickets.Get().(*readTicket)
	r.mu.Lock() // whoever answered the ticket's last reader may still be using it
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

// settle returns a ticket's answer and puts the ticket back into the pool.
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

// forget removes answered tickets from every list, because tickets are reused.
func (r *reads) forget() {
	r.waiting = stillWaiting(r.waiting)
	if r.current != nil {
		r.current.tickets = stillWaiting(r.current.tickets)
	}
	for _, c := range r.confirmed {
		c.tickets = stillWaiting(c.tickets)
	}
}

// stillWaiting returns the tickets that are not answered yet.
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

// kick is called when there is another leader or another term, so that a round that could not
// succeed before may succeed now.
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

// misplaced removes and returns the questions that wait at a node which no longer leads.
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

// asksLeader reports whether a round can still succeed, as far as this node knows.
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

// run checks deadlines, and rounds that take too long, while there are any.
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

// tend ends what took too long and begins a round if one is needed. It returns when to look again;
// 0 if nothing waits.
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

// expire answers the readers whose time is over and tells them what they were waiting for.
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

// behind returns how many entries up to an index this node's machine has not applied.
func (r *reads) behind(index uint64) uint64 {
	return index - min(index, r.node.worker.progress.index.Load())
}

// lag returns how long the oldest confirmed index has not been reached by the machine, and how
// many entries the machine lacks of those known to be committed.
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

// deliver gives a confirmed answer to its readers once this node's machine has reached the index.
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

// shut answers everybody because the node stops.
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

// Further errors that end a read which a leader has confirmed, or may have confirmed.
var (
	ErrNotExpired  = &Error{"CLUSTERDOWN the read met a key that is due, and no leader confirmed that it has expired"}
	ErrReadClosing = &Error{"CLUSTERDOWN this node is shutting down; the read was not answered"}
)

// errLagging returns the error for a read whose index was confirmed but not reached by this node's
// machine in time.
func errLagging(entries uint64) *Error {
	return &Error{fmt.Sprintf("CLUSTERDOWN this node is %s and cannot answer the read yet", entriesBehind(entries))}
}
