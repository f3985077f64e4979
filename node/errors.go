package node

import "errors"

// Error is an operating condition together with the reply that a client gets.
type Error struct{ RESP string }

func (e *Error) Error() string { return e.RESP }

// The operating conditions (design, invariant 10).
var (
	ErrNoLeader      = &Error{"CLUSTERDOWN no leader elected; the write was not applied"}
	ErrStuck         = &Error{"CLUSTERDOWN nothing was committed within the write time-out; the write was not applied"}
	ErrNotRegistered = &Error{"CLUSTERDOWN this node has not caught up with the leader since it started; the write was not applied"}
	ErrUncertain     = &Error{"UNCERTAIN the write may or may not have been applied"}
	ErrUnconfirmed   = &Error{"CLUSTERDOWN no leader confirmed the read"}
	ErrStale         = &Error{"CLUSTERDOWN no leader confirmed the read, and what this node has may be older than stale-read-max allows"}
	ErrBehind        = &Error{"CLUSTERDOWN no leader confirmed the read, and this node has not caught up since it started"}
	ErrLoading       = &Error{"LOADING Kvorum is loading the dataset in memory"}
	ErrNotLeader     = &Error{"CLUSTERDOWN this node is not the leader"}
	ErrBusy          = &Error{"CLUSTERDOWN the leader's queue is full; the write was not applied"}
	ErrNotYet        = &Error{"CLUSTERDOWN the leader has not applied what the write builds on; the write was not applied"}
	ErrClosing       = &Error{"CLUSTERDOWN this node is shutting down; the write was not applied"}
	ErrNotMember     = &Error{"CLUSTERDOWN this node is no longer a member of the cluster; the write was not applied"}
	ErrDiverged      = &Error{"CLUSTERDOWN the data of this node differs from that of the other nodes, so it serves no clients; the command was not executed. Use another node"}
	ErrSplit         = &Error{"CLUSTERDOWN the nodes hold different data and no majority of them agrees, so nothing is read or written; the command was not executed. RAFT DIGEST shows who differs"}
	ErrTooLarge      = &Error{"ERR the command is larger than the log can carry"}
)

// Refused says why a leader will never put a batch into an entry. The batch was not proposed.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return "the leader refuses the batch: " + r.Reason }

// Reasons why a node is not ready.
var (
	errNoLeader   = errors.New("no leader is known")
	errCatchingUp = errors.New("catching up with the leader")
	errStopped    = errors.New("stopped")
)

// errStuck reports that Close has left goroutines behind.
var errStuck = errors.New("the stop is not over: the disk does not answer")

// errUnknownOutcome answers a forwarded batch whose entry may or may not be committed later.
var errUnknownOutcome = errors.New("the entry's outcome is unknown")
