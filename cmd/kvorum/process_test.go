package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/kvorum/kvorum/scripts/damage/tracer"
)

// The tests of processes run the real binary, which TestMain builds once.

var rounds = flag.Int("rounds", 1, "how often the tests of processes kill, pause and start again")

var binary struct {
	once sync.Once
	dir  string
	path string
	err  error
}

func TestMain(m *testing.M) {
	tracer.Become()
	flag.Parse()
	redis.SetLogger(silence{}) // nodes that are dead on purpose are no news
	code := m.Run()
	if binary.dir != "" {
		os.RemoveAll(binary.dir)
	}
	os.Exit(code)
}

// kvorumBinary is the path of the program, built as it is released.
func kvorumBinary(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes")
	}
	binary.once.Do(func() {
		if binary.dir, binary.err = os.MkdirTemp("", "kvorum-test"); binary.err != nil {
			return
		}
		binary.path = filepath.Join(binary.dir, "kvorum")
		build := exec.Command("go", "build", "-o", binary.path, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			binary.err = fmt.Errorf("build: %w: %s", err, out)
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.path
}

// eventually polls until the condition holds.
func eventually(t *testing.T, within time.Duration, condition func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %v", within, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// ports hands every test client ports of its own, though it runs beside others. They
// are below the range that the kernel picks from, offsets included.
var ports = struct {
	sync.Mutex
	next int
}{next: rand.IntN(portsInAll)}

const portsInAll = 1900

// freePorts finds a first client port such that all of local's ports are free.
func freePorts(t *testing.T, nodes int) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	for range 100 {
		port := 20000 + ports.next%portsInAll
		ports.next += nodes
		var planned []*plannedNode
		for i := range nodes {
			planned = append(planned, &plannedNode{id: "n", clientPort: port + i})
		}
		if checkPorts(planned) == nil {
			return port
		}
	}
	t.Fatal("no free ports")
	return 0
}

// localRun is one running kvorum local.
type localRun struct {
	t    *testing.T
	dir  string
	port int
	cmd  *exec.Cmd
	exit chan error

	mu    sync.Mutex
	lines []string
}

// startLocal starts kvorum local on dir and waits until it is ready. As env(1) does, it
// takes variables of its nodes' environment before the arguments: a test that runs
// beside others cannot set its own.
func startLocal(t *testing.T, dir string, port int, args ...string) *localRun {
	t.Helper()
	r := &localRun{t: t, dir: dir, port: port, exit: make(chan error, 1)}
	environment := os.Environ()
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		environment, args = append(environment, args[0]), args[1:]
	}
	args = append([]string{"local", "--dir", dir, "--port", strconv.Itoa(port)}, args...)
	r.cmd = exec.Command(kvorumBinary(t), args...)
	r.cmd.Env = environment
	r.cmd.Stderr = os.Stderr
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			r.mu.Lock()
			r.lines = append(r.lines, scanner.Text())
			r.mu.Unlock()
		}
		r.exit <- r.cmd.Wait()
	}()
	t.Cleanup(func() {
		r.cmd.Process.Kill()
		if t.Failed() {
			r.dump()
		}
	})
	r.awaitLine(`^ready: leader n\d `, 0)
	return r
}

// dump shows what the cluster said, for a test that has failed.
func (r *localRun) dump() {
	r.mu.Lock()
	r.t.Logf("local said:\n%s", strings.Join(r.lines, "\n"))
	r.mu.Unlock()
	logs, _ := filepath.Glob(filepath.Join(r.dir, "*", "log"))
	for _, path := range logs {
		text, _ := os.ReadFile(path)
		lines := strings.Split(string(text), "\n")
		r.t.Logf("%s:\n%s", path, strings.Join(lines[max(0, len(lines)-30):], "\n"))
	}
}

// awaitLine waits for a line that matches, from the one numbered from on, and
// returns its number.
func (r *localRun) awaitLine(pattern string, from int) (line string, number int) {
	r.t.Helper()
	matcher := regexp.MustCompile(pattern)
	eventually(r.t, 30*time.Second, func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		for i := from; i < len(r.lines); i++ {
			if matcher.MatchString(r.lines[i]) {
				line, number = r.lines[i], i
				return nil
			}
		}
		return fmt.Errorf("local said no line like %q", pattern)
	})
	return line, number
}

func (r *localRun) said() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lines)
}

func (r *localRun) addr(node int) string { return loopback(r.port + node) }

