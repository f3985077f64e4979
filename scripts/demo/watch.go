package main

import (
	"context"
	"sync"
	"time"

	"github.com/kvorum/kvorum/scripts/client"
	"github.com/kvorum/kvorum/scripts/demo/stage"
)

// watch holds what the nodes last said of themselves.
type watch struct {
	nodes []stage.Node

	mu    sync.Mutex
	seen  map[string]sighting
	alive sync.WaitGroup
}

// sighting is a node's view, and whether it has one now.
type sighting struct {
	client.View
	answers bool
}

// startWatch asks every node again and again until ctx ends.
func startWatch(ctx context.Context, nodes []stage.Node) *watch {
	w := &watch{nodes: nodes, seen: map[string]sighting{}}
	for _, node := range nodes {
		w.alive.Go(func() {
			conn := client.Conn{Addr: node.Addr, Within: watchWithin}
			defer conn.Close()
			for pause(ctx, watchEvery) == nil {
				view, err := conn.Look()
				w.mu.Lock()
				w.seen[node.ID] = sighting{view, err == nil}
				w.mu.Unlock()
			}
		})
	}
	return w
}

func (w *watch) of(id string) sighting {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[id]
}

// leader is the node that leads in the highest term that any node knows of, ""
// if there is none now.
func (w *watch) leader() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	leader, highest := "", int64(0)
	for _, node := range w.nodes {
		s := w.seen[node.ID]
		switch {
		case !s.answers || s.Term < highest:
		case s.Leads:
			leader, highest = node.ID, s.Term
		case s.Term > highest:
			leader, highest = "", s.Term
		}
	}
	return leader
}

// otherLeader waits until another node than old leads, and returns when it was seen.
func (w *watch) otherLeader(ctx context.Context, old string) (leader string, at time.Time, err error) {
	err = await(ctx, "another leader than "+old, func() bool {
		leader = w.leader()
		return leader != "" && leader != old
	})
	return leader, time.Now(), err
}
