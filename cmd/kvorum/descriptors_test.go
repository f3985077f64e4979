package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// More connections, to all three ports, than there may be files for must not take the
// log's and the snapshots' descriptors. The soft limit, as low as some systems have it,
// is raised to the hard one.
func TestConnectionsCannotUseUpTheDescriptors(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)
	node := exec.Command("sh", "-c", `ulimit -Sn 64 && ulimit -Hn 256 && exec "$0" "$@"`, kvorumBinary(t), "serve",
		"--id", "n1", "--data", initialised(t, "n1", port), "--listen", loopback(port), "--log-store", "wal")
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- node.Wait() }()
	t.Cleanup(func() { node.Process.Signal(syscall.SIGKILL) })
	ctx, c := t.Context(), client(loopback(port))
	defer c.Close()
	eventually(t, 20*time.Second, func() error { return c.Set(ctx, "k", "v", 0).Err() })
	settings, err := c.ConfigGet(ctx, "maxclients").Result()
	if err != nil {
		t.Fatal(err)
	}
	// Go's runtime stays one below the hard limit.
	if n, _ := strconv.Atoi(settings["maxclients"]); n < 79 || n > 80 {
		t.Errorf("maxclients is %d", n)
	}
	for i := range 1200 {
		at := []int{port, port + peerPortOffset, port + httpPortOffset}[i%3]
		conn, err := net.Dial("tcp", loopback(at))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", node.Process.Pid)); err == nil && len(open) > 240 {
		t.Errorf("%d of 256 descriptors are open", len(open))
	}
	for range 3 {
		if err := c.Set(ctx, "k", "v", 0).Err(); err != nil {
			t.Errorf("SET: %v", err)
		}
		if err := c.Save(ctx).Err(); err != nil {
			t.Errorf("SAVE: %v", err)
		}
	}
	if _, err := askReady(ctx, address{"127.0.0.1", port + httpPortOffset}); err != nil {
		t.Error(err)
	}
	node.Process.Signal(syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Errorf("the node ended with %v", err)
	}
}
