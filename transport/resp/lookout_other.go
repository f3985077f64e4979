//go:build !linux

package resp

import "golang.org/x/sys/unix"

// hangUpAsked asks for bytes: the system then tells their end, hangUpSeen, too.
const (
	hangUpAsked = unix.POLLIN
	hangUpSeen  = unix.POLLHUP | unix.POLLERR
)
