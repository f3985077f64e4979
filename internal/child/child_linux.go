package child

import "syscall"

// Attributes returns the attributes of a child that must not outlive its parent. Ctrl-C in
// the terminal does not reach the child, because its parent may still need it. The kernel
// kills the child once the parent has ended; it considers the parent dead once the thread
// that started the child has ended.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
