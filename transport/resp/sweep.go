package resp

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sweepUntilStopped looks through the connections once a second: what a
// connection's own goroutine cannot see while it waits for a command, for the
// machine or for its client to read.
func (s *Server) sweepUntilStopped() {
	defer s.sweeper.Done()
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.emptied:
			return
		case <-ticker.C:
			s.stats.rates.renew(s.now(), &s.stats)
			s.sweepClients()
		}
	}
}

func (s *Server) sweepClients() {
	now := s.now()
	for _, c := range s.everyone() {
		if c.ctx.Err() != nil {
			continue // on its way out, and counted
		}
		if why := c.misbehaves(now); why != "" {
			s.logger.Info("client disconnected", "addr", c.addr, "reason", why)
			c.kill()
		}
	}
}

// misbehaves says why a client is to be disconnected, "" if it is not.
func (c *client) misbehaves(now int64) string {
	settings := &c.server.settings
	blocked, busy := c.shown.blockedAt.Load(), c.shown.busySince.Load()
	if blocked != 0 && now-blocked > settings.stallMax.Load() {
		c.server.stats.outputLimited.Add(1)
		return "it takes none of its replies"
	}
	limit, from := settings.output.Load(), c.shown.pendingFrom.Load()
	if limit.Soft > 0 && from != 0 && c.shown.pending.Load() > limit.Soft && now-from > int64(limit.SoftTime) {
		c.server.stats.outputLimited.Add(1)
		return "output limit reached"
	}
	if busy != 0 {
		if c.shown.mayHangUp.Load() && now-busy > int64(hangUpAfter) && hungUp(c.guard.Conn) {
			return "it hung up"
		}
		return ""
	}
	idle := settings.idleTimeout.Load()
	if idle > 0 && blocked == 0 && now-c.shown.activeAt.Load() > idle {
		return "it is idle"
	}
	return ""
}

// hungUp reports whether the other side of a socket has closed it, without
// taking anything from it. Bytes that wait to be read hide the answer. A client
// may close its sending side alone and still read, which looks the same: so it
// is asked only for commands that may wait for long (WAIT), as in Redis, and
// never for reads and writes, which end by themselves.
func hungUp(conn net.Conn) bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		again := errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR)
		gone = n <= 0 && !again
	})
	return gone || err != nil
}
