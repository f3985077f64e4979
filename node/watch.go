package node

import (
	"context"
	"log/slog"
	"sync"

	"github.com/hashicorp/raft"
)

// leaderWatch tracks who leads, as Raft on this node believes, and tells the parts that send
// something to the leader.
type leaderWatch struct {
	node    *Node
	events  chan raft.Observation // cap 1: Raft drops what does not fit, and the next look sees it all
	mu      sync.Mutex
	leader  string
	changed chan struct{} // closed and replaced at every change
}

func newLeaderWatch(n *Node) *leaderWatch {
	return &leaderWatch{node: n, events: make(chan raft.Observation, 1), changed: make(chan struct{})}
}

// run observes Raft's changes of leader until the node stops.
func (w *leaderWatch) run() {
	observer := raft.NewObserver(w.events, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	})
	w.node.raft.RegisterObserver(observer)
	defer w.node.raft.DeregisterObserver(observer)
	for {
		w.look()
		select {
		case <-w.events:
		case <-w.node.stop:
			return
		}
	}
}

// look asks Raft who leads and passes a change on.
func (w *leaderWatch) look() {
	_, id := w.node.raft.LeaderWithID()
	leader := string(id)
	w.mu.Lock()
	if leader == w.leader {
		w.mu.Unlock()
		return
	}
	w.leader = leader
	close(w.changed)
	w.changed = make(chan struct{})
	w.mu.Unlock()
	w.node.log.Info("leader", slog.String("server", leader), slog.Uint64("term", w.node.raft.CurrentTerm()))
	w.node.session.follow(leader)
	w.node.reads.kick()
}

func (w *leaderWatch) current() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.leader
}

// await returns once wanted is true for the current leader.
func (w *leaderWatch) await(ctx context.Context, wanted func(leader string) bool) error {
	for {
		w.mu.Lock()
		leader, changed := w.leader, w.changed
		w.mu.Unlock()
		if wanted(leader) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
