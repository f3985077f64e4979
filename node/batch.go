package node

import (
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/reply"
)

// ticket is one Write: the calls of one connection that wait together.
type ticket struct {
	calls   []*command.Call
	packed  int           // calls[:packed] are in batches
	pending atomic.Int32  // calls without a reply
	since   time.Time     // when it arrived
	done    chan struct{} // cap 1: every call has its reply
}

// unpacked returns how many calls are in no batch.
func (t *ticket) unpacked() int { return len(t.calls) - t.packed }

// next returns the first call that is in no batch.
func (t *ticket) next() *command.Call { return t.calls[t.packed] }

// answer sets the reply of calls[from:to]. The last reply wakes the writer; after that the ticket
// no longer belongs to the session.
func (t *ticket) answer(from, to int, r reply.Value) {
	for _, c := range t.calls[from:to] {
		c.Reply = r
	}
	t.settled(to - from)
}

func (t *ticket) settled(calls int) {
	if calls > 0 && t.pending.Add(-int32(calls)) == 0 {
		t.done <- struct{}{}
	}
}

// slice is the part of a batch that belongs to one ticket.
type slice struct {
	ticket   *ticket
	from, to int // of the ticket's calls
	at       int // of the batch's commands
}

// batch is the content that is sent under one number.
type batch struct {
	number uint64
	data   []byte  // encoded; never changed, only replaced
	slices []slice // who still waits for it
	split  *split  // the command of which it is a part, or nil
	closes *split  // the command of which it is the last batch, or nil
	sends  int     // sends that were not refused; 0 means that the batch cannot have been applied
	sentAt time.Time
}

// calls returns how many calls still wait for the batch.
func (b *batch) calls() int {
	n := 0
	for i := range b.slices {
		n += b.slices[i].to - b.slices[i].from
	}
	return n
}

func callBytes(c *command.Call) int {
	e := entry.Command{DB: c.DB, Args: c.Args}
	return entry.CommandBytes(&e)
}

// countBytes is the maximum encoded size of the number of commands in a body.
const countBytes = 3

// errorReply turns an operating condition into the reply that a client sees.
func errorReply(err *Error) reply.Value { return reply.Err(err.RESP) }
