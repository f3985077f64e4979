package node

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/entry"
)

// committer makes the log entries while this node leads. All waiting batches, local and forwarded,
// go into the next entry, which is stamped with a time and a seed. Only one entry is in flight,
// and what arrives meanwhile shares the next one (group commit). Small writes are bounded by
// processor time per entry, so fewer and larger entries are better; large ones fill the disk and
// the network anyway.
//
// Its goroutine waits for the entry in flight and for nothing else. When Raft steps down, it
// answers every future before it reports that on notify, and notify has room for more than one
// such change.
type committer struct {
	node   *Node
	notify chan bool     // from Raft: leadership gained or lost
	wake   chan struct{} // there may be something to propose
	timer  *time.Timer

	// Owned by run's goroutine.
	term     uint64 // the term led, 0 for none
	opened   bool   // an entry of this term has been proposed
	ahead    int    // how many batches of other nodes come before this node's next one
	load     load
	taken    []forward // the forwarded batches in load
	pauseEnd time.Time
	proposed uint64 // index of the last entry committed
	asking   asking

	armed    atomic.Int64 // the deadline that timer is set for, or noDeadline
	futures  atomic.Int32 // how many answers Raft owes this node
	settling atomic.Bool  // nothing more is proposed
	flight
	entries atomic.Uint64 // entries committed

	checking

	mu sync.Mutex
	arrivals
}

// arrivals holds what others want the leader to propose.
type arrivals struct {
	leading bool
	inbox   inbox
	wanted  []digestCall
	raising *raiseCall // nil if nobody asks for a raise
}

// checking holds what the check of forwarded batches needs.
type checking struct {
	checkers  sync.Pool
	refusedAt atomic.Int64 // when a refusal was last warned of (ns)
}

// flight is the entry in flight, as other goroutines see it.
type flight struct {
	begun atomic.Uint64             // entries proposed
	since atomic.Pointer[time.Time] // when the last one was proposed; nil once its outcome is known
}

func newCommitter(n *Node) *committer {
	c := &committer{node: n, notify: make(chan bool, leadershipEvents), wake: make(chan struct{}, 1)}
	c.checkers.New = func() any { return new(fsm.Checker) }
	c.armed.Store(noDeadline)
	return c
}

func (c *committer) kick() { signal(c.wake) }

// accept queues a batch of another node. The batch must belong to that node's own session.
func (c *committer) accept(from string, data []byte, answer func(error)) {
	if !c.leads() {
		answer(ErrNotLeader)
		return
	}
	kind, err := c.check(from, data)
	if err != nil {
		answer(err)
		return
	}
	c.mu.Lock()
	refusal := error(nil)
	switch {
	case !c.leading, kind != entry.Register && c.node.alarm.split():
		refusal = ErrNotLeader
	case !c.inbox.put(forward{server: from, data: data, answer: answer}):
		refusal = ErrBusy
	}
	c.mu.Unlock()
	if refusal != nil {
		answer(refusal)
		return
	}
	c.kick()
}

func (c *committer) leads() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leading
}

// progressed is called after each applied entry. drained says that the worker's backlog has fallen
// below its bound.
func (c *committer) progressed(drained bool) {
	if drained || c.node.worker.progress.deadlineMS.Load() < c.armed.Load() {
		c.kick()
	}
}

// run proposes entries while there is something to propose, and waits for events otherwise.
func (c *committer) run() {
	c.timer = time.NewTimer(0)
	defer c.timer.Stop()
	for {
		for c.propose() {
			c.heed()
		}
		select {
		case led := <-c.notify:
			c.leadership(led)
		case <-c.wake:
		case <-c.timer.C:
			c.armed.Store(noDeadline)
		case <-c.node.stop:
			return
		}
	}
}

// heed handles the changes of leadership that have arrived meanwhile.
func (c *committer) heed() {
	for {
		select {
		case led := <-c.notify:
			c.leadership(led)
		default:
			return
		}
	}
}

