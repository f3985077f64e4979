package child

import "syscall"

// Attributes keep Ctrl-C in the terminal from a child, which its parent still has
// something to ask, and kill it when the parent has ended. The kernel takes the parent
// for dead when the thread that has started the child ends.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
