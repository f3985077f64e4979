package admin

import (
	"context"
	"sync"
)

// failing is the FAILOVER under way, at most one.
type failing struct {
	mu     sync.Mutex
	cancel context.CancelCauseFunc // nil: none
}

// begin reports whether there was none.
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

// abort gives up the one under way, and reports whether there is one.
func (f *failing) abort() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancel == nil {
		return false
	}
	f.cancel(errFailoverAborted)
	return true
}

// state is what INFO replication says of it, in Redis's words.
func (f *failing) state() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancel != nil {
		return "failover-in-progress"
	}
	return "no-failover"
}
