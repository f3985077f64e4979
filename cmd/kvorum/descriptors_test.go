package main

import (
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// More clients than there may be files for must not take the log's and the
// snapshots' descriptors. The soft limit, as low as some systems have it, is
// raised to the hard one.
func TestClientsCannotUseUpTheDescriptors(t *testing.T) {
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
	if n, _ := strconv.Atoi(settings["maxclients"]); n < 127 || n > 128 {
		t.Errorf("maxclients is %d", n)
	}
	for range 400 {
		conn, err := net.Dial("tcp", loopback(port))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	for range 3 {
		if err := c.Set(ctx, "k", "v", 0).Err(); err != nil {
			t.Errorf("SET: %v", err)
		}
		if err := c.Save(ctx).Err(); err != nil {
			t.Errorf("SAVE: %v", err)
		}
	}
	node.Process.Signal(syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Errorf("the node ended with %v", err)
	}
}
