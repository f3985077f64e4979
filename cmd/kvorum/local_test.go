package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestLocalServesThroughEveryNodeAndResumesItsDirectory(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-do-not-log"
	environment := []string{"KVORUM_REQUIREPASS=" + secret, "KVORUM_LOG_FORMAT=json", "KVORUM_LOG_LEVEL=debug"}
	dir, port := filepath.Join(t.TempDir(), "cluster"), freePorts(t, 3)
	r := startLocal(t, dir, port, environment...)
	as := func(node int) *redis.Client {
		c := redis.NewClient(&redis.Options{Addr: r.addr(node), Password: secret})
		t.Cleanup(func() { c.Close() })
		return c
	}
	for writer := range 3 {
		if err := as(writer).Set(t.Context(), fmt.Sprint("key", writer), writer, 0).Err(); err != nil {
			t.Fatalf("write through n%d: %v", writer+1, err)
		}
		for reader := range 3 {
			if got, err := as(reader).Get(t.Context(), fmt.Sprint("key", writer)).Int(); got != writer || err != nil {
				t.Errorf("written through n%d, read through n%d: %d, %v", writer+1, reader+1, got, err)
			}
		}
		pid, err := r.pid(writer)
		if err != nil {
			t.Error(err)
		}
		r.awaitLine(fmt.Sprintf(`^n%d +%d +%s +%s +%s `, writer+1, pid, r.addr(writer), loopback(port+writer+peerPortOffset), loopback(port+writer+httpPortOffset)), 0)
		if answer, err := askReady(t.Context(), address{"127.0.0.1", port + writer + httpPortOffset}); err != nil {
			t.Errorf("health of n%d: %q, %v", writer+1, answer, err)
		}
	}
	metrics := readAll(t, "http://"+loopback(port+httpPortOffset)+"/metrics")
	for _, name := range []string{"kvorum_raft_term", "kvorum_raft_commit_index", "kvorum_resp_clients", "kvorum_keys 3", "go_goroutines", `kvorum_resp_latency_seconds_bucket{route="write"`} {
		if !strings.Contains(metrics, name) {
			t.Errorf("/metrics has no %s", name)
		}
	}
	if err := r.stop(syscall.SIGTERM); err != nil {
		t.Fatalf("local ended with %v", err)
	}
	for node := range 3 {
		r.awaitLine(fmt.Sprintf(`^node exited: n%d \(pid \d+\): exit status 0$`, node+1), 0)
		if log, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("n%d", node+1), "log")); err != nil || strings.Contains(string(log), secret) || !strings.Contains(string(log), `{"time":`) {
			t.Errorf("the log of n%d has the password, or is no JSON: %v", node+1, err)
		}
	}

	r = startLocal(t, dir, port, environment...)
	for node := range 3 {
		if got, err := as(node).Get(t.Context(), "key1").Int(); got != 1 || err != nil {
			t.Errorf("after a restart, through n%d: %d, %v", node+1, got, err)
		}
	}
	if err := r.stop(syscall.SIGINT); err != nil {
		t.Fatalf("local ended with %v", err)
	}
}

func TestAKilledLeaderLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	r := startLocal(t, t.TempDir(), freePorts(t, 3), patientWrites, "--restart")
	l := startLoad(r, 2)
	killed := map[int]bool{}
	for range *rounds {
		r.awaitAllReady()
		leader := r.awaitLeader()
		l.flows(0, 1, 2)
		seen := r.said()
		killed[leader] = true
		r.signal(leader, syscall.SIGKILL)
		r.awaitLine(fmt.Sprintf(`^node exited: n%d .* signal: killed`, leader+1), seen)
		l.flows((leader+1)%3, (leader+2)%3)
		r.awaitLine(fmt.Sprintf(`^node started: n%d `, leader+1), seen)
		r.awaitAllReady()
		l.flows(leader)
	}
	l.judge(func(node int) bool { return killed[node] })
}

func TestAPausedLeaderChangesNoAnswer(t *testing.T) {
	t.Parallel()
	r := startLocal(t, t.TempDir(), freePorts(t, 3), patientWrites)
	l := startLoad(r, 2)
	paused := map[int]bool{}
	for round := range *rounds {
		leader := r.awaitLeader()
		paused[leader] = true
		l.flows(0, 1, 2)
		r.signal(leader, syscall.SIGSTOP)
		pause := []time.Duration{2500 * time.Millisecond, 300 * time.Millisecond}[round%2] // longer and shorter than an election
		waitFor(t.Context(), pause)
		r.signal(leader, syscall.SIGCONT)
		l.flows(0, 1, 2)
	}
	// A client of the paused node itself may wait for longer than its write may.
	l.judge(func(node int) bool { return paused[node] })
}

func TestAllNodesKilledAtOnceComeBackWithEverything(t *testing.T) {
	t.Parallel()
	r := startLocal(t, t.TempDir(), freePorts(t, 3), patientWrites, "--restart")
	l := startLoad(r, 2)
	for range *rounds {
		l.flows(0, 1, 2)
		for node := range 3 {
			r.signal(node, syscall.SIGKILL)
		}
		eventually(t, 30*time.Second, func() error {
			for node := range 3 {
				if _, err := r.pid(node); err != nil {
					return err
				}
			}
			return nil
		})
		r.awaitAllReady()
		l.flows(0, 1, 2)
	}
	l.judge(func(int) bool { return true })
}

