package server

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/transport/resp"
)

// gate stands between clients and the member: until that is open, it answers
// LOADING, so that clients who connect early learn that they are early. In the
// first moments of a process it has them wait instead: most restarts are over
// by then, and clients that reconnect while nodes are restarted one after the
// other hear no error.
type gate struct {
	open     atomic.Pointer[opened]
	early    resp.Admin    // answers SHUTDOWN before it is open
	waiting  chan struct{} // closed when it is open
	patience time.Time     // until when it has clients wait
}

// let opens the gate, once.
func (g *gate) let(o *opened) {
	g.open.Store(o)
	close(g.waiting)
}

// await returns what is behind the gate, nil while there is nothing.
func (g *gate) await(ctx context.Context) *opened {
	if o := g.open.Load(); o != nil {
		return o
	}
	left := time.Until(g.patience)
	if left <= 0 {
		return nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-g.waiting:
	case <-timer.C:
	case <-ctx.Done():
	}
	return g.open.Load()
}

// patiently waits for d, and returns false once nobody is to wait any more.
func (g *gate) patiently(ctx context.Context, d time.Duration) bool {
	d = min(d, time.Until(g.patience))
	if d <= 0 {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// opened is what clients reach through the gate.
type opened struct {
	executor resp.Executor
	admin    resp.Admin
}

// Write implements resp.Executor.
func (g *gate) Write(ctx context.Context, calls []*command.Call) {
	if o := g.await(ctx); o != nil {
		o.executor.Write(ctx, calls)
		return
	}
	loading(calls...)
}

// Read implements resp.Executor.
func (g *gate) Read(ctx context.Context, calls []*command.Call) {
	if o := g.await(ctx); o != nil {
		o.executor.Read(ctx, calls)
		return
	}
	loading(calls...)
}

// ReadLocal implements resp.Executor.
func (g *gate) ReadLocal(ctx context.Context, calls []*command.Call) {
	if o := g.await(ctx); o != nil {
		o.executor.ReadLocal(ctx, calls)
		return
	}
	loading(calls...)
}

// Run implements resp.Admin.
func (g *gate) Run(ctx context.Context, call *command.Call) bool {
	if call.Command.Name == "shutdown" && g.open.Load() == nil {
		return g.early.Run(ctx, call)
	}
	if o := g.await(ctx); o != nil {
		return o.admin.Run(ctx, call)
	}
	loading(call)
	return true
}

func loading(calls ...*command.Call) {
	for _, call := range calls {
		call.Reply = reply.Err(node.ErrLoading.RESP)
	}
}
