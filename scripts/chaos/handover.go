package main

import (
	"context"
	"fmt"
	"syscall"
)

// handOver asks the leader to give leadership away; nothing stops.
func handOver(ctx context.Context, c *cluster) error {
	leader, err := c.leader(ctx)
	if err != nil {
		return err
	}
	if err := leader.giveAway(); err != nil {
		return err
	}
	return c.await(ctx, "another leader than "+leader.id, func() bool {
		v, err := leader.admin.Look()
		return err == nil && !v.Leads && v.Ready
	})
}

func (n *node) giveAway() error {
	answer, err := n.admin.Do("RAFT", "TRANSFER")
	if err != nil || answer.IsError() {
		return fmt.Errorf("RAFT TRANSFER through %s: %s %v", n.id, answer.Bytes, err)
	}
	return nil
}

// rollNext restarts one node after the other, one for each round: SIGTERM, and
// local starts it again. The next one waits until all are ready (recovered).
func rollNext() fault {
	turn := 0
	return func(ctx context.Context, c *cluster) error {
		n := c.nodes[turn%len(c.nodes)]
		turn++
		before, err := n.processID()
		if err != nil {
			return err
		}
		n.admin.Close()
		if err := n.signal(syscall.SIGTERM); err != nil {
			return err
		}
		return c.await(ctx, n.id+" to be started again", func() bool {
			pid, err := n.processID()
			return err == nil && pid != before
		})
	}
}
