package main

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/kvorum/kvorum/cluster"
)

// sayWaits prints what a requested change waits for while there is no answer. It first
// does so after a moment, and again whenever the reason changes. stop ends it and returns
// once nothing more will be printed.
func (f *askFlags) sayWaits(ctx context.Context, stderr io.Writer, addr string, ask []string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var saying sync.WaitGroup
	saying.Go(func() {
		last := ""
		for pause := waitsAfter; waitFor(ctx, pause); pause = waitsEvery {
			text := f.waitsFor(ctx, addr, ask)
			if text == last || ctx.Err() != nil {
				continue
			}
			last = text
			fmt.Fprintf(stderr, "not done yet, and tried for up to %v: %s\n", cluster.ChangeWithin, text)
		}
	})
	return func() { cancel(); saying.Wait() }
}

// waitsFor asks the node and the leader what a change waits for.
func (f *askFlags) waitsFor(ctx context.Context, addr string, ask []string) string {
	ctx, cancel := context.WithTimeout(ctx, waitsWithin)
	defer cancel()
	asked, _, err := f.statusOf(ctx, addr)
	switch {
	case err != nil:
		return fmt.Sprintf("the node at %s has not answered", addr)
	case asked.leader() == "":
		return "no leader is known"
	case ask[0] != "upgrade":
		return fmt.Sprintf("%s, which leads, has not said that it is done", asked.name(asked.leader()))
	}
	leader := &asked
	for _, m := range asked.Servers {
		if m.ID == asked.leader() && m.ID != asked.ID {
			n := foundNode{Known: m}
			if f.askItself(ctx, &n); n.own != nil {
				leader = n.own
			} else if f.withheld(&m) {
				return fmt.Sprintf("%s, which leads, is not asked at %s, since it would be given the password; add that address to --addr", asked.name(m.ID), *m.ClientAddr)
			}
		}
	}
	if leader.UpgradeWaits == nil {
		return fmt.Sprintf("%s, which leads, asks all servers ('kvorum status' shows them)", asked.name(asked.leader()))
	}
	return "the upgrade waits for " + *leader.UpgradeWaits
}

// statusOf asks the node at an address for its status.
func (f *askFlags) statusOf(ctx context.Context, addr string) (s nodeStatus, raw any, err error) {
	node := f.dial(addr)
	defer node.close()
	return node.status(ctx)
}
