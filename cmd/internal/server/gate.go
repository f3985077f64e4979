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

// gate stands between the clients and the member. Until the member is open, the gate
// replies LOADING, so that early clients learn why they are not served. In the first
// seconds of a process it lets them wait instead. Most restarts finish within that
// time, so clients that reconnect during a rolling restart see no error.
type gate struct {
	open     atomic.Pointer[opened]
	early    resp.Admin    // answers SHUTDOWN before the gate is open
	waiting  chan struct{} // closed once the gate is open
	patience time.Time     // until when clients wait instead of getting LOADING
}

// let opens the gate, once.
func (g *gate) let(o *opened) {
	g.open.Store(o)
	close(g.waiting)
}

// await returns what is behind the gate. It waits for it while patience lasts, and
// returns nil if the gate is still closed then.
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

// patiently waits for d. It returns false once patience is over or ctx has ended.
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

// opened holds what clients reach through the gate.
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

// loading replies LOADING to every call.
func loading(calls ...*command.Call) {
	for _, call := range calls {
		call.Reply = reply.Err(node.ErrLoading.RESP)
	}
}
