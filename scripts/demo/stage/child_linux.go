package stage

import "syscall"

// childAttributes keep Ctrl-C in the terminal from the children (the demo still
// wants to ask them what they have), and kill them when the demo has ended.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
