package node

import (
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// round is one confirmation under way, for the readers and the other nodes'
// questions that waited when it began.
type round struct {
	leader    string // who confirms: this node, or who is asked
	term      uint64 // this node's at the start
	index     uint64 // leader: the commit index, noted first
	begun     time.Time
	tickets   []*readTicket
	questions []question

	// Leader only.
	voters    []string // the others, those who answer fast first
	asked     int      // of them
	majority  int      // of all voters
	self      int      // 1 if this node is a voter
	confirmed []string // who answered "at most yours"
	failed    int
}

// begin starts a round if somebody waits and none is under way. The caller
// holds mu and calls ask of the result without it.
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

// beginAsLeader notes the commit index and whom to ask. Only a leader whose
// machine has applied an entry of its own term knows everything that earlier
// leaders have committed.
func (r *reads) beginAsLeader(c *round) bool {
	n := r.node
	term, leads := n.leads()
	if !leads || n.worker.progress.term.Load() != term {
		return false
	}
	c.leader, c.term = n.cfg.Session.Server, term
	c.index = n.raft.CommitIndex()
	c.voters, c.majority, c.self = votersBut(n.configuration(), c.leader)
	slices.SortStableFunc(c.voters, func(a, b string) int { return r.late[a] - r.late[b] })
	return true
}

// beginAsFollower finds whom to ask; the term is read after the reads arrived.
func (r *reads) beginAsFollower(c *round) bool {
	self := r.node.cfg.Session.Server
	leader := r.node.watch.current()
	if leader == "" || leader == self || len(r.waiting) == 0 {
		return false
	}
	c.leader, c.term = leader, r.node.raft.CurrentTerm()
	return true
}

// votersBut returns the voters other than one, the majority of all, and
// whether that one is a voter (1 or 0).
func votersBut(conf raft.Configuration, server string) (others []string, majority, self int) {
	for _, s := range conf.Servers {
		switch {
		case s.Suffrage != raft.Voter:
		case string(s.ID) == server:
			self = 1
		default:
			others = append(others, string(s.ID))
		}
	}
	return others, (len(others)+self)/2 + 1, self
}

// alone reports whether nobody else has to be asked: this node is the only voter.
func (c *round) alone() bool { return c.majority > 0 && c.self >= c.majority }

// ask sends the questions of a round that has begun; nil does nothing.
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
	r.poll(c, c.majority-c.self)
}

// poll asks voters until some number of them have been asked. A round begins
// with as many as it needs; the others are asked when one of these fails or is
// late, and that one comes last in the next rounds.
func (r *reads) poll(c *round, number int) {
	r.mu.Lock()
	from := c.asked
	c.asked = max(from, min(number, len(c.voters)))
	voters := c.voters[from:c.asked]
	r.mu.Unlock()
	for _, v := range voters {
		r.node.cfg.Peers.Term(v, func(term uint64, err error) { r.voted(c, v, term, err) })
	}
}

// hurry marks the voters who have not answered as late and returns the round if
// others can be asked.
func (r *reads) hurry(now time.Time) *round {
	c := r.current
	if c == nil || c.asked == 0 || c.asked == len(c.voters) || now.Sub(c.begun) < lateAfter {
		return nil
	}
	for _, v := range c.voters[:c.asked] {
		if !slices.Contains(c.confirmed, v) {
			r.late[v] = 1
		}
	}
	return c
}

// answered is what the leader said to this node's question.
func (r *reads) answered(c *round, a ReadAnswer, err error) {
	r.mu.Lock()
	if r.current != c {
		r.mu.Unlock()
		return
	}
	if err != nil || a.Term < c.term {
		r.fail(c)
		return
	}
	r.succeed(c, a)
}

