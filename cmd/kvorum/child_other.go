//go:build !linux

package main

import "syscall"

// childAttributes makes a child a process group of its own, so that Ctrl-C
// reaches local alone. That local has died it learns from its pipe.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
