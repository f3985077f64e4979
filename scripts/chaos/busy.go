package main

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/kvorum/kvorum/internal/child"
)

// busy keeps the cluster under full load for a while, with loops beside it that take all
// the processor time that they get, and returns whether nobody was elected meanwhile.
func busy(ctx context.Context, c *cluster, lasts time.Duration) (kept bool, err error) {
	before, err := c.term(ctx)
	if err != nil {
		return false, err
	}
	for range busyLoops {
		loop := exec.Command("sh", "-c", "while :; do :; done")
		loop.SysProcAttr = child.Attributes()
		if err := loop.Start(); err != nil {
			return false, fmt.Errorf("start a busy loop: %w", err)
		}
		defer func() {
			_ = loop.Process.Kill()
			_ = loop.Wait()
		}()
	}
	kept, err = rounds{title: "full load", count: 1, fault: func(ctx context.Context, _ *cluster) error {
		select {
		case <-time.After(lasts):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}.run(ctx, c, busyClients)
	if err != nil {
		return false, err
	}
	after, err := c.term(ctx)
	if err != nil {
		return false, err
	}
	fmt.Printf("full load for %v beside %d busy loops: %d needless elections\n", lasts, busyLoops, after-before)
	return kept && after == before, nil
}

// term is the highest that a leader has.
func (c *cluster) term(ctx context.Context) (int64, error) {
	n, err := c.leader(ctx)
	if err != nil {
		return 0, err
	}
	v, err := n.admin.Look()
	return v.Term, err
}
