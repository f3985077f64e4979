package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"
)

// fault does something to the cluster, to be followed by its recovery.
type fault func(ctx context.Context, c *cluster) error

// rounds is a run of one fault, again and again, under load.
type rounds struct {
	title         string
	count         int
	fault         fault
	errorsAllowed bool // no majority is left: every client may hear errors
	rolling       bool // nodes stop cleanly: clients reconnect, and hear no error
	bounds
}

// bounds hold what a run promises; 0 is none.
type bounds struct {
	p50, max  time.Duration // of the gaps
	answerMax time.Duration // until a client of the struck node has its answer
}

// run returns whether every promise was kept.
func (r rounds) run(ctx context.Context, c *cluster, clients int) (kept bool, err error) {
	t := &tally{}
	l := startLoad(c, r, clients, t)
	for i := range r.count {
		if err = r.round(ctx, c, t); err != nil {
			err = fmt.Errorf("%s, round %d: %w", r.title, i+1, err)
			break
		}
	}
	l.stop()
	if err != nil {
		return false, err
	}
	if err := l.verify(c); err != nil {
		return false, err
	}
	equal, err := c.agreed(ctx)
	if err != nil {
		return false, err
	}
	if !equal {
		t.violation("DIVERGED: the nodes have applied the same index with different hashes")
	}
	return t.print(fmt.Sprintf("%d x %s", r.count, r.title), r), nil
}

func (r rounds) round(ctx context.Context, c *cluster, t *tally) error {
	time.Sleep(rand.N(calmMax))
	t.beginRound()
	if err := r.fault(ctx, c); err != nil {
		return err
	}
	if err := c.recovered(ctx); err != nil {
		return err
	}
	time.Sleep(retryPause) // so that a write ends the gap
	t.endRound()
	return nil
}

// killLeader kills the leader; local starts it again.
func killLeader(ctx context.Context, c *cluster) error {
	n, err := c.leader(ctx)
	if err != nil {
		return err
	}
	return c.kill(ctx, n)
}

// killAll kills every node at once.
func killAll(ctx context.Context, c *cluster) error { return c.kill(ctx, c.nodes...) }

// kill kills nodes and waits until they are gone: other processes stand in their place.
func (c *cluster) kill(ctx context.Context, victims ...*node) error {
	before := map[*node]int{}
	for _, n := range victims {
		pid, err := n.processID()
		if err != nil {
			return err
		}
		before[n] = pid
		n.strike()
	}
	for _, n := range victims {
		if err := n.signal(syscall.SIGKILL); err != nil {
			return err
		}
	}
	return c.await(ctx, "killed nodes to be started again", func() bool {
		for _, n := range victims {
			if pid, err := n.processID(); err != nil || pid == before[n] {
				return false
			}
		}
		return true
	})
}

// pauseLeader stops the leader for shorter or longer than an election time-out.
func pauseLeader(ctx context.Context, c *cluster) error {
	n, err := c.leader(ctx)
	if err != nil {
		return err
	}
	n.strike()
	if err := n.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(pauseMin + rand.N(pauseMax-pauseMin))
	return n.signal(syscall.SIGCONT)
}
