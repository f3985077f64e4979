//go:build !linux

package child

import "syscall"

// Attributes keep Ctrl-C in the terminal from a child, which its parent still has
// something to ask.
func Attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
