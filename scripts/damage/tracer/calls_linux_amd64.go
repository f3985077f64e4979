package tracer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// call is a system call that can change a directory.
type call struct {
	name   string
	path   int  // which argument is a path, noPath for a file descriptor in the first
	to     int  // which argument is another, 0 for none
	writes bool // its third argument is a number of bytes
	syncs  bool
}

const noPath = -1

// renameat2 has no name in package syscall.
const sysRenameat2 = 316

var calls = map[uint64]call{
	syscall.SYS_WRITE:     {name: "write", path: noPath, writes: true},
	syscall.SYS_PWRITE64:  {name: "pwrite", path: noPath, writes: true},
	syscall.SYS_FSYNC:     {name: "fsync", path: noPath, syncs: true},
	syscall.SYS_FDATASYNC: {name: "fdatasync", path: noPath, syncs: true},
	syscall.SYS_FTRUNCATE: {name: "ftruncate", path: noPath},
	syscall.SYS_FALLOCATE: {name: "fallocate", path: noPath},
	syscall.SYS_RENAME:    {name: "rename", path: 0, to: 1},
	syscall.SYS_MKDIR:     {name: "mkdir", path: 0},
	syscall.SYS_UNLINK:    {name: "unlink", path: 0},
	syscall.SYS_OPENAT:    {name: "create", path: 1},
	syscall.SYS_MKDIRAT:   {name: "mkdir", path: 1},
	syscall.SYS_UNLINKAT:  {name: "unlink", path: 1},
	syscall.SYS_RENAMEAT:  {name: "rename", path: 1, to: 3},
	sysRenameat2:          {name: "rename", path: 1, to: 3},
}

// change describes the call that a thread is about to make, "" if it changes
// nothing below dir.
func change(thread int, regs *syscall.PtraceRegs, dir string) string {
	c, known := calls[regs.Orig_rax]
	if !known || regs.Orig_rax == syscall.SYS_OPENAT && regs.Rdx&syscall.O_CREAT == 0 {
		return ""
	}
	path := ""
	if c.path == noPath {
		path, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", thread, regs.Rdi)) // "" for none
	} else {
		path = peek(thread, argument(regs, c.path))
	}
	below, err := filepath.Rel(dir, path)
	if err != nil || below == ".." || strings.HasPrefix(below, "../") || !filepath.IsAbs(path) {
		return ""
	}
	if c.to > 0 {
		to, err := filepath.Rel(dir, peek(thread, argument(regs, c.to)))
		if err == nil {
			below += " " + to
		}
	}
	return c.name + " " + below
}

func argument(regs *syscall.PtraceRegs, number int) uint64 {
	return []uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10}[number]
}

// peek reads a path from a stopped thread's memory.
func peek(thread int, at uint64) string {
	var path []byte
	for len(path) < syscall.PathMax {
		var word [8]byte
		if n, err := syscall.PtracePeekData(thread, uintptr(at)+uintptr(len(path)), word[:]); err != nil || n == 0 {
			return ""
		}
		if text, _, end := strings.Cut(string(word[:]), "\x00"); end {
			return string(append(path, text...))
		}
		path = append(path, word[:]...)
	}
	return ""
}

var errnos = map[Deed]syscall.Errno{EIO: syscall.EIO, NoSpace: syscall.ENOSPC}
