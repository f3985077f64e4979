package resp

import (
	"context"

	"github.com/kvorum/kvorum/fsm/command"
)

// Executor runs the commands that need the replicated machine. Every method sets the Reply of each
// call, whatever happens. An operating condition becomes an error reply.
type Executor interface {
	// Write runs calls (routes Log and Gate) in order through the log.
	Write(ctx context.Context, calls []*command.Call)
	// Read runs calls (route Gate) in order on a machine that is confirmed to be current.
	Read(ctx context.Context, calls []*command.Call)
	// ReadLocal runs calls (route Gate) in order on this node's machine. The machine may be behind,
	// but never behind a write that this Executor has answered.
	ReadLocal(ctx context.Context, calls []*command.Call)
}

// Admin answers the Local commands that concern the node rather than the
// connection (INFO, CONFIG, ROLE, CLUSTER, RAFT, WAIT, SHUTDOWN, …).
type Admin interface {
	// Run sets the call's Reply. It returns false if the command is not Admin's.
	Run(ctx context.Context, call *command.Call) bool
}
