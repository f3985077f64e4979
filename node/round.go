package node

import (
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node/readindex"
)

// round is one confirmation in progress, for the readers and for the other nodes' questions that
// were waiting when it began.
type round struct {
	leader    string // who confirms: this node, or the server that is asked
	term      uint64 // of this node at the start
	index     uint64 // leader only: the commit index, read before the voters are asked
	begun     time.Time
	tickets   []*readTicket
	questions []question

	votes *readindex.Round // of a leader's round; nil elsewhere
}

// begin starts a round if somebody waits and no round is in progress. The caller holds mu,
// releases it, and then calls ask on the result.
func (r *reads) begin(now time.Time) *round {
	if r.current != nil || r.closed || len(r.waiting)+len(r.questions) == 0 || now.Before(r.retryAt) {
		return nil
	}
	c := &round{begun: now}
	if !r.beginAsLeader(c) && !r.beginAsFollower(c) {
		return nil
	}
	c.tickets, r.waiting = r.waiting, nil
	if c.leader == r.node.cfg.Session.Server {
		c.questions, r.questions = r.questions, nil
	}
	r.current = c
	return c
}

// beginAsLeader records the commit index and the voters to ask. Only a leader whose machine has
// applied an entry of its own term knows everything that earlier leaders have committed.
func (r *reads) beginAsLeader(c *round) bool {
	n := r.node
	term, leads := n.leads()
	if !leads || n.worker.progress.term.Load() != term {
		return false
	}
	c.leader, c.term = n.cfg.Session.Server, term
	c.index = n.raft.CommitIndex()
	others, votes := votersBut(n.configuration(), c.leader)
	slices.SortStableFunc(others, func(a, b string) int { return r.late[a] - r.late[b] })
	c.votes = readindex.New(term, others, votes)
	return true
}

// beginAsFollower determines the leader to ask. It reads the term after the reads have arrived.
func (r *reads) beginAsFollower(c *round) bool {
	self := r.node.cfg.Session.Server
	leader := r.node.watch.current()
	if leader == "" || leader == self || len(r.waiting) == 0 {
		return false
	}
	c.leader, c.term = leader, r.node.raft.CurrentTerm()
	return true
}

// votersBut returns the voters other than server, and whether server is a voter.
func votersBut(conf raft.Configuration, server string) (others []string, votes bool) {
	for _, s := range conf.Servers {
		switch {
		case s.Suffrage != raft.Voter:
		case string(s.ID) == server:
			votes = true
		default:
			others = append(others, string(s.ID))
		}
	}
	return others, votes
}

// alone reports whether this node is the only voter, so that nobody else has to be asked.
func (c *round) alone() bool { return c.votes != nil && c.votes.Needed() == 0 }

// ask sends the questions of a round that has begun. A nil round asks nothing.
func (c *round) ask(r *reads) {
	if c == nil {
		return
	}
	if c.leader != r.node.cfg.Session.Server {
		q := ReadQuestion{Server: r.node.cfg.Session.Server, Term: c.term}
		r.node.cfg.Peers.ReadIndex(c.leader, q, func(a ReadAnswer, err error) { r.answered(c, a, err) })
		return
	}
	if c.alone() {
		r.voted(c, "", 0, nil)
		return
	}
	r.poll(c, c.votes.Needed())
}

// poll asks voters until number of them have been asked. A round begins with as many as it needs.
// The others are asked when one of these fails or is late; that one comes last in later rounds.
func (r *reads) poll(c *round, number int) {
	r.mu.Lock()
	voters := c.votes.Ask(number)
	r.mu.Unlock()
	for _, v := range voters {
		r.node.cfg.Peers.Term(v, func(term uint64, err error) { r.voted(c, v, term, err) })
	}
}

// hurry marks the voters that have not answered as late, and returns the round if more can be
// asked.
func (r *reads) hurry(now time.Time) *round {
	c := r.current
	if c == nil || c.votes == nil || c.votes.AllAsked() || now.Sub(c.begun) < lateAfter {
		return nil
	}
	for _, v := range c.votes.Missing() {
		r.late[v] = 1
	}
	return c
}

// answered handles the leader's answer to this node's question.
func (r *reads) answered(c *round, a ReadAnswer, err error) {
	r.mu.Lock()
	var then aftermath
	switch {
	case r.current != c:
	case err != nil || a.Term < c.term:
		then = r.fail()
	default:
		then = r.succeed(c, a)
	}
	r.mu.Unlock()
	then.carryOut(r)
}

// voted handles a voter's answer to the question for its term. The voter "" stands for nobody.
func (r *reads) voted(c *round, voter string, term uint64, err error) {
	r.mu.Lock()
	if err != nil {
		r.late[voter] = 1
	} else {
		delete(r.late, voter)
	}
	var then aftermath
	if r.current == c {
		if err != nil {
			c.votes.Fail(voter)
		} else {
			c.votes.Answer(voter, term)
		}
		then = r.judge(c)
	}
	r.mu.Unlock()
	then.carryOut(r)
}

