package tracer

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"
)

// replace installs the filter and becomes the program; it returns only an error.
func replace(args []string) error {
	runtime.LockOSThread() // the filter is this thread's until the program replaces all
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	if err := filter(); err != nil {
		return err
	}
	return syscall.Exec(path, args, os.Environ())
}

// filter has the kernel stop this thread for its tracer at the calls that are
// counted, and at no other (seccomp(2), SECCOMP_SET_MODE_FILTER).
func filter() error {
	const (
		setNoNewPrivs, setSeccomp, modeFilter = 38, 22, 2
		retTrace, retAllow                    = 0x7ff00000, 0x7fff0000
	)
	program := []syscall.SockFilter{{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS}} // the call's number
	for number := range calls {
		program = append(program,
			syscall.SockFilter{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, Jf: 1, K: uint32(number)},
			syscall.SockFilter{Code: syscall.BPF_RET | syscall.BPF_K, K: retTrace})
	}
	program = append(program, syscall.SockFilter{Code: syscall.BPF_RET | syscall.BPF_K, K: retAllow})
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, setNoNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("give up new privileges: %w", errno)
	}
	all := syscall.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setSeccomp, modeFilter, uintptr(unsafe.Pointer(&all))); errno != 0 {
		return fmt.Errorf("install the filter: %w", errno)
	}
	return nil
}
