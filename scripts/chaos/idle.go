package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// idle measures an idle cluster: what a read through a follower costs just
// after a write through the leader, and the nodes' processor time.
func idle(ctx context.Context, c *cluster) error {
	leader, err := c.leader(ctx)
	if err != nil {
		return err
	}
	for _, n := range c.nodes {
		if n == leader {
			continue
		}
		if err := readAfterWrite(leader, n); err != nil {
			return err
		}
	}
	return processorTime(c)
}

func readAfterWrite(leader, follower *node) error {
	var writes, reads []time.Duration
	for i := range idleSamples {
		began := time.Now()
		text := strconv.Itoa(i)
		if answer, err := leader.admin.Do("SET", "idle", text); err != nil || answer.IsError() {
			return fmt.Errorf("write through %s: %s %v", leader.id, answer.Bytes, err)
		}
		wrote := time.Now()
		answer, err := follower.admin.Do("GET", "idle")
		if err != nil || answer.IsError() {
			return fmt.Errorf("read through %s: %s %v", follower.id, answer.Bytes, err)
		}
		if string(answer.Bytes) != text {
			return fmt.Errorf("STALE: read %s through %s after %s was acknowledged", answer.Bytes, follower.id, text)
		}
		reads, writes = append(reads, time.Since(wrote)), append(writes, wrote.Sub(began))
		time.Sleep(2 * time.Millisecond) // idle again before the next
	}
	slices.Sort(reads)
	slices.Sort(writes)
	fmt.Printf("idle: write through the leader p50 %v p99 %v, read through %s just after p50 %v p99 %v\n",
		quantile(writes, 0.5), quantile(writes, 0.99), follower.id, quantile(reads, 0.5), quantile(reads, 0.99))
	return nil
}

// processorTime reads what the nodes use while nobody asks anything of them.
func processorTime(c *cluster) error {
	if runtime.GOOS != "linux" {
		fmt.Println("idle: processor time is measured on Linux only")
		return nil
	}
	before, err := ticks(c)
	if err != nil {
		return err
	}
	time.Sleep(idleFor)
	after, err := ticks(c)
	if err != nil {
		return err
	}
	share := float64(after-before) / clockTicks / idleFor.Seconds()
	fmt.Printf("idle: %d nodes together use %.1f %% of a core\n", len(c.nodes), 100*share)
	return nil
}

// ticks sums the user and system time of all nodes (proc(5), fields 14 and 15).
func ticks(c *cluster) (int64, error) {
	var sum int64
	for _, n := range c.nodes {
		pid, err := n.processID()
		if err != nil {
			return 0, err
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, fmt.Errorf("read the processor time of %s: %w", n.id, err)
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		columns := strings.Fields(rest) // the third column of the file comes first
		if len(columns) < 13 {
			return 0, fmt.Errorf("the processor time of %s cannot be read", n.id)
		}
		for _, column := range columns[11:13] {
			n, _ := strconv.ParseInt(column, 10, 64)
			sum += n
		}
	}
	return sum, nil
}
