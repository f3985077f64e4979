package simulation

import (
	"context"
	"math/rand/v2"
	"sync/atomic"

	"github.com/kvorum/kvorum/fsm/command"
)

// patience has a client wait for a frozen server only once in so many times. If clients always
// waited, all would soon wait for the same server.
const patience = 16

// connection is a client's connection, which moves to another server now and then.
type connection struct {
	cluster   *Cluster
	rng       *rand.Rand
	home      string          // the server that it is connected to
	via       *process        // the process to which the last pipeline was sent; nil: it was not sent
	tooLate   <-chan struct{} // closed when the run stops waiting for unfinished work
	uncertain *atomic.Int64   // UNCERTAIN replies of living servers to all clients
}

// move connects to a random server.
func (c *connection) move() { c.home = c.cluster.IDs[c.rng.IntN(len(c.cluster.IDs))] }

// send routes a pipeline as a real connection does: the leading reads by themselves, and
// everything from the first write on together. If no server runs, it moves on and returns
// false without sending; mostly it does so for a frozen server too. dead means that the
// process died meanwhile, so that its replies were never heard.
func (c *connection) send(calls []*command.Call) (sent, dead bool) {
	p := c.cluster.Process(c.home)
	if p == nil || c.cluster.Frozen(c.home) && c.rng.IntN(patience) > 0 {
		c.via = nil
		c.move()
		return false, false
	}
	c.via = p
	c.cluster.awaitThaw(p.ctx, c.home)
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	reads := 0
	for reads < len(calls) && calls[reads].Command.Route() != command.Log {
		reads++
	}
	if reads > 0 {
		p.server.Node().Read(ctx, calls[:reads])
	}
	if reads < len(calls) {
		p.server.Node().Write(ctx, calls[reads:])
	}
	if p.ctx.Err() != nil {
		return true, true
	}
	for _, call := range calls {
		if uncertain(call.Reply) {
			c.uncertain.Add(1)
		}
	}
	return true, false
}

// newCall makes a call from a command's words.
func newCall(fields ...string) *command.Call {
	args := make([][]byte, len(fields))
	for i, f := range fields {
		args[i] = []byte(f)
	}
	row, refused := command.Lookup(args)
	if row == nil {
		panic("the table does not know " + fields[0] + ": " + string(refused.Bytes))
	}
	return &command.Call{Command: row, Args: args}
}
