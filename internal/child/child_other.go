//go:build !linux

package child

import "syscall"

// Attributes returns the attributes of a child. Ctrl-C in the terminal does not reach the
// child, because its parent may still need it.
func Attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
