package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kvorum/kvorum/cmd/internal/server"
	"github.com/kvorum/kvorum/internal/child"
)

// parentPipeDescriptor is a child's descriptor of the pipe, the next after stdin, stdout and stderr.
const parentPipeDescriptor = 3

func founder(n *plannedNode) server.Member { return server.Member{ID: n.id, PeerAddr: n.peers()} }

// crew is the set of processes of local's nodes. No child outlives this process,
// however it ends. Each child holds the reading end of a pipe whose only writing end
// is here, and stops at end of file. A child that is stopped or stuck reads no pipe,
// so Linux is also told to kill it.
type crew struct {
	plan *clusterPlan
	out  *screen
	// The ends of the pipe. The writing end must stay open as long as the children may run.
	childEnd, parentEnd *os.File
	spawn               chan spawnRequest

	running sync.WaitGroup // one for each node that runs or will be started again
	mu      sync.Mutex
	nodes   map[string]*exec.Cmd // the running ones, by id
	ending  chan struct{}        // closed by stop
}

// spawnRequest asks spawnOnOneThread to start a command.
type spawnRequest struct {
	cmd  *exec.Cmd
	done chan error
}

// startCrew starts every node. If one cannot be started, it stops the others.
func startCrew(plan *clusterPlan, out *screen) (*crew, error) {
	c := &crew{plan: plan, out: out, spawn: make(chan spawnRequest), nodes: map[string]*exec.Cmd{}, ending: make(chan struct{})}
	var err error
	if c.childEnd, c.parentEnd, err = os.Pipe(); err != nil {
		return nil, fmt.Errorf("make the pipe to the nodes: %w", err)
	}
	go c.spawnOnOneThread()
	for _, n := range plan.nodes {
		cmd, err := c.start(n)
		if err != nil {
			c.stop()
			return nil, fmt.Errorf("start %s: %w", n.id, err)
		}
		c.running.Go(func() { c.attend(n, cmd) })
	}
	return c, nil
}

// spawnOnOneThread starts all children from one thread that lives as long as this
// process. Linux considers a child's parent dead once the thread that started the child
// has ended.
func (c *crew) spawnOnOneThread() {
	runtime.LockOSThread()
	for r := range c.spawn {
		r.done <- r.cmd.Start()
	}
}

// start starts one node and writes its pid file.
func (c *crew) start(n *plannedNode) (*exec.Cmd, error) {
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(logFile(n), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(c.plan.executable, c.plan.command(n)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{c.childEnd}
	cmd.SysProcAttr = child.Attributes()
	request := spawnRequest{cmd, make(chan error, 1)}
	c.spawn <- request
	if err := <-request.done; err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[n.id] = cmd
	select {
	case <-c.ending: // stop has not seen this one
		_ = cmd.Process.Kill()
	default:
	}
	return cmd, os.WriteFile(pidFile(n), []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o644)
}

func pidFile(n *plannedNode) string { return filepath.Join(n.dir, "pid") }
func logFile(n *plannedNode) string { return filepath.Join(n.dir, "log") }

// attend waits for a node to exit, reports that, and restarts the node if the plan says so.
func (c *crew) attend(n *plannedNode, cmd *exec.Cmd) {
	for {
		err := cmd.Wait()
		c.mu.Lock()
		delete(c.nodes, n.id)
		os.Remove(pidFile(n))
		c.mu.Unlock()
		c.out.line("node exited: %s (pid %d): %s%s", n.id, cmd.Process.Pid, ending(err), lastWords(n, err))
		if !c.plan.restart {
			return
		}
		if cmd = c.startAgain(n); cmd == nil {
			return
		}
	}
}

// startAgain restarts a node that has died. It returns nil once local is ending.
func (c *crew) startAgain(n *plannedNode) *exec.Cmd {
	for {
		select {
		case <-c.ending:
			return nil
		case <-time.After(localRestartAfter):
		}
		cmd, err := c.start(n)
		if err == nil {
			c.out.line("node started: %s (pid %d)", n.id, cmd.Process.Pid)
			return cmd
		}
		c.out.line("node not started: %s: %v", n.id, err)
	}
}

// ending describes for a person how a process ended.
func ending(err error) string {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "exit status 0"
	case errors.As(err, &exit):
		return exit.ProcessState.String()
	}
	return err.Error()
}

// lastWords returns the last line that a node logged before it exited, which says why.
func lastWords(n *plannedNode, err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !exit.Exited() {
		return ""
	}
	log, err := os.Open(logFile(n))
	if err != nil {
		return ""
	}
	defer log.Close()
	tail := make([]byte, lastWordsBytesMax)
	if end, err := log.Seek(0, io.SeekEnd); err == nil {
		_, _ = log.Seek(max(0, end-int64(len(tail))), io.SeekStart)
	}
	read, _ := io.ReadFull(log, tail)
	lines := strings.Split(strings.TrimSpace(string(tail[:read])), "\n")
	return ": " + lines[len(lines)-1]
}

// pid returns a node's process id, 0 if it does not run.
func (c *crew) pid(id string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cmd := c.nodes[id]; cmd != nil {
		return cmd.Process.Pid
	}
	return 0
}

// wait returns once no node runs and none will be restarted.
func (c *crew) wait() { c.running.Wait() }

// stop closes the pipe, which ends every node, and kills those that take too long.
func (c *crew) stop() {
	close(c.ending)
	c.parentEnd.Close()
	c.signal(syscall.SIGCONT) // a stopped process must resume to notice
	kill := time.AfterFunc(localStopWithin, func() { c.signal(syscall.SIGKILL) })
	c.running.Wait()
	kill.Stop()
	close(c.spawn)
	c.childEnd.Close()
}

func (c *crew) signal(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cmd := range c.nodes {
		_ = cmd.Process.Signal(s) // an error means that it has just ended
	}
}
