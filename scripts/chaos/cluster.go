package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kvorum/kvorum/internal/child"
	"github.com/kvorum/kvorum/scripts/client"
)

// cluster is a `kvorum local --restart` and the nodes that it runs.
type cluster struct {
	dir    string
	local  *exec.Cmd
	apart  *apart // its machines, if these can be cut off; there is no local then
	stalls string // where a file that is named for a process stalls its disk; "" if nothing does
	halt   func()
	ended  sync.Once
	nodes  []*node
}

// node is one process, which may be down or stopped.
type node struct {
	id      string
	addr    string
	pid     string // the file that holds its process id; "" on a machine of its own
	admin   client.Conn
	struck  atomic.Bool  // a fault was done to it and it is not well again yet
	strikes atomic.Int64 // how many faults were done to it
}

// strike says that a fault is about to be done to the node.
func (n *node) strike() {
	n.strikes.Add(1)
	n.struck.Store(true)
}

// start says what cluster is to be started.
type start struct {
	kvorum  string // the binary
	folder  string // where its data goes, and what stalls its disks
	port    int    // the first node's client port
	verbose bool
}

func startCluster(ctx context.Context, s start) (*cluster, error) {
	dir := filepath.Join(s.folder, "data")
	c := &cluster{dir: dir, stalls: filepath.Join(s.folder, "stalls")}
	c.halt = func() {
		_ = c.local.Process.Signal(os.Interrupt)
		_ = c.local.Wait()
	}
	if err := os.Mkdir(c.stalls, 0o755); err != nil {
		return nil, err
	}
	for i := range nodeCount {
		id := "n" + strconv.Itoa(i+1)
		addr := "127.0.0.1:" + strconv.Itoa(s.port+i)
		c.nodes = append(c.nodes, &node{id: id, addr: addr, pid: filepath.Join(dir, id, "pid"), admin: client.Conn{Addr: addr}})
	}
	c.local = exec.Command(s.kvorum, "local", "--nodes", strconv.Itoa(nodeCount), "--port", strconv.Itoa(s.port), "--dir", dir, "--restart")
	c.local.Env = append(os.Environ(), "CHAOS_STALLS="+c.stalls) // node/fault_on.go
	c.local.Stderr = os.Stderr
	c.local.SysProcAttr = child.Attributes()
	out, err := c.local.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	if err := c.local.Start(); err != nil {
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	ready := make(chan struct{})
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if s.verbose {
				fmt.Fprintln(os.Stderr, time.Now().Format("15:04:05.000"), lines.Text())
			}
			if strings.HasPrefix(lines.Text(), "ready: leader") {
				close(ready)
			}
		}
	}()
	select {
	case <-ready:
		return c, nil
	case <-ctx.Done():
		c.stop()
		return nil, ctx.Err()
	case <-time.After(startWithin):
		c.stop()
		return nil, fmt.Errorf("the cluster was not ready within %v", startWithin)
	}
}

// stop ends the cluster, and what this program has open to it.
func (c *cluster) stop() {
	for _, n := range c.nodes {
		n.admin.Close()
	}
	c.end()
}

// end ends the nodes as Ctrl-C does, and returns when they are gone.
func (c *cluster) end() {
	c.ended.Do(c.halt)
}

// leader waits for a node that leads in the highest term that any node has seen.
func (c *cluster) leader(ctx context.Context) (*node, error) {
	var leader *node
	err := c.await(ctx, "a leader", func() bool {
		var highest int64
		leader = nil
		for _, n := range c.nodes {
			v, err := n.admin.Look()
			switch {
			case err != nil || v.Term < highest:
			case v.Leads:
				leader, highest = n, v.Term
			case v.Term > highest:
				leader, highest = nil, v.Term
			}
		}
		return leader != nil
	})
	return leader, err
}

// recovered waits until every node is ready again.
func (c *cluster) recovered(ctx context.Context) error {
	err := c.await(ctx, "all nodes ready", func() bool {
		for _, n := range c.nodes {
			if v, err := n.admin.Look(); err != nil || !v.Ready {
				return false
			}
		}
		return true
	})
	for _, n := range c.nodes {
		n.struck.Store(false)
	}
	return err
}

// agreed waits until every node has applied the same index, and reports
// whether their hashes of all entries and replies are equal.
func (c *cluster) agreed(ctx context.Context) (equal bool, err error) {
	err = c.await(ctx, "one applied index on all nodes", func() bool {
		views := make([]client.View, len(c.nodes))
		for i, n := range c.nodes {
			if views[i], err = n.admin.Look(); err != nil || views[i].Applied != views[0].Applied {
				return false
			}
		}
		equal = true
		for _, v := range views {
			equal = equal && v.Hash == views[0].Hash
		}
		return true
	})
	return equal, err
}

// await polls until done says so.
func (c *cluster) await(ctx context.Context, what string, done func() bool) error {
	deadline := time.Now().Add(settleWithin)
	for !done() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %v in vain for %s", settleWithin, what)
		}
		time.Sleep(pollPause)
	}
	return nil
}

// signal sends a signal to a node's process.
func (n *node) signal(s syscall.Signal) error {
	pid, err := n.processID()
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, s); err != nil {
		return fmt.Errorf("signal %s: %w", n.id, err)
	}
	return nil
}

func (n *node) processID() (int, error) {
	text, err := os.ReadFile(n.pid)
	if err != nil {
		return 0, fmt.Errorf("find the process of %s: %w", n.id, err)
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