// pid reads a node's pid file; nodes count from 0.
func (r *localRun) pid(node int) (int, error) {
	text, err := os.ReadFile(filepath.Join(r.dir, fmt.Sprintf("n%d", node+1), "pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

func (r *localRun) signal(node int, s syscall.Signal) {
	r.t.Helper()
	pid, err := r.pid(node)
	if err == nil {
		err = syscall.Kill(pid, s)
	}
	if err != nil {
		r.t.Fatalf("signal n%d: %v", node+1, err)
	}
}

// leader returns the number of the node that leads, -1 if none does.
func (r *localRun) leader() int {
	client := &http.Client{Timeout: 300 * time.Millisecond}
	defer client.CloseIdleConnections()
	for node := range 3 {
		status, err := askStatus(r.t.Context(), client, loopback(r.port+node+httpPortOffset))
		if err == nil && status.Leading && status.Ready {
			return node
		}
	}
	return -1
}

func (r *localRun) awaitLeader() int {
	r.t.Helper()
	leader := -1
	eventually(r.t, 30*time.Second, func() error {
		if leader = r.leader(); leader < 0 {
			return errors.New("no node leads")
		}
		return nil
	})
	return leader
}

func (r *localRun) awaitAllReady() {
	r.t.Helper()
	eventually(r.t, 30*time.Second, func() error {
		for node := range 3 {
			if _, err := askReady(r.t.Context(), address{"127.0.0.1", r.port + node + httpPortOffset}); err != nil {
				return err
			}
		}
		return nil
	})
}

// stop ends local as a person would, and returns how it ended.
func (r *localRun) stop(s syscall.Signal) error {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
	select {
	case err := <-r.exit:
		return err
	case <-time.After(30 * time.Second):
		r.t.Fatal("local did not end")
		return nil
	}
}

func client(addr string) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, ReadTimeout: 20 * time.Second, DialTimeout: 2 * time.Second, DialerRetries: 1, PoolSize: 1})
}

func (r *localRun) client(node int) *redis.Client {
	c := client(r.addr(node))
	r.t.Cleanup(func() { c.Close() })
	return c
}

// patientWrites and patientFlag keep a machine that is busy with other tests from
// turning a slow election into an error: these tests are about what is lost or doubled.
const (
	patientWrites = "KVORUM_WRITE_TIMEOUT=15s"
	patientFlag   = "--write-timeout=15s"
)

// load increments a counter of its own on each of many connections, until stop.
type load struct {
	run     *localRun
	ctx     context.Context
	end     context.CancelFunc
	workers sync.WaitGroup

	mu       sync.Mutex
	counters []*counter
}

// counter holds what one connection knows of its counter.
type counter struct {
	key     string
	node    int
	last    int64 // the highest reply
	unknown int64 // increments that were sent and not answered
	errors  []error
	slowest time.Duration
}

func startLoad(r *localRun, connectionsPerNode int) *load {
	l := &load{run: r}
	l.ctx, l.end = context.WithCancel(context.Background())
	r.t.Cleanup(l.end)
	for node := range 3 {
		for i := range connectionsPerNode {
			c := &counter{key: fmt.Sprintf("counter:%d:%d:%d", node, i, rand.Uint32()), node: node}
			l.counters = append(l.counters, c)
			l.workers.Go(func() { l.increment(c) })
		}
	}
	return l
}

func (l *load) increment(c *counter) {
	conn := client(l.run.addr(c.node))
	defer conn.Close()
	for l.ctx.Err() == nil {
		begun := time.Now()
		n, err := conn.Incr(context.Background(), c.key).Result()
		l.mu.Lock()
		switch {
		case err == nil && n <= c.last:
			c.errors = append(c.errors, fmt.Errorf("%s: answered %d after %d", c.key, n, c.last))
		case err == nil && n > c.last+1+c.unknown:
			c.errors = append(c.errors, fmt.Errorf("%s: answered %d after %d, with %d unknown: doubled", c.key, n, c.last, c.unknown))
		case err == nil:
			c.unknown -= n - c.last - 1
			c.last = n
			c.slowest = max(c.slowest, time.Since(begun))
		default:
			c.unknown++
			c.errors = append(c.errors, err)
		}
		l.mu.Unlock()
		if err != nil && !waitFor(l.ctx, 50*time.Millisecond) {
			return
		}
	}
}

// acknowledged returns how many increments have been answered.
func (l *load) acknowledged() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var sum int64
	for _, c := range l.counters {
		sum += c.last
	}
	return sum
}

// flows waits until more increments have been answered through each node.
func (l *load) flows(nodes ...int) {
	l.run.t.Helper()
	answered := func() map[int]int64 {
		l.mu.Lock()
		defer l.mu.Unlock()
		sums := map[int]int64{}
		for _, c := range l.counters {
			sums[c.node] += c.last
		}
		return sums
	}
	before := answered()
	eventually(l.run.t, 30*time.Second, func() error {
		now := answered()
		for _, node := range nodes {
			if now[node] < before[node]+20 {
				return fmt.Errorf("%d increments answered through n%d", now[node]-before[node], node+1)
			}
		}
		return nil
	})
}

// judge stops the load and holds what was acknowledged against what is stored.
// Connections to nodes that faulty names may have seen errors, others not.
func (l *load) judge(faulty func(node int) bool) {
	t := l.run.t
	t.Helper()
	l.end()
	l.workers.Wait()
	l.run.awaitAllReady()
	reader := l.run.client(0)
	slowest := time.Duration(0)
	for _, c := range l.counters {
		stored, err := reader.Get(t.Context(), c.key).Int64()
		if err != nil && !errors.Is(err, redis.Nil) {
			t.Fatalf("read %s: %v", c.key, err)
		}
		if stored < c.last || stored > c.last+c.unknown {
			t.Errorf("%s is %d: %d were acknowledged and %d are unknown", c.key, stored, c.last, c.unknown)
		}
		for _, err := range c.errors {
			if !faulty(c.node) || strings.HasPrefix(err.Error(), c.key) {
				t.Errorf("a client of n%d saw: %v", c.node+1, err)
			}
		}
		slowest = max(slowest, c.slowest)
	}
	t.Logf("%d increments acknowledged, the slowest after %v", l.acknowledged(), slowest.Round(time.Millisecond))
}

// silence is go-redis's log.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func readAll(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
