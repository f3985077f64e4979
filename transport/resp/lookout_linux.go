package resp

import "golang.org/x/sys/unix"

// hangUpAsked asks for the end of the other side's bytes, and hangUpSeen tells it.
const (
	hangUpAsked = unix.POLLRDHUP
	hangUpSeen  = unix.POLLRDHUP | unix.POLLHUP | unix.POLLERR
)
