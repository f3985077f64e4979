package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/kvorum/kvorum/internal/child"
)

// Stage holds the processes of a demo and the folder that they work in.
type Stage struct {
	dir string
	// Kvorum's nodes end at the end of file of this pipe, whose writing end is
	// only here; Linux kills every child besides (child.Attributes).
	childEnd, parentEnd *os.File
	spawn               chan func()

	mu        sync.Mutex
	closed    bool
	processes []*Process
}

// parentPipe is the descriptor at which a child finds the pipe: behind stdin, stdout and stderr.
const parentPipe = 3

// Open makes a stage in a folder that exists.
func Open(dir string) (*Stage, error) {
	s := &Stage{dir: dir, spawn: make(chan func())}
	var err error
	if s.childEnd, s.parentEnd, err = os.Pipe(); err != nil {
		return nil, fmt.Errorf("make the pipe to the processes: %w", err)
	}
	go func() {
		// Linux takes a child's parent for dead when the thread that made it ends.
		runtime.LockOSThread()
		for start := range s.spawn {
			start()
		}
	}()
	return s, nil
}

// Close kills every process and waits until it is gone. Their data is the demo's, and goes with it.
func (s *Stage) Close() {
	s.mu.Lock()
	s.closed = true
	processes := s.processes
	s.mu.Unlock()
	for _, p := range processes {
		p.Kill()
	}
	s.parentEnd.Close()
	s.childEnd.Close()
	close(s.spawn)
}

// Process is a program of the stage, which may be killed and started again.
type Process struct {
	name  string
	args  []string
	log   string
	stage *Stage

	mu   sync.Mutex
	cmd  *exec.Cmd     // nil: it does not run
	gone chan struct{} // closed when cmd has ended
}

// Run starts a program; what it says goes to DIR/name.log.
func (s *Stage) Run(name string, args ...string) (*Process, error) {
	p := &Process{name: name, args: args, log: filepath.Join(s.dir, name+".log"), stage: s}
	s.mu.Lock()
	s.processes = append(s.processes, p)
	s.mu.Unlock()
	return p, p.Start()
}

// Start starts the program again after Kill.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stage.mu.Lock()
	closed := p.stage.closed
	p.stage.mu.Unlock()
	if closed {
		return errors.New("the stage is closed")
	}
	log, err := os.OpenFile(p.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	defer log.Close()
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{p.stage.childEnd}
	cmd.SysProcAttr = child.Attributes()
	started := make(chan error)
	p.stage.spawn <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	p.cmd, p.gone = cmd, gone
	return nil
}

// Kill kills the program as kill -9 does, and waits until it is gone.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.gone
	p.cmd = nil
}

// ended reports whether the program has ended though nobody killed it.
func (p *Process) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// lastWords is the end of the program's log.
func (p *Process) lastWords() string {
	log, err := os.Open(p.log)
	if err != nil {
		return ""
	}
	defer log.Close()
	if end, err := log.Seek(0, io.SeekEnd); err == nil {
		_, _ = log.Seek(max(0, end-lastWordsBytesMax), io.SeekStart)
	}
	tail, _ := io.ReadAll(log)
	return string(tail)
}

// await polls until done says so, ctx ends, or a program of the stage gives up.
func (s *Stage) await(ctx context.Context, what string, done func() bool) error {
	deadline := time.Now().Add(StartWithin)
	for !done() {
		s.mu.Lock()
		processes := s.processes
		s.mu.Unlock()
		for _, p := range processes {
			if p.ended() {
				return fmt.Errorf("%s has ended; it said last:\n%s", p.name, p.lastWords())
			}
		}
		if err := pause(ctx, pollPause); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %v in vain for %s", StartWithin, what)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
