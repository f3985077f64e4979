package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kvorum/kvorum/internal/child"
	"github.com/kvorum/kvorum/scripts/client"
)

// join fills the cluster and lets a fourth node join it while writes go on at
// a steady rate: how long until it votes, and what writes wait for meanwhile.
func join(ctx context.Context, c *cluster, keys int, polite bool) error {
	leader, err := c.leader(ctx)
	if err != nil {
		return err
	}
	if err := fill(leader, keys); err != nil {
		return err
	}
	if err := c.saved(ctx); err != nil { // those that filling has caused
		return err
	}
	enough := make(chan struct{})
	time.AfterFunc(steadyFor, func() { close(enough) })
	before, err := pacedWrites(leader, keys, enough)
	if err != nil {
		return err
	}
	memory, err := leader.memory()
	if err != nil {
		return err
	}
	joiner, err := c.startJoiner(polite)
	if err != nil {
		return err
	}
	defer joiner.end()
	began := time.Now()
	voted := make(chan struct{})
	var most int64
	var joining error
	go func() {
		defer close(voted)
		most, joining = joiner.awaitVoter(ctx, leader)
	}()
	meanwhile, err := pacedWrites(leader, keys, voted)
	<-voted
	if err := errors.Join(err, joining); err != nil {
		return err
	}
	fmt.Printf("join: a fourth node votes %v after its start, in a cluster with %d keys\n", time.Since(began).Round(100*time.Millisecond), keys)
	reportWrites("join", "before", before)
	reportWrites("join", "meanwhile", meanwhile)
	fmt.Printf("join: the leader's memory was %d MB before and at most %d MB meanwhile\n", memory>>20, most>>20)
	if _, err := joiner.admin.Do("RAFT", "REMOVE", "n4"); err != nil && ctx.Err() == nil {
		return fmt.Errorf("remove the fourth node again: %w", err)
	}
	return nil
}

// paced holds how long writes at a steady rate have waited.
type paced struct {
	sorted []time.Duration // from when a write was due until it was answered
	took   time.Duration
}

func reportWrites(title, when string, p paced) {
	fmt.Printf("%s: %.0f writes/s %s: p50 %v, p99 %v, p99.9 %v, max %v\n", title, float64(len(p.sorted))/p.took.Seconds(), when,
		quantile(p.sorted, 0.5), quantile(p.sorted, 0.99), quantile(p.sorted, 0.999), quantile(p.sorted, 1))
}

// pacedWrites writes joinWritesPerSecond to random keys until enough is closed.
func pacedWrites(n *node, keys int, enough <-chan struct{}) (paced, error) {
	var mu sync.Mutex
	var all paced
	var failure error
	var writers sync.WaitGroup
	began := time.Now()
	const every = joinWriters * time.Second / joinWritesPerSecond
	for writer := range joinWriters {
		writers.Go(func() {
			w := client.Conn{Addr: n.addr}
			defer w.Close()
			var own []time.Duration
			var failed error
			due := began.Add(time.Duration(writer) * every / joinWriters)
			for turn := writer; failed == nil && !closed(enough); turn += joinWriters {
				time.Sleep(time.Until(due))
				key := fmt.Sprintf("key:%012d", turn*7919%keys)
				if answer, err := w.Do("SET", key, "changed"); err != nil || answer.IsError() {
					failed = fmt.Errorf("write: %s %v", answer.Bytes, err)
				}
				own = append(own, time.Since(due))
				due = due.Add(every)
			}
			mu.Lock()
			defer mu.Unlock()
			all.sorted = append(all.sorted, own...)
			failure = errors.Join(failure, failed)
		})
	}
	writers.Wait()
	all.took = time.Since(began)
	slices.Sort(all.sorted)
	return all, failure
}

// joiner is the fourth node.
type joiner struct {
	process *exec.Cmd
	admin   client.Conn
}

func (c *cluster) startJoiner(polite bool) (*joiner, error) {
	host, port, err := net.SplitHostPort(c.nodes[0].addr)
	if err != nil {
		return nil, fmt.Errorf("the address of %s: %w", c.nodes[0].id, err)
	}
	first, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("the port of %s: %w", c.nodes[0].id, err)
	}
	at := func(i, offset int) string { return net.JoinHostPort(host, strconv.Itoa(first+i+offset)) }
	var seeds []string
	for i := range c.nodes {
		seeds = append(seeds, at(i, peerOffset))
	}
	j := &joiner{admin: client.Conn{Addr: at(nodeCount, 0)}}
	j.process = exec.Command(c.local.Path, "serve", "--id", "n4", "--listen", j.admin.Addr,
		"--data", filepath.Join(c.dir, "n4", "data"), "--join", strings.Join(seeds, ","), "--log-level", "warn")
	j.process.Stderr = os.Stderr
	j.process.SysProcAttr = child.Attributes()
	if err := j.process.Start(); err != nil {
		return nil, fmt.Errorf("start the fourth node: %w", err)
	}
	if polite {
		// A joiner has a machine of its own, as a rule: here it takes the processor
		// time that the others leave.
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, j.process.Process.Pid, niceness); err != nil {
			return nil, fmt.Errorf("lower the fourth node's priority: %w", err)
		}
	}
	return j, nil
}

func (j *joiner) end() {
	j.admin.Close()
	_ = j.process.Process.Signal(syscall.SIGTERM)
	_ = j.process.Wait()
}

// awaitVoter waits until the node is ready, which is when it votes, and returns
// the most memory that the leader has held meanwhile.
func (j *joiner) awaitVoter(ctx context.Context, leader *node) (most int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, snapshotWait)
	defer cancel()
	for {
		held, err := leader.memory()
		if err != nil {
			return most, err
		}
		most = max(most, held)
		if v, err := j.admin.Look(); err == nil && v.Ready {
			return most, nil
		}
		select {
		case <-ctx.Done():
			return most, fmt.Errorf("the fourth node does not vote: %w", ctx.Err())
		case <-time.After(10 * pollPause):
		}
	}
}

// memory returns the bytes of memory that a node's process holds, 0 where that cannot be read
// (proc(5), statm, second field, in pages).
func (n *node) memory() (int64, error) {
	pid, err := n.processID()
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return 0, fmt.Errorf("read the memory of %s: %w", n.id, err)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
