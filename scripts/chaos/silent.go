package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/kvorum/kvorum/scripts/client"
	"github.com/kvorum/kvorum/scripts/demo/stage"
)

// apart is the machines of a cluster, which can be cut off from each other without a
// refusal: what is sent waits, and who dials hears nothing.
type apart struct {
	network *stage.Network
	stage   *stage.Stage
	kvorum  *stage.Kvorum
}

// startApart starts a new cluster of machines of their own.
func startApart(ctx context.Context, s start) (*cluster, error) {
	if err := stage.CheckHosts(); err != nil {
		return nil, err
	}
	dir := filepath.Join(s.folder, "apart")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	a := &apart{network: stage.NewNetwork()}
	var err error
	if a.stage, err = stage.Open(dir); err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, apart: a, halt: func() { a.stage.Close(); a.network.Close() }}
	a.kvorum, err = a.stage.StartKvorum(ctx, stage.Plan{Binary: s.kvorum, Port: s.port, Network: a.network})
	if err != nil {
		c.stop()
		return nil, err
	}
	for _, n := range a.kvorum.Nodes() {
		c.nodes = append(c.nodes, &node{id: n.ID, addr: n.Addr, admin: client.Conn{Addr: n.Addr}})
	}
	return c, nil
}

// host is the number of a node's machine.
func (c *cluster) host(n *node) int { return slices.Index(c.nodes, n) + 1 }

// cutLeader cuts the leader off from the others, and not from its own clients.
func cutLeader(ctx context.Context, c *cluster) error {
	n, err := c.leader(ctx)
	if err != nil {
		return err
	}
	n.strike()
	c.apart.network.Isolate(c.host(n))
	time.Sleep(cutFor)
	c.apart.network.Heal()
	return nil
}

// crashLeader kills the leader on a machine that stays: the network refuses what dials it,
// as the machine would.
func crashLeader(ctx context.Context, c *cluster) error {
	n, err := c.leader(ctx)
	if err != nil {
		return err
	}
	n.strike()
	if err := c.apart.kvorum.Kill(ctx, n.id); err != nil {
		return err
	}
	time.Sleep(downFor)
	return c.apart.kvorum.Start(ctx, n.id)
}

// loseLeader has the leader's machine vanish: its process is killed, and nobody hears so.
func loseLeader(ctx context.Context, c *cluster) error {
	n, err := c.leader(ctx)
	if err != nil {
		return err
	}
	n.strike()
	c.apart.network.Isolate(c.host(n))
	if err := c.apart.kvorum.Kill(ctx, n.id); err != nil {
		return err
	}
	time.Sleep(goneFor)
	if err := c.apart.kvorum.Start(ctx, n.id); err != nil {
		return err
	}
	c.apart.network.Heal()
	return nil
}

// stillLeader stops the leader for longer than any time-out that replaces it.
func stillLeader(ctx context.Context, c *cluster) error {
	n, err := c.leader(ctx)
	if err != nil {
		return err
	}
	n.strike()
	if err := n.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(goneFor)
	return n.signal(syscall.SIGCONT)
}

// stallLeader has the leader's disk answer nothing for a while. The node's binary is built
// with the planted faults, of which this is one.
func stallLeader(ctx context.Context, c *cluster) error {
	n, err := c.leader(ctx)
	if err != nil {
		return err
	}
	pid, err := n.processID()
	if err != nil {
		return err
	}
	stall := filepath.Join(c.stalls, strconv.Itoa(pid))
	n.strike()
	if err := os.WriteFile(stall, nil, 0o644); err != nil {
		return fmt.Errorf("stall a disk: %w", err)
	}
	time.Sleep(stallFor)
	return os.Remove(stall)
}
