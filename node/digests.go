package node

import (
	"context"
	"fmt"
	"time"

	"github.com/kvorum/kvorum/fsm/entry"
)

// DigestPolicy says how often entries ask every node for a digest of its machine.
type DigestPolicy struct {
	Every      time.Duration // the minimum interval; also, something must have been applied since
	WholeEvery time.Duration // the minimum interval of digests of the whole state
}

// asking tracks the digests that a leader's entries have asked for in its term.
type asking struct {
	at      time.Time     // when the last asking entry was committed; zero: none in this term
	index   uint64        // its index
	digest  entry.Digest  // what the next entry asks for
	waiting []digestCall  // callers that wait for its index
	wait    time.Duration // until an entry is due for a digest alone; negative: none is due
}

// digestCall is a request for a digest.
type digestCall struct {
	whole  bool
	answer func(index uint64, err error)
}

// question decides which digest the entry proposed now asks for. Usually the entry of some write
// carries the question. Otherwise an entry is made for it alone when Every has passed twice, but
// only if something was applied since the last question: an idle cluster writes nothing.
func (c *committer) question() {
	a, policy := &c.asking, c.node.cfg.Digests
	a.digest, a.wait = entry.NoDigest, -1
	c.mu.Lock()
	a.waiting, c.wanted = append(a.waiting, c.wanted...), c.wanted[:0]
	c.mu.Unlock()
	since := 2 * policy.Every
	if !a.at.IsZero() {
		since = time.Since(a.at)
	}
	if since >= policy.Every || len(a.waiting) > 0 {
		a.digest = entry.HashDigest
	}
	if a.digest != entry.NoDigest && c.node.captures.wholeAge() >= policy.WholeEvery {
		a.digest = entry.WholeDigest
	}
	for _, w := range a.waiting {
		if w.whole {
			a.digest = entry.WholeDigest
		}
	}
	switch {
	case len(a.waiting) > 0:
		a.wait = 0
	case max(c.proposed, c.node.worker.progress.index.Load()) > a.index:
		a.wait = max(2*policy.Every-since, 0)
	}
}

// asked records the outcome of the entry that carried the question.
func (c *committer) asked(index uint64, err error) {
	a := &c.asking
	if a.digest == entry.NoDigest {
		return
	}
	if err == nil {
		a.at, a.index = time.Now(), index
	}
	for _, w := range a.waiting {
		w.answer(index, err)
	}
	clear(a.waiting)
	a.waiting = a.waiting[:0]
}

// AskDigest makes every node capture a digest of its machine at one index, now, and returns that
// index once its entry is committed. whole also asks for a digest of the whole state. AskDigest
// works on the leader only.
func (n *Node) AskDigest(ctx context.Context, whole bool) (index uint64, err error) {
	type outcome struct {
		index uint64
		err   error
	}
	done := make(chan outcome, 1)
	call := digestCall{whole: whole, answer: func(index uint64, err error) { done <- outcome{index, err} }}
	c := n.committer
	c.mu.Lock()
	switch {
	case !c.leading:
		err = ErrNotLeader
	case len(c.wanted) >= digestCallsMax:
		err = ErrBusy
	default:
		c.wanted = append(c.wanted, call)
	}
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	c.kick()
	select {
	case o := <-done:
		if refusedByRaft(o.err) {
			o.err = ErrNotLeader
		}
		if o.err != nil {
			return 0, fmt.Errorf("ask for a digest: %w", o.err)
		}
		return o.index, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-n.worker.queue.ended:
		return 0, errStopped
	}
}
