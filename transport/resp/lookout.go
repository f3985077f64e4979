package resp

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
)

// lookout watches for the end of a connection while a command of the node's runs for
// its client. The connection's goroutine waits for that command and does not read, so
// it would not notice. Reads and writes need no lookout: they end by themselves.
//
// It reads on, since an end stands behind all that was sent before, and the socket may
// have no room for that: what it reads is the input's next. The input is the lookout's
// from its first moment until stop returns.
//
// A client may close its sending side alone and still read, which looks the same.
// So the first moments of a command do not count, as most are over by then. In those
// that wait for longer, Redis, too, treats a half-closed connection as closed.
type lookout struct {
	client *client
	timer  *time.Timer
	over   chan struct{} // closed when stop begins
	ended  chan struct{} // closed when watch has ended
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
	l := &lookout{client: c, over: make(chan struct{}), ended: make(chan struct{})}
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

// watch kills the client if its connection ends before stop. So it does if more was sent than
// is read ahead, behind which no end can be seen, and the client waits for what need not come.
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
			c.conn.SetReadDeadline(time.Time{}) // a sweep may have set it for a client that was idle
			if l.isOver() || c.finishing() {    // looked at last: whoever sets these sets the deadline afterwards
				return
			}
		case errors.Is(err, net.ErrClosed): // who closed it has said why
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

// overWithin reports whether stop begins before a time has passed.
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

// stop ends watch, and returns when it has.
func (l *lookout) stop() {
	close(l.over)
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
