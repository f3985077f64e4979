package resp

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
)

// lookout watches for the end of a connection while a node command runs for the client. The
// connection's goroutine waits for that command and does not read, so it would not notice. Reads
// and writes need no lookout, since they end by themselves.
//
// A lookout keeps reading, because the end of the connection comes after everything that was sent
// before it, and the socket may have no room for all of that. The input parses later what the
// lookout reads. The input belongs to the lookout from the lookout's start until stop returns.
//
// A client may close only its sending side and still read, which looks the same. So the lookout
// ignores the first moments of a command, in which most commands end. During longer commands, Redis
// also treats a half-closed connection as closed.
type lookout struct {
	client *client
	timer  *time.Timer
	over   chan struct{} // closed when stop begins
	ended  chan struct{} // closed when watch has ended
}

// runsFor starts a node command. The context ends when the client has gone or the server gives the
// command up. done must be called when the command has ended.
func (c *client) runsFor(row *command.Command) (ctx context.Context, done func()) {
	ctx, cancel := context.WithCancel(c.ctx)
	was := c.state()
	if row.Waits {
		c.setState(blocked)
	}
	c.shown.giveUp.Store(&cancel)
	if row.Waits && c.finishing() { // the server has already looked at the clients' states
		cancel()
	}
	l := &lookout{client: c, over: make(chan struct{}), ended: make(chan struct{})}
	l.timer = time.AfterFunc(lookoutAfter, l.watch)
	return ctx, func() {
		l.stop()
		c.shown.giveUp.Store(nil)
		cancel()
		c.setState(was)
	}
}

// stopWaiting cancels the node command that runs for the client, if there is one. The command then
// answers as if its time were over.
func (c *client) stopWaiting() {
	if giveUp := c.shown.giveUp.Load(); giveUp != nil {
		(*giveUp)()
	}
}

// watch kills the client if its connection ends before stop. It also kills a blocked client that
// has sent more than is read ahead, behind which no end can be seen, unless the command ends within
// stallMax.
func (l *lookout) watch() {
	defer close(l.ended)
	c := l.client
	for {
		switch err := c.input.readAhead(); {
		case err == nil:
		case errors.Is(err, errAheadFull):
			if c.state() == blocked && !l.overWithin(time.Duration(c.server.settings.stallMax.Load())) {
				l.kill("it sends more and more while it waits")
			}
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.conn.SetReadDeadline(time.Time{}) // a sweep may have set it while the client was idle
			if l.isOver() || c.finishing() {    // checked last: whoever sets these sets the deadline afterwards
				return
			}
		case errors.Is(err, net.ErrClosed): // whoever closed it has logged why
			return
		default:
			l.kill("it hung up")
			return
		}
	}
}

func (l *lookout) kill(why string) {
	l.client.server.logger.Info("client disconnected", "addr", l.client.addr, "reason", why)
	l.client.kill()
}

// overWithin reports whether stop begins within a time.
func (l *lookout) overWithin(patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-l.over:
		return true
	case <-timer.C:
		return l.isOver()
	}
}

func (l *lookout) isOver() bool {
	select {
	case <-l.over:
		return true
	default:
		return false
	}
}

// stop ends watch and returns when watch has ended.
func (l *lookout) stop() {
	close(l.over)
	if l.timer.Stop() {
		return
	}
	l.client.conn.SetReadDeadline(past)
	<-l.ended
	l.client.conn.SetReadDeadline(time.Time{})
	if l.client.finishing() { // Close may have set a deadline, which was just removed
		l.client.conn.SetReadDeadline(past)
	}
}

// past is a deadline in the past. It wakes a pending read.
var past = time.Unix(1, 0)
