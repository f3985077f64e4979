package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// served is one process of kvorum serve.
type served struct {
	t    *testing.T
	addr string
	cmd  *exec.Cmd
	log  *transcript
	exit chan error
}

// transcript collects what a process says, which may be read while it runs.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *transcript) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(line)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// startServe starts a node at a client port.
func startServe(t *testing.T, id string, port int, data string, more ...string) *served {
	t.Helper()
	return startProgram(t, kvorumBinary(t), append([]string{"serve", "--id", id, "--listen", loopback(port), "--data", data}, more...)...)
}

// startProgram starts a process, whose arguments say what it serves and where.
func startProgram(t *testing.T, program string, args ...string) *served {
	t.Helper()
	s := &served{t: t, addr: args[slices.Index(args, "--listen")+1], log: &transcript{}, exit: make(chan error, 1)}
	s.cmd = exec.Command(program, args...)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.exit <- s.cmd.Wait() }()
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		if t.Failed() {
			t.Logf("%q said:\n%s", args, s.log)
		}
	})
	return s
}

// ends waits for the end of a process that has to end by itself.
func (s *served) ends(words ...string) {
	s.t.Helper()
	select {
	case err := <-s.exit:
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 {
			s.t.Errorf("it ended with %v", err)
		}
	case <-time.After(40 * time.Second):
		s.t.Fatalf("it still runs: %s", s.log)
	}
	for _, word := range words {
		if !strings.Contains(s.log.String(), word) {
			s.t.Errorf("it did not say %q:\n%s", word, s.log)
		}
	}
}

func (s *served) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := <-s.exit; err != nil {
		s.t.Fatalf("it ended with %v", err)
	}
}

// listed waits until "members list" has a line for a member that matches.
func listed(t *testing.T, at, pattern string) {
	t.Helper()
	line := regexp.MustCompile("(?m)^" + pattern)
	eventually(t, 40*time.Second, func() error {
		out, err := kvorum(t, "members", "list", "--addr", at)
		if err == nil && !line.MatchString(out) {
			err = fmt.Errorf("no line like %s in\n%s", line, out)
		}
		return err
	})
}

func mustDo(t *testing.T, args ...string) {
	t.Helper()
	if out, err := kvorum(t, args...); err != nil {
		t.Fatalf("%v: %s%v", args, out, err)
	}
}

// counts increments a counter and holds it against how often that was done.
type counts struct{ so int64 }

func (c *counts) through(t *testing.T, addr string) {
	t.Helper()
	conn := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, ReadTimeout: 20 * time.Second})
	defer conn.Close()
	for range 20 {
		c.so++
		if n, err := conn.Incr(t.Context(), "n").Result(); n != c.so || err != nil {
			t.Fatalf("increment %d through %s answered %d, %v", c.so, addr, n, err)
		}
	}
}

func TestMembersComeAndGo(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 6)
	r := startLocal(t, t.TempDir(), port, patientWrites)
	r.awaitAllReady()
	var n counts
	n.through(t, r.addr(0))

	// A further node joins through one that need not lead, and another is invited.
	data := filepath.Join(t.TempDir(), "n4")
	n4 := startServe(t, "n4", port+3, data, patientFlag, "--join", loopback(port+1+peerPortOffset))
	listed(t, r.addr(0), `n4 +(voter|leader) `)
	n.through(t, n4.addr)
	n5 := startServe(t, "n5", port+4, filepath.Join(t.TempDir(), "n5"), patientFlag, "--await")
	eventually(t, 20*time.Second, func() error {
		if !strings.Contains(n5.log.String(), "waiting to be invited") {
			return errors.New("n5 does not wait")
		}
		return nil
	})
	mustDo(t, "members", "add", loopback(port+4+peerPortOffset), "--nonvoter", "--addr", r.addr(1))
	listed(t, r.addr(0), `n5 +non-?voter `)
	eventually(t, 20*time.Second, func() error {
		_, err := askReady(t.Context(), address{"127.0.0.1", port + 4 + httpPortOffset})
		return err
	})
	n.through(t, n5.addr)
	mustDo(t, "members", "promote", "n5", "--addr", n5.addr)
	listed(t, r.addr(0), `n5 +voter `)

	// The leader is removed; its clients' next writes go through others.
	leader := r.awaitLeader()
	mustDo(t, "members", "remove", fmt.Sprintf("n%d", leader+1), "--addr", n4.addr)
	n.through(t, n4.addr)
	r.awaitLine(fmt.Sprintf(`^node exited: n%d .* exit status 1: .*not in the configuration of this cluster any more.*--join`, leader+1), 0)
	again := startServe(t, fmt.Sprintf("n%d", leader+1), port+leader, filepath.Join(r.dir, fmt.Sprintf("n%d", leader+1), "data"))
	again.ends("is not in the configuration of this cluster any more", "empty data directory and --join")

	// A node moves with its data, told nothing but its new address.
	n4.stop()
	old := data + "-copy"
	if err := os.CopyFS(old, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	moved := startServe(t, "n4", port+5, data, patientFlag)
	listed(t, n5.addr, fmt.Sprintf(`n4 +(voter|leader) +%s +%s `, regexp.QuoteMeta(moved.addr), regexp.QuoteMeta(loopback(port+5+peerPortOffset))))
	n.through(t, moved.addr)
	startServe(t, "n4", port+3, old).ends("another process runs as n4@", "is a copy")
	startServe(t, "n4", port+3, data).ends("is in use by process")
	n.through(t, n5.addr)
}
