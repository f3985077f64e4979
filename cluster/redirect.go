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

// Executor runs commands on the replicated machine; it sets every Reply.
type Executor interface {
	Write(ctx context.Context, calls []*command.Call)
	Read(ctx context.Context, calls []*command.Call)
	ReadLocal(ctx context.Context, calls []*command.Call)
}

// Leadership says who leads, as this node believes.
type Leadership interface {
	// Leader returns whether this node leads, and what clients are told to
	// find the leader (host:port), "" when that is not known.
	Leader() (here bool, clientAddr string)
}

// Redirector stands before a node's Executor in redirect mode: a command with
// keys is answered MOVED to the leader's address when this node does not lead.
// While no leader is known it waits, so that an election is a pause to clients
// and no error. What has no keys passes on, in its order.
type Redirector struct {
	Next       Executor
	Leadership Leadership
	Within     time.Duration // how long it waits for a leader; 0: leaderWithin
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

// ReadLocal implements Executor: nobody is sent away with what a READONLY
// connection reads.
func (r *Redirector) ReadLocal(ctx context.Context, calls []*command.Call) {
	r.Next.ReadLocal(ctx, calls)
}

// redirect answers the calls that belong elsewhere and returns the others.
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

// awaitLeader is Leadership.Leader as soon as a leader is known, or as it is
// when the wait or ctx has ended.
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

// Moved is the text that sends a client to the leader with a key.
func Moved(key []byte, clientAddr string) string {
	return fmt.Sprintf("MOVED %d %s", command.KeySlot(key), clientAddr)
}
