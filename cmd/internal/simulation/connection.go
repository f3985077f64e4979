package simulation

import (
	"context"
	"math/rand/v2"
	"sync/atomic"

	"github.com/kvorum/kvorum/fsm/command"
)

// patience is how rarely a client waits for a frozen server: else all would
// soon wait for one.
const patience = 16

// connection is a client's way to a server, which it changes now and then.
type connection struct {
	cluster   *Cluster
	rng       *rand.Rand
	home      string          // the server that it is connected to
	via       *process        // what the last pipeline was sent to, nil if to nothing
	tooLate   <-chan struct{} // closed when nobody waits any more for what must be done to be done
	uncertain *atomic.Int64   // UNCERTAIN replies of living servers, to everybody
}

// move connects to any server.
func (c *connection) move() { c.home = c.cluster.IDs[c.rng.IntN(len(c.cluster.IDs))] }

// send routes a pipeline as a connection does: leading reads by themselves, all
// from the first write on together. It returns false without sending where no
// server runs, and mostly where one is frozen, and moves on. What a process said that died meanwhile was never
// heard: dead tells.
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

// newCall makes the call of a command.
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
