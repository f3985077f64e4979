package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/kvorum/kvorum/scripts/client"
	"github.com/kvorum/kvorum/scripts/damage/tracer"
)

// parentPipe is the descriptor at which a node finds the pipe whose end tells it that this program
// has gone.
const parentPipe = 3

// node is one member, whose process may run or not.
type node struct {
	id         string
	addr, peer string
	data, log  string
	kvorum     string
	lifeline   *os.File      // the reading end of the pipe
	order      *tracer.Order // what the tracer is to do from the next start on, nil for none

	cmd    *exec.Cmd
	traced bool          // cmd is a tracer
	gone   chan struct{} // closed when cmd has ended
	logged int64         // the log's size when it was started
	admin  client.Conn
}

// start runs the node with what its place in the cluster needs (--cluster, --join).
func (n *node) start(place ...string) error {
	log, err := os.OpenFile(n.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", n.id, err)
	}
	defer log.Close()
	if n.logged, err = log.Seek(0, 2); err != nil {
		return fmt.Errorf("start %s: %w", n.id, err)
	}
	args := append([]string{"serve", "--id=" + n.id, "--listen=" + n.addr, "--peer-listen=" + n.peer, "--http=none", "--data=" + n.data,
		"--debug-commands", "--write-timeout=" + writeTimeout, "--parent-pipe=" + strconv.Itoa(parentPipe)}, place...)
	cmd := exec.Command(n.kvorum, args...)
	if n.traced = n.order != nil; n.traced {
		n.order.Dir, n.order.Report = n.data, n.report()
		if err := os.RemoveAll(n.report()); err != nil {
			return fmt.Errorf("start %s: %w", n.id, err)
		}
		if cmd, err = tracer.Command(*n.order, n.kvorum, args...); err != nil {
			return fmt.Errorf("start %s: %w", n.id, err)
		}
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{n.lifeline}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is this program's
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", n.id, err)
	}
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	n.cmd, n.gone = cmd, gone
	n.admin = client.Conn{Addr: n.addr, Within: lookWithin}
	return nil
}

// runs reports whether the process was started and has not ended.
func (n *node) runs() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.gone:
		return false
	default:
		return true
	}
}

// ended reports whether the process has ended by itself.
func (n *node) ended() bool { return n.cmd != nil && !n.runs() }

// kill ends the process as kill -9 does.
func (n *node) kill() {
	if n.cmd == nil {
		return
	}
	n.admin.Close()
	n.signalKill()
	<-n.gone
	n.cmd = nil
}

// signalKill kills the process and does not wait for its end.
func (n *node) signalKill() {
	if n.cmd == nil {
		return
	}
	end := os.Kill
	if n.traced {
		end = tracer.Stop
	}
	_ = n.cmd.Process.Signal(end) // it may have ended
}

// stop ends the process in order.
func (n *node) stop() error {
	n.admin.Close()
	_ = n.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-n.gone:
	case <-time.After(stopWithin):
		return fmt.Errorf("%s did not stop within %v", n.id, stopWithin)
	}
	n.cmd = nil
	return nil
}

// report returns the path of the file in which a tracer tells what it has counted.
func (n *node) report() string { return n.data + ".changes" }

// arm has the tracer count from now on.
func (n *node) arm() {
	if n.traced && n.runs() {
		_ = n.cmd.Process.Signal(tracer.Arm) // it may have ended
	}
}

// said returns what the process has logged since its start.
func (n *node) said() []byte {
	log, err := os.ReadFile(n.log)
	if err != nil || int64(len(log)) < n.logged {
		return nil
	}
	return log[n.logged:]
}

// names reports whether the process has named one of the names in its log.
func (n *node) names(names []string) bool {
	said := n.said()
	for _, name := range names {
		if bytes.Contains(said, []byte(name)) {
			return true
		}
	}
	return false
}

// lastWords returns the last line that the process has logged, which says why it ended, or the line
// with which a stack trace begins.
func (n *node) lastWords() string {
	lines := bytes.Split(bytes.TrimSpace(n.said()), []byte("\n"))
	last := lines[len(lines)-1]
	for _, line := range lines {
		if bytes.HasPrefix(line, []byte("panic: ")) || bytes.HasPrefix(line, []byte("fatal error: ")) || bytes.HasPrefix(line, []byte("unexpected fault")) {
			last = line
			break
		}
	}
	return string(last[:min(len(last), lastWordsBytesMax)])
}

// panicked reports whether the process has ended with a stack trace.
func (n *node) panicked() bool {
	said := n.said()
	return bytes.Contains(said, []byte("goroutine ")) && (bytes.Contains(said, []byte("panic: ")) || bytes.Contains(said, []byte("fatal error: ")))
}

// condemned reports whether the directory is marked as diverged from the others.
func (n *node) condemned() bool {
	text, err := os.ReadFile(filepath.Join(n.data, "identity.json"))
	return err == nil && bytes.Contains(text, []byte(`"diverged"`))
}

// up waits until the process answers a client or has ended, which is false; one
// that does neither runs.
func (n *node) up() bool {
	_ = await(serveWithin, n.id+" to answer or end", func() bool {
		_, err := n.admin.Look()
		return err == nil || n.ended()
	})
	return n.runs()
}

// ready reports whether the node says that it serves.
func (n *node) ready() bool {
	if !n.runs() {
		return false
	}
	view, err := n.admin.Look()
	return err == nil && view.Ready
}

var errInVain = errors.New("waited in vain")

// await polls until done says so.
func await(within time.Duration, what string, done func() bool) error {
	deadline := time.Now().Add(within)
	for !done() {
		if time.Now().After(deadline) {
			return fmt.Errorf("%w, %v, for %s", errInVain, within, what)
		}
		time.Sleep(pollPause)
	}
	return nil
}
