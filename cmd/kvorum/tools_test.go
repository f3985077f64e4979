package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/internal/oracle"
)

// Redis's own programs work on every node, the leader and the others, as they are.
func TestRedissOwnProgramsWorkOnEveryNode(t *testing.T) {
	t.Parallel()
	r := startLocal(t, t.TempDir(), freePorts(t, 3))
	r.awaitAllReady()
	for node := range 3 {
		t.Run(fmt.Sprintf("n%d", node+1), func(t *testing.T) {
			t.Run("redis-cli", func(t *testing.T) { talk(t, r.port+node) })
			t.Run("redis-cli --pipe", func(t *testing.T) { pour(t, r, node) })
			t.Run("redis-benchmark", func(t *testing.T) { bench(t, r.port+node) })
		})
	}
}

// tool runs one of Redis's programs against a node and returns what it printed.
func tool(t *testing.T, port int, name, input string, args ...string) string {
	t.Helper()
	path, ok := oracle.Tool(t, name)
	if !ok {
		t.SkipNow()
	}
	cmd := exec.Command(path, append([]string{"-p", fmt.Sprint(port)}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// talk gives redis-cli lines as a person types them.
func talk(t *testing.T, port int) {
	said := tool(t, port, "redis-cli", "set talk 1\nincr talk\nget talk\nhello 3\nping\ndel talk\n")
	for _, want := range []string{"OK\n2\n2\n", "proto", "PONG\n1\n"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in what redis-cli said:\n%s", want, said)
		}
	}
}

// pour sends commands without waiting for answers; at the end redis-cli has an
// ECHO of its own answered.
func pour(t *testing.T, r *localRun, node int) {
	const count = 20_000
	var commands strings.Builder
	for range count {
		commands.WriteString("*2\r\n$4\r\nINCR\r\n$4\r\npour\r\n")
	}
	said := tool(t, r.port+node, "redis-cli", commands.String(), "--pipe")
	if !strings.Contains(said, fmt.Sprintf("errors: 0, replies: %d", count)) {
		t.Errorf("redis-cli --pipe said:\n%s", said)
	}
	if got, err := r.client((node+1)%3).Get(t.Context(), "pour").Int(); err != nil || got != count*(node+1) {
		t.Errorf("another node counts %d, %v, want %d", got, err, count*(node+1))
	}
}

func bench(t *testing.T, port int) {
	said := tool(t, port, "redis-benchmark", "", "-t", "set,get", "-P", "16", "-n", "20000", "-q", "--csv")
	for _, row := range []string{`"SET","`, `"GET","`} {
		if !strings.Contains(said, row) {
			t.Errorf("no %s in what redis-benchmark said:\n%s", row, said)
		}
	}
	for _, complaint := range []string{"WARNING", "Error", "ERR"} {
		if strings.Contains(said, complaint) {
			t.Errorf("redis-benchmark complains:\n%s", said)
		}
	}
}

// redis-cli's cluster functions work on every node, whether clients are redirected
// or not; where they are not, a plain client goes on as with a single server.
func TestRedisCLIManagesTheClusterInBothModes(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"forward", "redirect"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := startLocal(t, t.TempDir(), freePorts(t, 3), "KVORUM_FOLLOWER="+mode)
			r.awaitAllReady()
			for node := range 3 {
				manage(t, r, node)
			}
			if mode == "redirect" {
				return
			}
			for node := range 3 {
				said := tool(t, r.port+node, "redis-cli", "select 3\nset plain 1\nget plain\nselect 0\nget plain\ninfo server\n")
				if !strings.Contains(said, "OK\nOK\n1\nOK\n\n") || !strings.Contains(said, "redis_mode:standalone\r\n") {
					t.Errorf("a plain client is answered\n%s", said)
				}
			}
		})
	}
}

func manage(t *testing.T, r *localRun, node int) {
	t.Helper()
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"check", r.addr(node)}, []string{"All nodes agree about slots configuration.", "All 16384 slots covered.", "2 additional replica(s)"}},
		{[]string{"info", r.addr(node)}, []string{"| 16384 slots | 2 slaves.", "keys in 1 masters."}},
		{[]string{"call", r.addr(node), "ping"}, []string{r.addr(0) + ": PONG", r.addr(1) + ": PONG", r.addr(2) + ": PONG"}},
	} {
		said := tool(t, r.port+node, "redis-cli", "", append([]string{"--cluster"}, c.args...)...)
		for _, want := range c.want {
			if !strings.Contains(said, want) {
				t.Errorf("redis-cli --cluster %v does not say %q:\n%s", c.args, want, said)
			}
		}
	}
	said := tool(t, r.port+node, "redis-cli", "info cluster\nconfig get cluster-enabled\n")
	if !strings.Contains(said, "cluster_enabled:1\r\n") || !strings.Contains(said, "cluster-enabled\nyes\n") {
		t.Errorf("the node says\n%s", said)
	}
}
