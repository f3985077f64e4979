package cluster

import (
	"slices"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

// Addresses are used again, by servers of other clusters. What those say of a
// server that belongs elsewhere is not the word of its leader: it is not sent
// away, and they do not take it in.
func TestALeaderOfAnotherClusterHasNoSay(t *testing.T) {
	for _, hasState := range []bool{false, true} {
		inWorld(t, 3, func(w *world) {
			for _, id := range w.ids {
				w.start(id)
			}
			w.await("the cluster is whole", w.whole)
			w.add("n4", joining)
			d := w.disks["n4"]
			d.identity.Cluster, d.hasState = "another", hasState
			p := w.start("n4")
			time.Sleep(20 * time.Second)
			select {
			case <-p.done:
				t.Errorf("with state %v: it ended with %v", hasState, p.err)
			default:
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, g := range w.groups {
				if slices.ContainsFunc(g.servers, func(s member.Server) bool { return s.ID == d.identity.Server }) {
					t.Errorf("with state %v: it was added", hasState)
				}
			}
		})
	}
}
