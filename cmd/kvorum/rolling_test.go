package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const rollingScript = "../../scripts/rolling-restart.sh"

// A rolling restart is unseen by clients that reconnect: go-redis with its
// defaults, which sends a command again when its connection ends, hears no
// error, and no INCR is lost or done twice.
func TestARollingRestartIsUnseen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	r := startLocal(t, dir, freePorts(t, 3), "--restart")
	ctx, end := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range 6 {
		clients.Go(func() { r.countWithDefaults(ctx, i) })
	}
	before := map[int]int{}
	for node := range 3 {
		before[node], _ = r.pid(node)
	}
	script := exec.CommandContext(ctx, rollingScript, dir)
	script.Env = append(script.Environ(), "BACK_WITHIN=60")
	said, err := script.CombinedOutput()
	end()
	clients.Wait()
	if err != nil {
		t.Fatalf("the script: %v\n%s", err, said)
	}
	if !strings.Contains(string(said), "all 3 nodes have been restarted") {
		t.Errorf("it said:\n%s", said)
	}
	for node := range 3 {
		if pid, err := r.pid(node); err != nil || pid == before[node] {
			t.Errorf("n%d is process %d as before, %v", node+1, pid, err)
		}
	}
}

// countWithDefaults counts through any node that accepts, its own first.
func (r *localRun) countWithDefaults(ctx context.Context, number int) {
	c := redis.NewClient(&redis.Options{Addr: "any", Dialer: func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
		for i := range 3 {
			if conn, err = new(net.Dialer).DialContext(ctx, "tcp", r.addr((number+i)%3)); err == nil {
				break
			}
		}
		return conn, err
	}})
	defer c.Close()
	key := fmt.Sprint("rolled:", number)
	for n := int64(1); ctx.Err() == nil; n++ {
		got, err := c.Incr(context.Background(), key).Result()
		if err != nil || got != n {
			r.t.Errorf("%s: got %d, %v after %d", key, got, err, n-1)
			return
		}
	}
}

// One that does not come back ends the restart, with the reason.
func TestARollingRestartEndsAtANodeThatStaysAway(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cluster")
	r := startLocal(t, dir, freePorts(t, 3)) // without --restart
	run := func() string {
		script := exec.Command(rollingScript, dir)
		script.Env = append(script.Environ(), "BACK_WITHIN=2")
		said, err := script.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Fatalf("it ended with %v:\n%s", err, said)
		}
		return string(said)
	}
	if said := run(); !strings.Contains(said, "is not back within 2 s") || !strings.Contains(said, "--restart") {
		t.Errorf("it said:\n%s", said)
	}
	eventually(t, 10*time.Second, func() error {
		if alive := r.alive(); alive != 2 {
			return fmt.Errorf("%d nodes run", alive)
		}
		return nil
	})
	if said := run(); !strings.Contains(said, "nothing is restarted") {
		t.Errorf("it said:\n%s", said)
	}
	if alive := r.alive(); alive != 2 {
		t.Errorf("%d nodes run", alive)
	}
}

// Two of them beside each other would take two nodes away.
func TestARollingRestartIsAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	described := filepath.Join(dir, "local.json")
	if err := os.WriteFile(described, []byte(`{"nodes": 3, "port": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := os.Open(described)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	want := "another rolling-restart.sh is at work on " + described
	if _, err := exec.LookPath("flock"); err != nil { // it cannot know, and asks the nodes
		want = "none of n1 n2 n3 says who the members are"
	}
	said, err := exec.Command(rollingScript, dir).CombinedOutput()
	if err == nil || !strings.Contains(string(said), want) {
		t.Errorf("%v: %s", err, said)
	}
}

// alive counts the nodes that run.
func (r *localRun) alive() int {
	n := 0
	for node := range 3 {
		if pid, err := r.pid(node); err == nil && syscall.Kill(pid, 0) == nil {
			n++
		}
	}
	return n
}

// A pid file that was left is anybody's number: nobody is signalled who is not that node.
func TestARollingRestartSignalsNobodyElse(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a cluster")
	r := startLocal(t, dir, freePorts(t, 3), "--restart")
	r.awaitAllReady()
	innocent := exec.Command("sleep", "60")
	if err := innocent.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- innocent.Wait() }()
	t.Cleanup(func() { _ = innocent.Process.Kill() })
	stale := func(of string) {
		for node := range 3 {
			id := fmt.Sprintf("n%d", node+1)
			if err := os.MkdirAll(filepath.Join(of, id), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(of, id, "pid"), fmt.Appendln(nil, innocent.Process.Pid), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	refuses := func(of, because string) {
		t.Helper()
		script := exec.Command(rollingScript, of)
		script.Env = append(script.Environ(), "BACK_WITHIN=2", "STOP_WITHIN=2")
		said, err := script.CombinedOutput()
		if err == nil || !strings.Contains(string(said), because) {
			t.Errorf("it ended with %v and does not say %q:\n%s", err, because, said)
		}
		select {
		case err := <-ended:
			t.Fatalf("an innocent process was ended: %v\n%s", err, said)
		default:
		}
	}
	earlier := filepath.Join(t.TempDir(), "earlier")
	stale(earlier)
	if err := saveLayout(earlier, layout{3, r.port}); err != nil {
		t.Fatal(err)
	}
	refuses(earlier, "is another cluster on its ports?")
	stale(dir)
	refuses(dir, "pid is stale")
	if alive := r.alive(); alive != 3 {
		t.Errorf("%d nodes run", alive)
	}
}
