package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/kvorum/kvorum/internal/oracle"
)

// Cluster clients find a new leader, a new member and a removed one by
// themselves, whether followers forward or redirect. Where leadership is
// handed over, they see no error.
func TestClusterClientsFollowLeadersAndMembers(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"forward", "redirect"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := startLocal(t, t.TempDir(), freePorts(t, 4), patientWrites, "KVORUM_FOLLOWER="+mode)
			r.awaitAllReady()
			followClients(t, r, mode == "redirect")
		})
	}
}

func followClients(t *testing.T, r *localRun, redirects bool) {
	clients := []*following{follow(r, 2), follow(r, 3)}
	cli := startCLI(t, r.addr(1))
	work := func(what string, clean bool) {
		t.Helper()
		for _, c := range clients {
			c.flows(t, what, clean)
		}
		for range 5 {
			cli.incr(t, what)
		}
	}
	change := func(args ...string) {
		t.Helper()
		args = append([]string{"members"}, append(args, "--addr", strings.Join([]string{r.addr(1), r.addr(2), r.addr(0)}, ","))...)
		if out, err := kvorum(t, args...); err != nil {
			t.Fatalf("kvorum %v: %v %s", args, err, out)
		}
	}
	work("at the start", true)
	for _, id := range []string{"n2", "n3", "n1"} {
		change("transfer", id)
		work("after leadership has gone to "+id, true)
	}
	startJoining(t, r, 3)
	for _, c := range clients {
		c.awaitNode(t, r.addr(3))
	}
	eventually(t, 40*time.Second, func() error { // it has to be a voter first
		_, err := kvorum(t, "members", "transfer", "n4", "--addr", r.addr(1))
		return err
	})
	work("after leadership has gone to the new member", true)
	change("transfer", "n1")
	work("before the leader is killed", true)
	r.signal(0, syscall.SIGKILL)
	if redirects { // redis-cli goes on asking the node that it was sent to, as it does of Redis
		cli = startCLI(t, r.addr(1))
	}
	work("after the leader was killed", false)
	change("remove", "n1")
	change("transfer", "n4")
	work("before the leader is removed", false)
	change("remove", "n4")
	if redirects {
		cli = startCLI(t, r.addr(1))
	}
	work("after the leader was removed", false)
	for _, c := range clients {
		c.finish(t)
	}
}

// startJoining starts a node that joins local's cluster.
func startJoining(t *testing.T, r *localRun, node int) {
	t.Helper()
	id := fmt.Sprintf("n%d", node+1)
	cmd := exec.Command(kvorumBinary(t), "serve", "--id", id, "--listen", r.addr(node), "--data", filepath.Join(r.dir, id, "data"),
		"--http", "none", patientFlag, "--join", loopback(r.port+peerPortOffset)+","+loopback(r.port+1+peerPortOffset))
	log, err := os.Create(filepath.Join(r.dir, id+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s said:\n%s", id, text)
		}
	})
}

// following is a cluster client that counts without pause.
type following struct {
	client *redis.ClusterClient
	key    string
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	last   int64
	errors []error
}

func follow(r *localRun, protocol int) *following {
	f := &following{key: fmt.Sprintf("resp%d", protocol), done: make(chan struct{})}
	f.client = redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{r.addr(0), r.addr(1), r.addr(2)}, Protocol: protocol, ReadTimeout: 20 * time.Second,
		// The dead redirect nobody: go-redis asks another node who leads when this has passed, every minute by default.
		ClusterStateReloadInterval: time.Second,
	})
	var ctx context.Context
	ctx, f.cancel = context.WithCancel(context.Background())
	r.t.Cleanup(func() { f.cancel(); <-f.done; f.client.Close() })
	go func() {
		defer close(f.done)
		for ctx.Err() == nil {
			f.count(ctx)
		}
	}()
	return f
}

func (f *following) count(ctx context.Context) {
	n, err := f.client.Incr(ctx, f.key).Result()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err != nil && ctx.Err() == nil:
		f.errors = append(f.errors, err)
	case err == nil && n <= f.last:
		f.errors = append(f.errors, fmt.Errorf("lost: %d after %d", n, f.last))
	case err == nil:
		f.last = n
	}
}

// flows waits until it has gone on counting, and judges what it saw since.
func (f *following) flows(t *testing.T, what string, clean bool) {
	t.Helper()
	f.mu.Lock()
	from := f.last
	f.mu.Unlock()
	eventually(t, 40*time.Second, func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.last < from+50 {
			return fmt.Errorf("%s, %s has counted from %d to %d; its errors: %v", what, f.key, from, f.last, errors.Join(f.errors...))
		}
		return nil
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, err := range f.errors {
		if clean || strings.HasPrefix(err.Error(), "lost") {
			t.Errorf("%s, %s saw: %v", what, f.key, err)
		}
	}
	f.errors = nil
}

// awaitNode waits until the client knows a node that it was not told of.
func (f *following) awaitNode(t *testing.T, addr string) {
	t.Helper()
	eventually(t, 40*time.Second, func() error {
		known := false
		var mu sync.Mutex
		err := f.client.ForEachShard(t.Context(), func(_ context.Context, c *redis.Client) error {
			mu.Lock()
			defer mu.Unlock()
			known = known || c.Options().Addr == addr
			return nil
		})
		if err == nil && !known {
			err = fmt.Errorf("%s does not know %s", f.key, addr)
		}
		return err
	})
}

// finish compares what was counted with what is stored: a client that tries
// again after its node has died may count twice, and never loses.
func (f *following) finish(t *testing.T) {
	t.Helper()
	f.cancel()
	<-f.done
	stored, err := f.client.Get(t.Context(), f.key).Int64()
	if err != nil || stored < f.last {
		t.Errorf("%s: %d were counted, %d are stored, %v", f.key, f.last, stored, err)
	}
}

// cli is one redis-cli -c that is given one command after the other.
type cli struct {
	in    io.Writer
	lines chan string
	last  int64
}

// startCLI returns nil, which does nothing, where there is no redis-cli.
func startCLI(t *testing.T, addr string) *cli {
	t.Helper()
	path, ok := oracle.Tool(t, "redis-cli")
	if !ok {
		return nil
	}
	host, port, _ := strings.Cut(addr, ":")
	cmd := exec.Command(path, "-c", "-h", host, "-p", port)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &cli{in: in, lines: make(chan string, 100)}
	go func() {
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			c.lines <- scanner.Text()
		}
		close(c.lines)
	}()
	t.Cleanup(func() { in.Close(); cmd.Process.Kill(); cmd.Wait() })
	return c
}

func (c *cli) incr(t *testing.T, what string) {
	t.Helper()
	if c == nil {
		return
	}
	if _, err := io.WriteString(c.in, "incr cli\n"); err != nil {
		t.Fatal(err)
	}
	late := time.After(40 * time.Second)
	for {
		select {
		case line, open := <-c.lines:
			n, err := strconv.ParseInt(line, 10, 64)
			switch {
			case err == nil && n > c.last:
				c.last = n
				return
			case !open, line != "" && !strings.HasPrefix(line, "-> Redirected"):
				t.Fatalf("%s, redis-cli -c says %q", what, line)
			}
		case <-late:
			t.Fatalf("%s, redis-cli -c says nothing", what)
		}
	}
}
