package resp

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kvorum/kvorum/fsm/command"
)

// lookout watches for the end of a connection while a command of the node's runs for
// its client. The connection's goroutine waits for that command and does not read, so
// it would not notice. Reads and writes need no lookout: they end by themselves.
//
// A client may close its sending side alone and still read, which looks the same.
// So the first moments of a command do not count, as most are over by then. In those
// that wait for longer, Redis, too, treats a half-closed connection as closed.
type lookout struct {
	client *client
	timer  *time.Timer
	over   atomic.Bool
	ended  chan struct{}
}

// runsFor begins a command of the node's. The context ends when the client has gone or
// the server wants no more of it; done ends what was begun.
func (c *client) runsFor(row *command.Command) (ctx context.Context, done func()) {
	ctx, cancel := context.WithCancel(c.ctx)
	was := c.state()
	if row.Waits {
		c.setState(blocked)
	}
	c.shown.giveUp.Store(&cancel)
	if row.Waits && c.finishing() { // the server has looked already
		cancel()
	}
	l := &lookout{client: c, ended: make(chan struct{})}
	l.timer = time.AfterFunc(lookoutAfter, l.watch)
	return ctx, func() {
		l.stop()
		c.shown.giveUp.Store(nil)
		cancel()
		c.setState(was)
	}
}

// stopWaiting gives up the command of the node's that runs for the client, if one does;
// it is answered as when its time is over.
func (c *client) stopWaiting() {
	if giveUp := c.shown.giveUp.Load(); giveUp != nil {
		(*giveUp)()
	}
}

// watch kills the client if its connection ends before stop.
func (l *lookout) watch() {
	defer close(l.ended)
	socket, ok := l.client.conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return
	}
	for {
		err := raw.Read(hungUp)
		if err == nil {
			l.client.server.logger.Info("client disconnected", "addr", l.client.addr, "reason", "it hung up")
			l.client.kill()
			return
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		l.client.conn.SetReadDeadline(time.Time{}) // a sweep may have set it for a client that was idle
		if l.over.Load() || l.client.finishing() { // looked at last: whoever sets these sets the deadline afterwards
			return
		}
	}
}

// stop ends watch, and returns when it has.
func (l *lookout) stop() {
	l.over.Store(true)
	if l.timer.Stop() {
		return
	}
	l.client.conn.SetReadDeadline(past)
	<-l.ended
	l.client.conn.SetReadDeadline(time.Time{})
	if l.client.finishing() { // it may have set a deadline that was just taken back
		l.client.conn.SetReadDeadline(past)
	}
}

// past is a deadline that has passed: it wakes whoever reads.
var past = time.Unix(1, 0)

// hungUp reports whether the other side of a socket has ended its bytes, also behind
// some that wait to be read, and takes none. The system wakes its caller when that changes.
func hungUp(fd uintptr) bool {
	ask := []unix.PollFd{{Fd: int32(fd), Events: hangUpAsked}}
	n, err := unix.Poll(ask, 0)
	return err == nil && n > 0 && ask[0].Revents&hangUpSeen != 0
}
