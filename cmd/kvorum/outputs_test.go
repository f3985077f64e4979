package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stalledPipe is a pipe that is full and that nobody reads.
func stalledPipe(t *testing.T) *os.File {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Close(); write.Close() })
	if err := write.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = write.Write(make([]byte, 4096))
	}
	return write
}

// closedPipe is a pipe whose reader has gone.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	t.Cleanup(func() { write.Close() })
	return write
}

// startWith starts the program with its output going to a file.
func startWith(t *testing.T, output *os.File, args ...string) (process *os.Process, ended chan error) {
	t.Helper()
	cmd := exec.Command(kvorumBinary(t), args...)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	ended = make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return cmd.Process, ended
}

func awaitEnd(t *testing.T, ended <-chan error, within time.Duration) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(within):
		t.Fatalf("the process has not ended within %v", within)
		return nil
	}
}

// Neither who reads the log nor a terminal that closes decides whether a node runs.
func TestANodeOutlivesItsLogsReaderAndItsTerminal(t *testing.T) {
	t.Parallel()
	for name, output := range map[string]func(*testing.T) *os.File{"closed": closedPipe, "stalled": stalledPipe} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePorts(t, 1)
			node, ended := startWith(t, output(t), "serve", "--id", "n1", "--listen", loopback(port),
				"--data", initialised(t, "n1", port), "--log-level", "debug")
			c := client(loopback(port))
			defer c.Close()
			eventually(t, 20*time.Second, func() error { return c.Set(t.Context(), "k", "v", 0).Err() })
			for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGPIPE} {
				if err := node.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			for range 20 { // a signal arrives while these are answered
				if err := c.Set(t.Context(), "k", "v", 0).Err(); err != nil {
					t.Fatal(err)
				}
			}
			if err := node.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := awaitEnd(t, ended, 5*time.Second); err != nil {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// SIGQUIT asks for the stacks of a process that is stuck: it ends also if nobody reads them.
func TestSIGQUITEndsANodeWhoeverReadsTheStacks(t *testing.T) {
	t.Parallel()
	kvorumBinary(t)
	written := filepath.Join(t.TempDir(), "stderr")
	file := func(t *testing.T) *os.File {
		f, err := os.Create(written)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	for name, output := range map[string]func(*testing.T) *os.File{"stalled": stalledPipe, "read": file} {
		t.Run(name, func(t *testing.T) {
			port := freePorts(t, 1)
			node, ended := startWith(t, output(t), "serve", "--id", "n1", "--listen", loopback(port), "--data", initialised(t, "n1", port))
			c := client(loopback(port))
			defer c.Close()
			eventually(t, 20*time.Second, func() error { return c.Set(t.Context(), "k", "v", 0).Err() })
			if err := node.Signal(syscall.SIGQUIT); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := awaitEnd(t, ended, 10*time.Second); !errors.As(err, &exit) || exit.ExitCode() != 2 {
				t.Errorf("it ended with %v, want status 2 as of Go's runtime", err)
			}
		})
	}
	text, err := os.ReadFile(written)
	if err != nil || !strings.Contains(string(text), "goroutine ") || !strings.Contains(string(text), "main.serve(") {
		t.Errorf("no stacks were written: %v, %.200s", err, text)
	}
}

func TestAnErrorThatNobodyReadsStillEndsTheProcess(t *testing.T) {
	t.Parallel()
	_, ended := startWith(t, stalledPipe(t), "serve", "--id", "n1", "--data", filepath.Join(t.TempDir(), "none"))
	if err := awaitEnd(t, ended, 10*time.Second); err == nil {
		t.Error("it ended well")
	}
}

// A terminal that takes no output stops neither the nodes nor what local does for them.
func TestLocalDoesItsWorkWhileItsTerminalIsStalled(t *testing.T) {
	t.Parallel()
	for name, output := range map[string]func(*testing.T) *os.File{"closed": closedPipe, "stalled": stalledPipe} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, port := t.TempDir(), freePorts(t, 3)
			local, ended := startWith(t, output(t), "local", "--restart", "--dir", dir, "--port", strconv.Itoa(port))
			ready := func() error {
				for node := range 3 {
					if _, err := askReady(t.Context(), address{"127.0.0.1", port + node + httpPortOffset}); err != nil {
						return err
					}
				}
				return nil
			}
			eventually(t, 30*time.Second, ready)
			if err := local.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			before := pidIn(t, dir)
			if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, 20*time.Second, func() error {
				if text, err := os.ReadFile(filepath.Join(dir, "n2", "pid")); err != nil || strings.TrimSpace(string(text)) == strconv.Itoa(before) {
					return fmt.Errorf("n2 was not started again: %v", err)
				}
				return ready()
			})
			if err := local.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := awaitEnd(t, ended, 10*time.Second); err != nil {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// pidIn is the process of the second node under a directory of local's.
func pidIn(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "n2", "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