func TestATerminatedLeaderHandsOverAndStaysDead(t *testing.T) {
	r := startLocal(t, t.TempDir(), freePorts(t, 3), patientWrites)
	l := startLoad(r, 2)
	leader := r.awaitLeader()
	l.flows(0, 1, 2)
	pid, err := r.pid(leader)
	if err != nil {
		t.Fatal(err)
	}
	r.signal(leader, syscall.SIGTERM)
	r.awaitLine(fmt.Sprintf(`^node exited: n%d \(pid %d\): exit status 0$`, leader+1, pid), 0)
	r.awaitLine(`^leader changed: n\d 127\.0\.0\.1:\d+$`, 0)
	l.flows((leader+1)%3, (leader+2)%3)
	l.end()
	l.workers.Wait()
	for _, c := range l.counters {
		if c.node != leader && len(c.errors) > 0 {
			t.Errorf("a client of n%d saw: %v", c.node+1, c.errors)
		}
		if c.slowest > 2*time.Second && c.node != leader {
			t.Errorf("a client of n%d waited %v: leadership was not handed over", c.node+1, c.slowest)
		}
	}
	if _, err := r.pid(leader); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("n%d was started again, without --restart: %v", leader+1, err)
	}
}

func TestNothingStaysBehindWhenLocalIsKilled(t *testing.T) {
	t.Parallel()
	r := startLocal(t, t.TempDir(), freePorts(t, 3))
	var pids []int
	for node := range 3 {
		pid, err := r.pid(node)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	if runtime.GOOS == "linux" {
		r.signal(1, syscall.SIGSTOP) // one that cannot notice anything by itself
	}
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 15*time.Second, func() error {
		for _, pid := range pids {
			if alive(pid) {
				return fmt.Errorf("process %d is still there", pid)
			}
		}
		return nil
	})
}

func TestANodeThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	r := startLocal(t, t.TempDir(), freePorts(t, 3))
	if err := r.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(r.dir, "n2", "data", "raft.db")); err != nil {
		t.Fatal(err)
	}
	r = startLocal(t, r.dir, r.port) // the two others serve
	r.awaitLine(`^node exited: n2 \(pid \d+\): exit status 1: kvorum: .*raft\.db.* is not there.* an empty directory`, 0)
}

func TestANodeEndsWithThePipeOfItsParent(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(kvorumBinary(t), "serve", "--id", "n1", "--listen", loopback(port), "--data", initialised(t, "n1", port), "--parent-pipe", "3")
	cmd.ExtraFiles = []*os.File{read}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	read.Close()
	eventually(t, 20*time.Second, func() error {
		_, err := askReady(t.Context(), address{"127.0.0.1", port + httpPortOffset})
		return err
	})
	write.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the node ended with %v", err)
	}
}

func TestPortsInUseAreNamedBeforeAnythingStarts(t *testing.T) {
	port := freePorts(t, 3)
	taken, err := net.Listen("tcp", loopback(port+1+peerPortOffset))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := filepath.Join(t.TempDir(), "never")
	_, err = runWith(t, "local", "--dir", dir, "--port", strconv.Itoa(port))
	if err == nil || !strings.Contains(err.Error(), "in use: "+taken.Addr().String()+" (peers of n2)") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory was made: %v", err)
	}
}

func TestRedirectModeServesClusterClients(t *testing.T) {
	t.Parallel()
	r := startLocal(t, t.TempDir(), freePorts(t, 3), "KVORUM_FOLLOWER=redirect", "KVORUM_LOG_STORE=bolt")
	leader := r.awaitLeader()
	err := r.client((leader+1)%3).Set(t.Context(), "foo", "bar", 0).Err()
	if err == nil || err.Error() != "MOVED 12182 "+r.addr(leader) {
		t.Errorf("a follower answers %v", err)
	}
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{r.addr(0), r.addr(1), r.addr(2)}})
	defer cluster.Close()
	for i := range 20 {
		if err := cluster.Set(t.Context(), fmt.Sprint("key", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if got, err := cluster.Get(t.Context(), fmt.Sprint("key", i)).Int(); got != i || err != nil {
			t.Fatalf("%d, %v", got, err)
		}
	}
}

// What local's own first start leaves when it is cut short, and what file systems put
// into their roots, keeps nobody out; what somebody else has put there is named.
func TestADirectoryOfLocalMayHoldWhatItsStartLeft(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"lost+found", "n1/data", "n1/lost+found"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(newLayoutFile(dir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkFree(dir); err != nil {
		t.Error(err)
	}
	thesis := filepath.Join(dir, "n1", "thesis.tex")
	if err := os.WriteFile(thesis, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkFree(dir); err == nil || !strings.Contains(err.Error(), thesis) {
		t.Errorf("with a thesis: %v", err)
	}
}