// judge ends a leader's round if its votes decide it. The caller holds mu.
func (r *reads) judge(c *round) aftermath {
	switch c.votes.Outcome() {
	case readindex.Confirmed:
		if !r.stillLeads(c) {
			return r.fail()
		}
		return r.succeed(c, ReadAnswer{Index: c.index, Term: c.term, StampMS: r.stamp()})
	case readindex.Refuted:
		return r.fail()
	}
	then := aftermath{questions: c.takeConfirmed()}
	if c.votes.AnyFailed() {
		then.wanting = c
	}
	switch {
	case len(then.questions) == 0:
	case r.stillLeads(c):
		then.answer = ReadAnswer{Index: c.index, Term: c.term, StampMS: r.stamp()}
	default:
		then.err = ErrNotLeader
	}
	return then
}

// aftermath is the work that remains to be done once mu is released.
type aftermath struct {
	done      *confirmation // to be delivered
	questions []question    // to be answered: with answer, or with err
	answer    ReadAnswer
	err       error
	next      *round // a round that has begun, whose questions are to be sent
	wanting   *round // a round whose remaining voters are to be asked
	again     bool   // run has to look
}

// carryOut does what remains. The caller must not hold mu.
func (a aftermath) carryOut(r *reads) {
	if a.done != nil {
		r.deliver(a.done)
	}
	for _, q := range a.questions {
		q.answer(a.answer, a.err)
	}
	a.next.ask(r)
	if a.wanting != nil {
		r.poll(a.wanting, a.wanting.votes.Voters())
	}
	if a.again {
		signal(r.wake)
	}
}

// stillLeads reports whether this node leads in the round's term.
func (r *reads) stillLeads(c *round) bool {
	term, leads := r.node.leads()
	return leads && term == c.term
}

// takeConfirmed removes and returns the questions for which the round is already confirmed.
func (c *round) takeConfirmed() []question {
	var confirmed []question
	rest := c.questions[:0]
	for _, q := range c.questions {
		if c.votes.ConfirmedFor(q.Server) {
			confirmed = append(confirmed, q)
		} else {
			rest = append(rest, q)
		}
	}
	c.questions = rest
	return confirmed
}

// succeed ends a round with an answer. The caller holds mu.
func (r *reads) succeed(c *round, a ReadAnswer) aftermath {
	r.current = nil
	then := aftermath{questions: c.questions, answer: a}
	if len(c.tickets) > 0 { // decided now: once mu is released, forget may remove tickets
		then.done = &confirmation{begun: c.begun, answer: a, tickets: c.tickets}
		r.confirmed = append(r.confirmed, then.done)
	}
	if c.alone() { // the next round would end on this stack, and so would the one after it
		then.again = len(r.waiting)+len(r.questions) > 0
	} else {
		then.next = r.begin(time.Now())
	}
	return then
}

// fail ends the current round without an answer; its readers wait for another. The caller holds
// mu.
func (r *reads) fail() aftermath {
	r.retryAt = time.Now().Add(roundRetry)
	return aftermath{questions: r.giveUp(), err: errRoundFailed, again: true}
}

// giveUp puts the readers of the current round back at the front of the line and returns its
// questions.
func (r *reads) giveUp() []question {
	c := r.current
	if c == nil {
		return nil
	}
	r.current = nil
	if r.closed {
		for _, t := range c.tickets {
			t.end(ReadAnswer{}, ErrReadClosing)
		}
	} else {
		r.waiting = append(c.tickets, r.waiting...)
	}
	c.tickets = nil
	return c.questions
}

// question answers another node's question, as leader. The asker was in its term when it asked,
// after its reads had arrived: that is its own vote, for its own reads. If no other vote is
// missing, question answers at once. Otherwise the question waits for the next round.
func (r *reads) question(q ReadQuestion, answer func(ReadAnswer, error)) {
	n := r.node
	term, leads := n.leads()
	if !leads || q.Term > term || n.worker.progress.term.Load() != term {
		answer(ReadAnswer{}, ErrNotLeader)
		return
	}
	index := n.raft.CommitIndex()
	others, votes := votersBut(n.configuration(), n.cfg.Session.Server)
	if readindex.New(term, others, votes).ConfirmedFor(q.Server) {
		if now, leads := n.leads(); !leads || now != term {
			answer(ReadAnswer{}, ErrNotLeader)
			return
		}
		if faultForeignQuestion {
			r.confirmOwn(term, index)
		}
		answer(ReadAnswer{Index: index, Term: term, StampMS: r.stamp()}, nil)
		return
	}
	r.mu.Lock()
	if r.closed || len(r.questions) >= questionsMax {
		r.mu.Unlock()
		answer(ReadAnswer{}, ErrBusy)
		return
	}
	r.questions = append(r.questions, question{ReadQuestion: q, answer: answer})
	start := r.begin(time.Now())
	r.mu.Unlock()
	start.ask(r)
	signal(r.wake)
}

// stamp returns the leader's stamp for reads. It wakes the committer if a key is already due by
// this stamp: the wall clock may have jumped, so that no tick is on its way.
func (r *reads) stamp() int64 {
	ms := r.node.stamps.next()
	if r.node.worker.progress.deadlineMS.Load() <= ms {
		r.node.committer.kick()
	}
	return ms
}

// confirmOwn is the planted fault that lets a follower's question confirm the leader's own reads.
func (r *reads) confirmOwn(term, index uint64) {
	r.mu.Lock()
	var then aftermath
	if c := r.current; c != nil && c.leader == r.node.cfg.Session.Server {
		then = r.succeed(c, ReadAnswer{Index: index, Term: term, StampMS: r.stamp()})
	}
	r.mu.Unlock()
	then.carryOut(r)
}