// voted is a voter's answer for its term; the voter "" is nobody.
func (r *reads) voted(c *round, voter string, term uint64, err error) {
	r.mu.Lock()
	if err != nil {
		r.late[voter] = 1
	} else {
		delete(r.late, voter)
	}
	if r.current != c {
		r.mu.Unlock()
		return
	}
	switch {
	case voter == "":
	case err != nil || term > c.term:
		c.failed++
	default:
		c.confirmed = append(c.confirmed, voter)
	}
	confirmed := len(c.confirmed) + c.self
	switch {
	case confirmed >= c.majority && r.stillLeads(c):
		r.succeed(c, ReadAnswer{Index: c.index, Term: c.term, StampMS: r.stamp()})
	case confirmed >= c.majority || confirmed+len(c.voters)-len(c.confirmed)-c.failed < c.majority:
		r.fail(c)
	default:
		early, wanting := c.takeConfirmed(), c.failed > 0
		r.mu.Unlock()
		r.answerEarly(c, early)
		if wanting {
			r.poll(c, len(c.voters))
		}
	}
}

func (r *reads) stillLeads(c *round) bool {
	term, leads := r.node.leads()
	return leads && term == c.term
}

// takeConfirmed removes the questions whose asker's own vote, which came with
// the question, makes up for one that is missing.
func (c *round) takeConfirmed() []question {
	var early []question
	rest := c.questions[:0]
	for _, q := range c.questions {
		if len(c.confirmed)+c.self+1 >= c.majority && slices.Contains(c.voters, q.Server) && !slices.Contains(c.confirmed, q.Server) {
			early = append(early, q)
		} else {
			rest = append(rest, q)
		}
	}
	c.questions = rest
	return early
}

func (r *reads) answerEarly(c *round, early []question) {
	if len(early) == 0 {
		return
	}
	if !r.stillLeads(c) {
		refuse(early, ErrNotLeader)
		return
	}
	a := ReadAnswer{Index: c.index, Term: c.term, StampMS: r.stamp()}
	for _, q := range early {
		q.answer(a, nil)
	}
}

// succeed ends a round; the caller holds mu, which it releases.
func (r *reads) succeed(c *round, a ReadAnswer) {
	r.current = nil
	done := &confirmation{begun: c.begun, answer: a, tickets: c.tickets}
	awaited := len(done.tickets) > 0 // told now: from here on forget may take tickets out
	if awaited {
		r.confirmed = append(r.confirmed, done)
	}
	var next *round
	if !c.alone() {
		next = r.begin(time.Now())
	} else if len(r.waiting)+len(r.questions) > 0 {
		signal(r.wake) // the next round would be over on this stack, and so on
	}
	r.mu.Unlock()
	if awaited {
		r.deliver(done)
	}
	for _, q := range c.questions {
		q.answer(a, nil)
	}
	next.ask(r)
}

// fail ends a round without an answer: its readers wait for another. The
// caller holds mu, which it releases.
func (r *reads) fail(c *round) {
	r.retryAt = time.Now().Add(roundRetry)
	failed := r.giveUp()
	r.mu.Unlock()
	refuse(failed, errRoundFailed)
	signal(r.wake)
}

// giveUp puts the readers of the round under way back in line, first, and
// returns its questions.
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

// question answers another node's question, as leader. The asker was in its
// term when it asked, after its reads had arrived: that is its own vote, for
// its own reads. If no other is missing, the answer is given at once; else the
// question waits for the next round.
func (r *reads) question(q ReadQuestion, answer func(ReadAnswer, error)) {
	n := r.node
	term, leads := n.leads()
	if !leads || q.Term > term || n.worker.progress.term.Load() != term {
		answer(ReadAnswer{}, ErrNotLeader)
		return
	}
	index := n.raft.CommitIndex()
	others, majority, votes := votersBut(n.configuration(), n.cfg.Session.Server)
	if slices.Contains(others, q.Server) {
		votes++
	}
	if votes >= majority {
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

// stamp is a leader's for reads. By it a key may be due for which no tick is
// under way, since the wall clock has jumped.
func (r *reads) stamp() int64 {
	ms := r.node.stamps.next()
	if r.node.worker.progress.deadlineMS.Load() <= ms {
		r.node.committer.kick()
	}
	return ms
}

// confirmOwn is the planted fault that lets a follower's question confirm the
// leader's own reads.
func (r *reads) confirmOwn(term, index uint64) {
	r.mu.Lock()
	c := r.current
	if c == nil || c.leader != r.node.cfg.Session.Server {
		r.mu.Unlock()
		return
	}
	r.succeed(c, ReadAnswer{Index: index, Term: term, StampMS: r.stamp()})
}
