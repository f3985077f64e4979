package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// Executor runs commands on the replicated machine. It sets the Reply of every call.
type Executor interface {
	Write(ctx context.Context, calls []*command.Call)
	Read(ctx context.Context, calls []*command.Call)
	ReadLocal(ctx context.Context, calls []*command.Call)
}

// Leadership says which node leads, as far as this node knows.
type Leadership interface {
	// Leader returns whether this node leads, and the address (host:port) at which clients find the
	// leader, "" if that is unknown.
	Leader() (here bool, clientAddr string)
}

// Redirector stands in front of a node's Executor in redirect mode. If this node does not lead, it
// answers a command that has keys with MOVED and the leader's address. While no leader is known it
// waits, so that clients see an election as a pause and not as an error. Commands without keys pass
// through in their order.
type Redirector struct {
	Next       Executor
	Leadership Leadership
	Within     time.Duration // how long to wait for a leader; 0: leaderWithin
}

// Write implements Executor.
func (r *Redirector) Write(ctx context.Context, calls []*command.Call) {
	if rest := r.redirect(ctx, calls, downForWrite); len(rest) > 0 {
		r.Next.Write(ctx, rest)
	}
}

// Read implements Executor.
func (r *Redirector) Read(ctx context.Context, calls []*command.Call) {
	if rest := r.redirect(ctx, calls, downForRead); len(rest) > 0 {
		r.Next.Read(ctx, rest)
	}
}

// ReadLocal implements Executor. It never redirects, because a READONLY connection reads from the
// node that it is connected to.
func (r *Redirector) ReadLocal(ctx context.Context, calls []*command.Call) {
	r.Next.ReadLocal(ctx, calls)
}

// redirect answers the calls that belong on another node and returns the rest.
func (r *Redirector) redirect(ctx context.Context, calls []*command.Call, down string) []*command.Call {
	if !slices.ContainsFunc(calls, func(c *command.Call) bool { return len(c.Command.KeysOf(c.Args)) > 0 }) {
		return calls
	}
	here, addr := r.awaitLeader(ctx)
	if here {
		return calls
	}
	var rest []*command.Call
	for _, call := range calls {
		keys := call.Command.KeysOf(call.Args)
		switch {
		case len(keys) == 0:
			rest = append(rest, call)
		case addr == "":
			call.Reply = reply.Err(down)
		default:
			call.Reply = reply.Err(Moved(call.Args[keys[0]], addr))
		}
	}
	return rest
}

// awaitLeader returns what Leadership.Leader says as soon as a leader is known. When the wait or
// ctx ends first, it returns what Leader says then.
func (r *Redirector) awaitLeader(ctx context.Context) (here bool, clientAddr string) {
	if here, clientAddr = r.Leadership.Leader(); here || clientAddr != "" {
		return here, clientAddr
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.Within, leaderWithin))
	defer cancel()
	ticker := time.NewTicker(leaderEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return r.Leadership.Leader()
		case <-ticker.C:
		}
		if here, clientAddr = r.Leadership.Leader(); here || clientAddr != "" {
			return here, clientAddr
		}
	}
}

// Moved returns the error text that redirects a client with a key to the leader.
func Moved(key []byte, clientAddr string) string {
	return fmt.Sprintf("MOVED %d %s", command.KeySlot(key), clientAddr)
}