// leadership handles one change of leadership. It refuses everything that waits for this leader.
func (c *committer) leadership(gained bool) {
	term, leads := c.node.leads()
	if gained && !leads {
		return // lost again: that news is under way
	}
	c.node.lead.failover.kick() // to send a beat, or to look for the new leader
	c.term, c.opened = 0, false
	var refused []forward
	var wanted []digestCall
	c.mu.Lock()
	c.leading = gained
	if gained {
		c.term = term
	}
	refused = c.inbox.clear()
	wanted, c.wanted = append(c.asking.waiting, c.wanted...), nil
	c.mu.Unlock()
	if call := c.takeRaise(); call != nil {
		call.answer(0, ErrNotLeader)
	}
	c.asking = asking{}
	for _, w := range wanted {
		w.answer(0, ErrNotLeader)
	}
	for _, f := range refused {
		f.answer(ErrNotLeader)
	}
	c.armed.Store(noDeadline)
	c.node.log.Info("leadership", slog.Bool("gained", gained), slog.Uint64("term", term))
	c.node.session.lead(gained)
}

// propose makes an entry of what waits and sees it through. It returns false if there is nothing
// to do until something happens.
func (c *committer) propose() bool {
	if c.term == 0 || c.settling.Load() || c.node.worker.queue.behind() {
		return false
	}
	if pause := time.Until(c.pauseEnd); pause > 0 {
		c.timer.Reset(pause)
		return false
	}
	if c.raise() {
		return true
	}
	held := c.gather()
	c.question()
	if len(c.load.batches) == 0 && c.opened && c.asking.wait != 0 && !c.tickDue() {
		c.rest(held)
		return false
	}
	data := make([]byte, 0, entry.EntryBytes(len(c.load.batches), c.load.bytes))
	data, err := entry.AppendEntry(data, entry.Head{StampMS: c.node.stamps.next(), Seed: rand.Uint64(), Digest: c.asking.digest}, c.load.batches)
	if err != nil {
		c.node.Leave(fmt.Errorf("make an entry of batches that were gathered to fit: %w", err))
		return false
	}
	c.opened = true
	c.finish(c.commit(data))
	return true
}

// rest sets the timer after tickDue has: for calls that are held for more to come, or for an entry
// that is due only for its digest.
func (c *committer) rest(held time.Duration) {
	wait := c.asking.wait
	switch armed := c.armed.Load(); {
	case held > 0:
		c.timer.Reset(held)
		c.armed.Store(noDeadline)
	case wait > 0 && (armed == noDeadline || wait < c.node.stamps.until(armed)):
		c.timer.Reset(wait)
	}
}

// commit proposes an entry and waits until it is committed or has failed.
func (c *committer) commit(data []byte) (index uint64, err error) {
	c.futures.Add(1)
	defer c.futures.Add(-1)
	if c.settling.Load() { // read after the increment, so that settle sees one or the other
		return 0, raft.ErrNotLeader
	}
	if faultAckBeforeCommit {
		c.node.session.ackBeforeCommit()
	}
	now := time.Now()
	c.since.Store(&now)
	defer c.since.Store(nil)
	c.begun.Add(1)
	future := c.node.raft.Apply(data, 0)
	if err := future.Error(); err != nil {
		return 0, err
	}
	return future.Index(), nil
}

// waits returns how long the entry in flight has been waiting for its commitment.
func (c *committer) waits() time.Duration {
	if since := c.since.Load(); since != nil {
		return time.Since(*since)
	}
	return 0
}

