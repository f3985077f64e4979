package main

import "syscall"

// childAttributes makes a child a process group of its own, so that Ctrl-C
// reaches local alone, and has the kernel kill it should local die without a word.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
