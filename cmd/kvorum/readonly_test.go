package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// onlyReading is a client whose every connection has said READONLY.
func onlyReading(t *testing.T, addr string) *redis.Client {
	t.Helper()
	c := client(addr)
	t.Cleanup(func() { c.Close() })
	if err := c.Do(t.Context(), "readonly").Err(); err != nil { // it has one connection
		t.Fatal(err)
	}
	return c
}

func wantRefusal(t *testing.T, what string, err error, prefix string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), prefix) {
		t.Errorf("%s: %v, want %s …", what, err, prefix)
	}
}

// Without the others a node answers what READONLY connections read and refuses
// everything else; a bound on the age ends that; and after a restart it reads
// nothing, since it does not know what it lacks.
func TestTheLastNodeAnswersReadonlyConnectionsOnly(t *testing.T) {
	t.Parallel()
	const patience = "1s" // each command that is refused waits so long
	r := startLocal(t, t.TempDir(), freePorts(t, 3), "KVORUM_WRITE_TIMEOUT="+patience)
	r.awaitAllReady()
	last := (r.awaitLeader() + 1) % 3
	plain, local := r.client(last), onlyReading(t, r.addr(last))
	if err := plain.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for node := range 3 {
		if node != last {
			r.signal(node, syscall.SIGKILL)
		}
	}
	if got, err := local.Get(t.Context(), "k").Result(); got != "v" || err != nil {
		t.Errorf("READONLY GET: %q, %v", got, err)
	}
	wantRefusal(t, "GET", plain.Get(t.Context(), "k").Err(), "CLUSTERDOWN no leader confirmed the read")
	eventually(t, 30*time.Second, func() error { // until this node has given its leader up
		err := plain.Set(t.Context(), "k", "w", 0).Err()
		if err == nil || !strings.HasPrefix(err.Error(), "CLUSTERDOWN ") || !strings.Contains(err.Error(), "; the write was not applied") {
			t.Fatalf("SET: %v", err)
		}
		if !strings.HasPrefix(err.Error(), "CLUSTERDOWN no leader elected") {
			return err
		}
		return nil
	})
	wantRefusal(t, "SET after READONLY", local.Set(t.Context(), "k", "w", 0).Err(), "CLUSTERDOWN no leader elected")
	if got, err := local.Get(t.Context(), "k").Result(); got != "v" || err != nil {
		t.Errorf("READONLY GET, again: %q, %v", got, err)
	}
	if err := local.ConfigSet(t.Context(), "stale-read-max", "500").Err(); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, "READONLY GET with a bound", local.Get(t.Context(), "k").Err(), "CLUSTERDOWN no leader confirmed the read, and what this node has may be older than stale-read-max allows")

	r.signal(last, syscall.SIGKILL)
	addr := loopback(freePorts(t, 1))
	cmd := exec.Command(kvorumBinary(t), "serve", "--id", ids(last), "--listen", addr, "--peer-listen", loopback(r.port+last+peerPortOffset),
		"--data", filepath.Join(r.dir, ids(last), "data"), "--http", "none", "--write-timeout", patience)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var refusal error
	eventually(t, 30*time.Second, func() error {
		c := client(addr)
		defer c.Close()
		if err := c.Do(t.Context(), "readonly").Err(); err != nil {
			return err
		}
		refusal = c.Get(t.Context(), "k").Err()
		if refusal != nil && strings.HasPrefix(refusal.Error(), "LOADING") {
			return refusal
		}
		return nil
	})
	wantRefusal(t, "READONLY GET after a restart", refusal, "CLUSTERDOWN no leader confirmed the read, and this node has not caught up since it started")
}

func ids(node int) string { return "n" + string(rune('1'+node)) }

// In redirect mode a follower answers READONLY connections itself, and sends
// others, and their writes, to the leader.
func TestARedirectingFollowerAnswersReadonlyConnections(t *testing.T) {
	t.Parallel()
	r := startLocal(t, t.TempDir(), freePorts(t, 3), "KVORUM_FOLLOWER=redirect")
	r.awaitAllReady()
	leader := r.awaitLeader()
	follower := (leader + 1) % 3
	if err := r.client(leader).Set(t.Context(), "foo", "bar", 0).Err(); err != nil {
		t.Fatal(err)
	}
	local, moved := onlyReading(t, r.addr(follower)), "MOVED 12182 "+r.addr(leader)
	eventually(t, 10*time.Second, func() error { return local.Get(t.Context(), "foo").Err() })
	wantRefusal(t, "SET after READONLY", local.Set(t.Context(), "foo", "x", 0).Err(), moved)
	if err := local.Do(t.Context(), "readwrite").Err(); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, "GET after READWRITE", local.Get(t.Context(), "foo").Err(), moved)

	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{r.addr(0)}, ReadOnly: true, RouteRandomly: true})
	t.Cleanup(func() { cluster.Close() })
	before := readsOf(t, r.client(follower))
	for range 50 {
		if got, err := cluster.Get(t.Context(), "foo").Result(); got != "bar" || err != nil {
			t.Fatalf("through a cluster client that reads anywhere: %q, %v", got, err)
		}
	}
	if readsOf(t, r.client(follower)) == before {
		t.Error("a cluster client that reads anywhere has never read from a follower")
	}
}

// readsOf is INFO's line about GET.
func readsOf(t *testing.T, c *redis.Client) string {
	t.Helper()
	info, err := c.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		if strings.HasPrefix(line, "cmdstat_get:") {
			return line
		}
	}
	return ""
}
