package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/scripts/client"
)

// snapshot fills the cluster and compares the delay of writes through the
// leader without and beside a snapshot that every node takes at once.
func snapshot(ctx context.Context, c *cluster, keys int) error {
	leader, err := c.leader(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := fill(leader, keys); err != nil {
		return err
	}
	fmt.Printf("snapshot: %d keys in %v\n", keys, time.Since(began).Round(time.Second))
	if err := c.saved(ctx); err != nil { // those that filling has caused
		return err
	}
	enough := make(chan struct{})
	time.AfterFunc(steadyFor, func() { close(enough) })
	without, err := delays(leader, keys, enough)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	var saving error
	began = time.Now()
	go func() {
		defer close(done)
		for _, n := range c.nodes {
			if answer, err := n.admin.Do("BGSAVE"); err != nil || answer.IsError() {
				saving = fmt.Errorf("BGSAVE on %s: %s %v", n.id, answer.Bytes, err)
				return
			}
		}
		saving = c.saved(ctx)
	}()
	beside, err := delays(leader, keys, done)
	<-done
	if err != nil || saving != nil {
		return fmt.Errorf("writes: %w; snapshots: %w", err, saving)
	}
	fmt.Printf("snapshot: taken on all nodes in %v\n", time.Since(began).Round(time.Millisecond))
	report("snapshot", "without", without)
	report("snapshot", "beside it", beside)
	return c.captures()
}

// fill sets keys "key:0" … with values of 64 bytes.
func fill(n *node, keys int) error {
	value := strings.Repeat("v", 64)
	for first := 0; first < keys; first += fillBatch {
		words := []string{"MSET"}
		for k := first; k < min(first+fillBatch, keys); k++ {
			words = append(words, fmt.Sprintf("key:%012d", k), value)
		}
		if answer, err := n.admin.Do(words...); err != nil || answer.IsError() {
			return fmt.Errorf("fill: %s %v", answer.Bytes, err)
		}
	}
	return nil
}

// saved waits until no node is writing a snapshot.
func (c *cluster) saved(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, snapshotWait)
	defer cancel()
	for _, n := range c.nodes {
		for {
			answer, err := n.admin.Do("INFO", "persistence")
			if err != nil {
				return fmt.Errorf("ask %s for its snapshots: %w", n.id, err)
			}
			if strings.Contains(string(answer.Bytes), "rdb_bgsave_in_progress:0") {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s did not finish its snapshot: %w", n.id, ctx.Err())
			case <-time.After(pollPause):
			}
		}
	}
	return nil
}

// delays measures writes to random keys from several connections until enough
// is closed.
func delays(n *node, keys int, enough <-chan struct{}) ([]time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var failure error
	var writers sync.WaitGroup
	var turn atomic.Int64
	for range writersAt {
		writers.Go(func() {
			w := client.Conn{Addr: n.addr}
			defer w.Close()
			var own []time.Duration
			var failed error
			for failed == nil && !closed(enough) {
				key := fmt.Sprintf("key:%012d", turn.Add(7919)%int64(keys)) // a prime: every bucket has its turn
				began := time.Now()
				if answer, err := w.Do("SET", key, "changed"); err != nil || answer.IsError() {
					failed = fmt.Errorf("write: %s %v", answer.Bytes, err)
				}
				own = append(own, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
			if failed != nil {
				failure = failed
			}
		})
	}
	writers.Wait()
	slices.Sort(all)
	return all, failure
}

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func report(what, when string, sorted []time.Duration) {
	fmt.Printf("%s: %d writes %s: p50 %v, p99 %v, p99.9 %v, max %v\n", what, len(sorted), when,
		quantile(sorted, 0.5), quantile(sorted, 0.99), quantile(sorted, 0.999), quantile(sorted, 1))
}

// captures prints how long each node's machine was held.
func (c *cluster) captures() error {
	for _, n := range c.nodes {
		host, port, err := net.SplitHostPort(n.addr)
		if err != nil {
			return fmt.Errorf("the address of %s: %w", n.id, err)
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			return fmt.Errorf("the port of %s: %w", n.id, err)
		}
		answer, err := http.Get("http://" + net.JoinHostPort(host, strconv.Itoa(number+httpOffset)) + "/metrics")
		if err != nil {
			return fmt.Errorf("the metrics of %s: %w", n.id, err)
		}
		seconds, err := metric(answer.Body, "kvorum_snapshot_capture_seconds ")
		answer.Body.Close()
		if err != nil {
			return fmt.Errorf("the metrics of %s: %w", n.id, err)
		}
		fmt.Printf("snapshot: the capture on %s held the machine for %v\n", n.id, time.Duration(seconds*float64(time.Second)))
	}
	return nil
}

func metric(text io.Reader, name string) (float64, error) {
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("no %s in it: %w", strings.TrimSpace(name), io.ErrUnexpectedEOF)
}
