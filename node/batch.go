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
	calls    []*command.Call
	packed   int          // calls[:packed] are in batches
	pending  atomic.Int32 // calls without a reply
	deadline time.Time
	done     chan struct{} // cap 1: every call has its reply
}

// answer sets the reply of calls[from:to]; the last one wakes the writer, after
// which the ticket is not ours any more.
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

// batch is what travels under one number.
type batch struct {
	number uint64
	data   []byte  // encoded; never changed, only replaced
	slices []slice // who still waits for it
	split  *split  // a piece of a command that is larger than a batch
	sends  int     // sends that have not been refused: 0 says that it cannot be applied
	sentAt time.Time
}

// verdict is what those who wait are told when no answer came.
func (b *batch) verdict() *Error {
	if b.sends > 0 {
		return ErrUncertain
	}
	return ErrNoLeader
}

// split is a command on its way in parts.
type split struct {
	ticket *ticket
	call   int
	body   []byte
	parts  int
	next   int // the part to send next
}

func newSplit(t *ticket, call int) *split {
	c := t.calls[call]
	body := entry.AppendBody(nil, []entry.Command{{DB: c.DB, Args: c.Args}})
	return &split{ticket: t, call: call, body: body, parts: (len(body) + entry.PartBytesMax - 1) / entry.PartBytesMax}
}

// part returns the bytes of the next part and whether it is the last.
func (s *split) part() (piece []byte, last bool) {
	piece = s.body[s.next*entry.PartBytesMax:]
	return piece[:min(len(piece), entry.PartBytesMax)], s.next == s.parts-1
}

func callBytes(c *command.Call) int {
	e := entry.Command{DB: c.DB, Args: c.Args}
	return entry.CommandBytes(&e)
}

// countBytes is what the number of commands takes in a body, at most.
const countBytes = 3

// errorReply is an operating condition as a client sees it.
func errorReply(err *Error) reply.Value { return reply.Err(err.RESP) }
