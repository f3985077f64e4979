package admin

import (
	"context"
	"sync"
)

// failing holds the FAILOVER in progress. There is at most one.
type failing struct {
	mu     sync.Mutex
	cancel context.CancelCauseFunc // nil: none
}

// begin starts a FAILOVER unless another is in progress, and reports whether it did.
func (f *failing) begin(cancel context.CancelCauseFunc) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancel != nil {
		return false
	}
	f.cancel = cancel
	return true
}

func (f *failing) end() {
	f.mu.Lock()
	f.cancel = nil
	f.mu.Unlock()
}

// abort cancels the FAILOVER in progress, and reports whether there was one.
func (f *failing) abort() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancel == nil {
		return false
	}
	f.cancel(errFailoverAborted)
	return true
}

// state returns the state that INFO replication shows, in Redis's words.
func (f *failing) state() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancel != nil {
		return "failover-in-progress"
	}
	return "no-failover"
}
