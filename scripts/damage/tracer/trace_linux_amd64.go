package tracer

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"sync/atomic"
	"syscall"
)

// Supported says whether this system can trace.
const Supported = true

// tracee is a program being traced.
type tracee struct {
	order  Order
	only   *regexp.Regexp
	last   string // the last change that matched
	row    int    // how often in a row
	pid    int
	armed  atomic.Bool
	report *os.File
	count  int
	torn   int // the thread whose write has been halved, 0 for none
}

// counts reports whether a change is one of those that the order is about.
func (t *tracee) counts(what string) bool {
	if !t.only.MatchString(what) {
		return false
	}
	if what != t.last {
		t.last, t.row = what, 0
	}
	t.row++
	return t.order.Repeats == 0 || t.row <= t.order.Repeats
}

// trace runs a program to its end and returns its exit status.
func trace(o Order, args []string) (code int, err error) {
	only, err := regexp.Compile(o.Only)
	if err != nil {
		return 126, fmt.Errorf("which changes count: %w", err)
	}
	runtime.LockOSThread() // a tracee belongs to the thread that started it
	report, err := os.OpenFile(o.Report, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return 126, fmt.Errorf("open the report: %w", err)
	}
	defer report.Close()
	t := &tracee{order: o, only: only, report: report}
	t.armed.Store(o.Armed)
	heard := make(chan os.Signal, 4)
	signal.Notify(heard, Arm, Stop, syscall.SIGTERM)
	if err := t.start(args); err != nil {
		return 126, err
	}
	go t.obey(heard)
	return t.follow()
}

// start starts the program behind a stub that installs the filter.
func (t *tracee) start(args []string) error {
	own, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this binary: %w", err)
	}
	cmd := exec.Command(own, args...)
	// Fewer signals to stop at: a goroutine is preempted by one.
	cmd.Env = append(os.Environ(), stubVariable+"=1", "GODEBUG=asyncpreemptoff=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{os.NewFile(3, "pipe")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", args[0], err)
	}
	t.pid = cmd.Process.Pid
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(t.pid, &status, 0, nil); err != nil || !status.Stopped() {
		return fmt.Errorf("the program did not stop at its start: %w", err)
	}
	const exitKill, traceSeccomp = 1 << 20, 1 << 7
	if err := syscall.PtraceSetOptions(t.pid, exitKill|traceSeccomp|syscall.PTRACE_O_TRACECLONE|syscall.PTRACE_O_TRACEEXEC); err != nil {
		return fmt.Errorf("set the tracing options: %w", err)
	}
	return syscall.PtraceCont(t.pid, 0)
}

// obey does what the caller's signals say.
func (t *tracee) obey(heard <-chan os.Signal) {
	for s := range heard {
		switch s {
		case Arm:
			t.armed.Store(true)
		case Stop:
			_ = syscall.Kill(t.pid, syscall.SIGKILL) // it may have ended
		default:
			_ = syscall.Kill(t.pid, syscall.SIGTERM)
		}
	}
}

// follow lets every thread go on from each of its stops, until the program ends.
func (t *tracee) follow() (int, error) {
	for {
		var status syscall.WaitStatus
		thread, err := syscall.Wait4(-1, &status, syscall.WALL, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 126, fmt.Errorf("wait for the program: %w", err)
		case thread == t.pid && status.Exited():
			return status.ExitStatus(), nil
		case thread == t.pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		case status.Stopped():
			t.stopped(thread, status)
		}
	}
}

// stopped handles one stop of a thread; a thread that is gone meanwhile is no error.
func (t *tracee) stopped(thread int, status syscall.WaitStatus) {
	const eventSeccomp = 7
	handed := 0
	switch cause := status.StopSignal(); {
	case thread == t.torn && cause == syscall.SIGTRAP && status.TrapCause() == 0:
		t.kill() // the half has been written
		return
	case cause == syscall.SIGTRAP && status.TrapCause() == eventSeccomp:
		if t.entering(thread) {
			return
		}
	case cause == syscall.SIGTRAP || cause == syscall.SIGSTOP: // an event, or a new thread
	default:
		handed = int(cause)
	}
	_ = syscall.PtraceCont(thread, handed)
}

// entering handles a thread that is about to make one of the calls, and reports
// whether it has decided how the thread goes on.
func (t *tracee) entering(thread int) bool {
	if !t.armed.Load() {
		return false
	}
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(thread, &regs); err != nil {
		return false
	}
	what := change(thread, &regs, t.order.Dir)
	call := calls[regs.Orig_rax]
	if what == "" || !t.counts(what) || t.order.Deed == NoSpace && call.syncs {
		return false
	}
	t.count++
	if t.count != t.order.At {
		fmt.Fprintln(t.report, what)
		return false
	}
	fmt.Fprintln(t.report, doneMark+what)
	switch {
	case t.order.Deed == Tear && call.writes && regs.Rdx > 1:
		regs.Rdx /= 2
		t.torn = thread
		_ = syscall.PtraceSetRegs(thread, &regs)
		_ = syscall.PtraceSyscall(thread, 0) // to its end
		return true
	case t.order.Deed == Kill || t.order.Deed == Tear:
		t.kill()
		return true
	}
	regs.Orig_rax = ^uint64(0) // no call at all
	regs.Rax = uint64(-int64(errnos[t.order.Deed]))
	_ = syscall.PtraceSetRegs(thread, &regs)
	return false
}

func (t *tracee) kill() { _ = syscall.Kill(t.pid, syscall.SIGKILL) }
