package node

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// readiness says whether the node has once been as far as its leader was.
type readiness struct{ caughtUp atomic.Bool }

// Ready returns nil when the node has a leader and has caught up once, else why not.
func (n *Node) Ready() error {
	switch {
	case n.Err() != nil:
		return n.Err()
	case n.alarm.err() != nil:
		return n.alarm.err()
	case n.Leader() == "" && n.lead.abstention.nobody.Load():
		return errNobodyLeads
	case n.Leader() == "":
		return errNoLeader
	case !n.ready.caughtUp.Load():
		return errCatchingUp
	}
	return nil
}

// becomeReady reads nothing, confirmed, until that has succeeded once: after a
// restart the machine holds only the last snapshot until a leader tells the
// commit index.
func (n *Node) becomeReady() {
	for {
		if _, err := n.reads.confirm(context.Background(), time.Now().Add(time.Hour)); err == nil {
			n.ready.caughtUp.Store(true)
			signal(n.session.wake) // to register
			n.committer.kick()
			n.log.Info("caught up", slog.Uint64("index", n.worker.progress.index.Load()))
			return
		}
		select {
		case <-n.stop:
			return
		case <-n.worker.queue.ended:
			return
		default:
		}
	}
}