// finish answers the senders of the batches in the entry.
func (c *committer) finish(index uint64, err error) {
	var answer error
	switch {
	case err == nil:
		c.proposed = index
		c.entries.Add(1)
	case refusedByRaft(err):
		answer = ErrNotLeader
		c.pauseEnd = time.Now().Add(transferPause) // handing over, or about to learn that it is not the leader
	default:
		answer = errUnknownOutcome
	}
	c.asked(index, err)
	for i := range c.taken {
		c.taken[i].answer(answer)
	}
	if err != nil {
		c.node.log.Debug("an entry failed", slog.Any("error", err))
		c.node.session.returned(refusedByRaft(err))
		return
	}
	c.node.session.committed()
	if !c.more() {
		c.node.notices.committed(index, c.term, c.taken)
	}
}

// refusedByRaft reports whether an error means that the entry is not in the log and never will be.
func refusedByRaft(err error) bool {
	return errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrEnqueueTimeout) || errors.Is(err, raft.ErrLeadershipTransferInProgress)
}

// gather fills the next entry. The nodes, this one included, take turns with one batch each. A
// node whose batch does not fit comes first in the next entry. Own calls may be held for more to
// come, but not if an entry is made anyway.
func (c *committer) gather() (held time.Duration) {
	c.load.reset()
	clear(c.taken)
	c.taken = c.taken[:0]
	c.node.session.newEntry()
	own, others := true, true // may have a batch that fits
	for own || others {
		if own && (c.ahead == 0 || !others) {
			before := len(c.load.batches)
			held = c.node.session.collect(&c.load)
			if own = len(c.load.batches) > before; own {
				c.ahead = c.nodes()
			}
			continue
		}
		if others = c.take(); !others {
			continue
		}
		c.ahead = max(c.ahead-1, 0)
		if held > 0 {
			own, held = true, 0
		}
	}
	return held
}

// take moves the next forwarded batch into the next entry if it fits.
func (c *committer) take() bool {
	c.mu.Lock()
	f, ok := c.inbox.take(c.load.room())
	c.mu.Unlock()
	if ok {
		c.load.add(f.data)
		c.taken = append(c.taken, f)
	}
	return ok
}

// nodes returns the number of other nodes that have forwarded what no entry has taken.
func (c *committer) nodes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.inbox.lines)
}

// more reports whether something waits for the next entry.
func (c *committer) more() bool {
	c.mu.Lock()
	forwarded := !c.inbox.empty()
	c.mu.Unlock()
	return forwarded || !c.node.session.idle()
}

// tickDue reports whether the earliest deadline has passed and nothing that
// was proposed may yet move the clock; else it sets the timer, or leaves it to
// the worker to wake the committer.
func (c *committer) tickDue() bool {
	p := &c.node.worker.progress
	for {
		c.armed.Store(noDeadline) // before looking: progress after the look then wakes us
		if p.index.Load() < c.proposed {
			return false
		}
		deadline := p.deadlineMS.Load()
		if deadline == noDeadline {
			return false
		}
		if c.node.stamps.next() >= deadline {
			return true
		}
		c.timer.Reset(c.node.stamps.until(deadline))
		c.armed.Store(deadline)
		if p.deadlineMS.Load() >= deadline {
			return false
		}
	}
}

// settle stops proposing and returns when Raft has given all the answers that it owes this node.
// Raft's Shutdown would leave some of them unanswered for ever. The log store has been unplugged,
// so one more entry makes a leader step down.
func (c *committer) settle() {
	c.settling.Store(true)
	for c.futures.Load() > 0 {
		_ = c.node.raft.Apply(nil, 0).Error()
		time.Sleep(time.Millisecond)
	}
}

// load is the content of the next entry.
type load struct {
	batches [][]byte
	bytes   int
}

func (l *load) reset() {
	clear(l.batches)
	l.batches, l.bytes = l.batches[:0], 0
}

func (l *load) add(batch []byte) {
	l.batches = append(l.batches, batch)
	l.bytes += len(batch)
}

// room returns how large one more batch may be.
func (l *load) room() int {
	if len(l.batches) >= entry.BatchesMax {
		return 0
	}
	return entry.EntryBytesMax - entry.EntryBytes(len(l.batches)+1, l.bytes)
}
