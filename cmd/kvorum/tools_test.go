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
