package node

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
)

// raiseCall asks the committer for the entry that raises the machine's version.
type raiseCall struct {
	version uint8
	term    uint64 // the term in which the raise was decided
	answer  func(index uint64, err error)
}

// MachineVersion returns the active version of this node's machine, which may lag.
func (n *Node) MachineVersion() uint8 { return uint8(n.worker.progress.version.Load()) }

// Raise activates a version of the machine, if this node leads in the given term, and returns once
// its own machine has the version. Even after ctx has ended, Raise waits for an entry that is
// already on its way: whoever holds the token of membership changes must not release it before. An
// error other than ErrNotLeader does not say whether the entry is in the log. It is harmless to
// ask again.
func (n *Node) Raise(ctx context.Context, version uint8, term uint64) error {
	type outcome struct {
		index uint64
		err   error
	}
	done := make(chan outcome, 1)
	call := &raiseCall{version: version, term: term, answer: func(index uint64, err error) { done <- outcome{index, err} }}
	if err := n.committer.askRaise(call); err != nil {
		return err
	}
	var o outcome
	select {
	case o = <-done:
	case <-n.worker.queue.ended:
		return errStopped
	case <-ctx.Done():
		if n.committer.withdrawRaise(call) {
			return ctx.Err()
		}
		select {
		case o = <-done: // Raft answers, at the latest when it steps down
		case <-n.worker.queue.ended:
			return errStopped
		}
	}
	if o.err != nil {
		return o.err
	}
	reached := make(chan struct{})
	n.worker.progress.await(wait{index: o.index, reached: func() { close(reached) }})
	select {
	case <-reached:
		return nil
	case <-n.worker.queue.ended:
		return errStopped
	}
}

// askRaise leaves a call for the committer. There is at most one at a time.
func (c *committer) askRaise(call *raiseCall) error {
	c.mu.Lock()
	switch {
	case !c.leading:
		c.mu.Unlock()
		return ErrNotLeader
	case c.raising != nil:
		c.mu.Unlock()
		return ErrBusy
	}
	c.raising = call
	c.mu.Unlock()
	c.kick()
	return nil
}

// withdrawRaise takes a call back. It returns false if the entry is already on its way.
func (c *committer) withdrawRaise(call *raiseCall) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.raising != call {
		return false
	}
	c.raising = nil
	return true
}

// takeRaise removes and returns the waiting call, nil for none.
func (c *committer) takeRaise() *raiseCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := c.raising
	c.raising = nil
	return call
}

// raise proposes the requested raise in an entry of its own. It returns false if nobody has asked
// for one.
func (c *committer) raise() bool {
	call := c.takeRaise()
	if call == nil {
		return false
	}
	if call.term != c.term {
		call.answer(0, ErrNotLeader)
		return true
	}
	data, err := entry.AppendEntry(nil, entry.Head{StampMS: c.node.stamps.next(), Seed: rand.Uint64(), Raise: call.version}, nil)
	if err != nil {
		call.answer(0, fmt.Errorf("make the entry that raises the version: %w", err))
		return true
	}
	c.node.session.newEntry() // what the previous entry carried does not belong to this one
	c.load.reset()
	clear(c.taken)
	c.taken, c.asking.digest = c.taken[:0], entry.NoDigest
	c.opened = true
	index, err := c.commit(data)
	c.finish(index, err)
	if refusedByRaft(err) {
		err = ErrNotLeader
	}
	call.answer(index, err)
	return true
}

// refuseNew answers the calls that the active version of the machine does not have, and returns
// the others. A node that lags asks a leader first, so that a client that has seen a new command
// work is not refused the command here.
func (n *Node) refuseNew(ctx context.Context, calls []*command.Call) []*command.Call {
	if !anyNew(calls, n.MachineVersion()) {
		return calls
	}
	if _, err := n.reads.confirm(ctx, time.Now().Add(n.cfg.WriteTimeout)); err != nil {
		for _, c := range calls {
			c.Reply = errorReply(ErrNoLeader)
		}
		return nil
	}
	active := n.MachineVersion()
	if !anyNew(calls, active) {
		return calls
	}
	var known []*command.Call
	for _, c := range calls {
		if c.Command.Version > active {
			c.Reply = command.NotYetActive(c.Command, active)
		} else {
			known = append(known, c)
		}
	}
	return known
}

func anyNew(calls []*command.Call, active uint8) bool {
	for _, c := range calls {
		if c.Command.Version > active {
			return true
		}
	}
	return false
}
