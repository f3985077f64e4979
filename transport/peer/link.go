package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

var (
	errOverloaded = errors.New("too much waits to be written to this server")
	errRetired    = errors.New("nothing is asked of this server any more")
)

// result is the outcome of a request.
type result struct {
	answer Answer
	err    error
}

// waiter is a request that has no answer yet. It uses exactly one of done and answered.
type waiter struct {
	done     func(Answer, error)
	answered chan result // capacity 1
}

// link is this server's connection of one class to one server. It is dialled when the first request
// waits, and again after it has broken.
//
// Its invariants, under box.mu:
//  1. Every id in waiting is answered exactly once: by its frame, by the failure of its
//     connection or dial, or because its caller gives up.
//  2. The output holds only frames of requests that were in waiting when they were added.
//  3. Everything in waiting was added after the last failure, so a new connection starts
//     with exactly what it has to send.
type link struct {
	endpoint *Endpoint
	server   string
	class    Class

	box     outbox
	waiting map[uint64]*waiter
	spare   []*waiter // for reuse
	lastID  uint64
	heard   uint64      // number of frames received, to notice silence
	probe   *time.Timer // runs while something waits on a connection
	pulse   *time.Timer // runs while there is a connection
	end     func(error) // ends the current connection; nil if there is none
	since   time.Time   // start of the current connection
	direct  net.Conn    // the current connection, if a small write to it cannot block
	unheard int         // requests sent on it that are not answered, whether given up or not
	mute    time.Time   // since when requests get no answer; zero: the server answers
	closed  bool

	failure   string    // the last failure logged; used only by the run goroutine
	failures  int       // number of failed dials in a row; used only by the run goroutine
	notBefore time.Time // when the next dial is due; guarded by box.mu
}

func newLink(e *Endpoint, server string, class Class) *link {
	return &link{endpoint: e, server: server, class: class, box: newOutbox(), waiting: map[uint64]*waiter{}}
}

// begin registers a request and appends its frame. It writes the frame or wakes drain to do so.
func (l *link) begin(req Request, done func(Answer, error)) (uint64, *waiter, error) {
	l.box.mu.Lock()
	if l.closed {
		l.box.mu.Unlock()
		return 0, nil, ErrClosed
	}
	if l.box.full(len(req.Payload)) {
		l.box.mu.Unlock()
		return 0, nil, errOverloaded
	}
	w := l.waiter(done)
	l.lastID++
	l.waiting[l.lastID] = w
	l.box.add(frame{kind: uint8(req.Kind), hops: req.Hops, id: l.lastID, payload: req.Payload})
	id := l.lastID
	l.unheard++
	if l.end != nil {
		l.armProbe()
	}
	if !l.writesItself(req) {
		l.box.rouse()
		l.box.mu.Unlock()
		return id, w, nil
	}
	conn, end, buf := l.direct, l.end, l.box.swap()
	l.box.mu.Unlock()
	l.writeDirectly(conn, end, buf)
	return id, w, nil
}

// writeDirectly writes what a sender took out of the box.
func (l *link) writeDirectly(conn net.Conn, end func(error), buf []byte) {
	if _, err := conn.Write(buf); err != nil {
		end(err)
		return
	}
	l.box.mu.Lock()
	if l.direct == conn { // else the connection has ended, and the box belongs to another one
		l.box.written(buf)
		l.box.rouse()
	}
	l.box.mu.Unlock()
}

// writesItself reports whether the sender of a request also writes it. That saves two switches of
// goroutines, which are most of the cost of a lone request. The write must not block. So the
// connection must have a buffer (TCP), and so little may be in flight that it fits into the buffer
// even if the other side reads nothing. When more is in flight, frames coalesce behind drain. The
// caller holds box.mu.
func (l *link) writesItself(req Request) bool {
	return l.direct != nil && l.class == Small && !l.box.writing &&
		l.unheard <= directRequestsMax && len(l.box.buf) <= directBytesMax && len(req.Payload) <= directBytesMax
}

// waiter returns a waiter for a request, reused if possible. The caller holds box.mu.
func (l *link) waiter(done func(Answer, error)) *waiter {
	if done != nil {
		return &waiter{done: done}
	}
	if n := len(l.spare); n > 0 {
		w := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return w
	}
	return &waiter{answered: make(chan result, 1)}
}

// send sends a request and returns at once. It calls done once, possibly before it returns; done
// must not block. Between a failed dial and the next, it does not keep requests but fails them at
// once, so the sender knows that the request was not sent and can tell a client so.
func (l *link) send(req Request, done func(Answer, error)) {
	if l.rests() {
		done(Answer{}, notSent(errRests))
		return
	}
	if _, _, err := l.begin(req, done); err != nil {
		done(Answer{}, notSent(err))
	}
}

// rests reports whether a dial has failed and the next is not due yet.
func (l *link) rests() bool {
	l.box.mu.Lock()
	defer l.box.mu.Unlock()
	return !l.notBefore.IsZero() && time.Now().Before(l.notBefore)
}

// call sends a request and waits for its answer.
func (l *link) call(ctx context.Context, req Request) (Answer, error) {
	id, w, err := l.begin(req, nil)
	if err != nil {
		return Answer{}, notSent(err)
	}
	var r result
	select {
	case r = <-w.answered:
	case <-ctx.Done():
		if l.abandon(id) {
			return Answer{}, unknown(context.Cause(ctx))
		}
		r = <-w.answered // the answer was being delivered
	}
	l.box.mu.Lock()
	l.spare = append(l.spare, w)
	l.box.mu.Unlock()
	return r.answer, r.err
}

// abandon forgets a request and reports whether it was still waiting.
func (l *link) abandon(id uint64) bool {
	l.box.mu.Lock()
	defer l.box.mu.Unlock()
	_, ok := l.waiting[id]
	delete(l.waiting, id)
	return ok
}

func (w *waiter) finish(r result) {
	if w.done != nil {
		w.done(r.answer, r.err)
		return
	}
	w.answered <- r
}

// run dials when something waits and serves the connection until it breaks. It repeats that until
// the link is retired or the endpoint closes.
func (l *link) run() {
	defer l.close()
	for l.awaitWork() {
		l.asks()
		conn, err := l.dial()
		if err != nil {
			l.backOff(err) // before fail: requests that are sent from now on are not kept
			l.fail(notSent(err))
			continue
		}
		l.failures = 0
		l.fail(unknown(l.serve(conn)))
	}
}

// retire ends the link if nothing waits on it, and reports whether it did.
func (l *link) retire() bool {
	l.box.mu.Lock()
	if len(l.waiting) > 0 || l.closed {
		l.box.mu.Unlock()
		return false
	}
	l.closed = true
	end := l.end
	signal(l.box.wake)
	l.box.mu.Unlock()
	if end != nil {
		end(errRetired)
	}
	return true
}

// awaitWork returns true when something waits to be sent and a dial is due. It returns false when
// the link or the endpoint closes.
func (l *link) awaitWork() bool {
	for {
		l.box.mu.Lock()
		work, closed := len(l.box.buf) > 0, l.closed
		l.box.mu.Unlock()
		if closed {
			return false
		}
		if work {
			return l.awaitTurn()
		}
		select {
		case <-l.box.wake:
		case <-l.endpoint.ctx.Done():
			return false
		}
	}
}

// awaitTurn waits until the next dial is due. It returns false if the endpoint closes first.
func (l *link) awaitTurn() bool {
	l.box.mu.Lock()
	pause := time.Until(l.notBefore)
	l.box.mu.Unlock()
	if pause <= 0 {
		return l.endpoint.ctx.Err() == nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.endpoint.ctx.Done():
		return false
	}
}

// dial opens a connection to the server at its present address.
func (l *link) dial() (*tracked, error) {
	ctx, cancel := context.WithTimeout(l.endpoint.ctx, dialTimeout)
	defer cancel()
	addr, ok := l.endpoint.cfg.Book.Address(l.server)
	if !ok {
		return nil, fmt.Errorf("no address is known of server %q", l.server)
	}
	return l.endpoint.open(ctx, addr, Requests, l.server)
}

// asks records that a request waits without a connection, since dialling may fail for long.
func (l *link) asks() {
	l.box.mu.Lock()
	defer l.box.mu.Unlock()
	if l.mute.IsZero() {
		l.mute = time.Now()
	}
}

// backOff sets when to dial next, and logs the failure if it differs from the last.
func (l *link) backOff(err error) {
	pause := min(backoffMin<<min(l.failures, 16), backoffMax)
	l.failures++
	pause += rand.N(pause/4 + 1) // keeps servers from dialling in step
	l.box.mu.Lock()
	l.notBefore = time.Now().Add(pause)
	l.box.mu.Unlock()
	if text := err.Error(); text != l.failure && l.endpoint.ctx.Err() == nil {
		l.failure = text
		l.endpoint.cfg.Logger.Warn("cannot reach a peer", slog.String("server", l.server), slog.Any("error", err))
	}
}

// serve writes requests and delivers answers until the connection breaks, and returns why it did.
func (l *link) serve(conn *tracked) error {
	var cause error // the first reason
	ended := make(chan struct{})
	var once sync.Once
	end := func(err error) {
		once.Do(func() {
			cause = err
			close(ended)
			conn.Close()
		})
	}
	l.box.mu.Lock()
	l.end, l.since, l.notBefore, l.mute = end, time.Now(), time.Time{}, time.Time{}
	if _, buffered := conn.Conn.(*net.TCPConn); buffered {
		l.direct = conn
	}
	l.armProbe()
	l.startPulse()
	l.box.rouse()
	l.box.mu.Unlock()
	if l.failure != "" {
		l.failure = ""
		l.endpoint.cfg.Logger.Info("reached a peer again", slog.String("server", l.server))
	}
	var reader sync.WaitGroup
	reader.Go(func() { end(l.read(conn)) })
	if err := l.box.drain(conn, ended); err != nil {
		end(err)
	}
	reader.Wait()
	if l.endpoint.ctx.Err() != nil {
		return ErrClosed
	}
	return cause
}

// read reads answers from the connection and delivers each to its waiter.
func (l *link) read(conn net.Conn) error {
	r := bufio.NewReaderSize(conn, inputBytes)
	for {
		f, err := readFrame(r)
		if err != nil {
			return err
		}
		if f.kind&answerBit == 0 {
			return fmt.Errorf("%w: a request where answers are read", ErrCorrupt)
		}
		l.box.mu.Lock()
		l.heard++
		l.mute = time.Time{}
		if f.id != 0 { // 0: the answer to a probe
			l.unheard--
		}
		w := l.waiting[f.id]
		delete(l.waiting, f.id)
		l.box.mu.Unlock()
		if w != nil { // nil: the answer to a probe, or the caller has given up
			w.finish(result{answer: Answer{Status: f.status, Payload: f.payload}})
		}
	}
}

// fail ends the connection's state and fails every waiting request with one error.
func (l *link) fail(err error) {
	l.box.mu.Lock()
	l.end, l.direct, l.unheard = nil, nil, 0
	if l.pulse != nil {
		l.pulse.Stop()
		l.pulse = nil
	}
	if l.probe != nil {
		l.probe.Stop()
		l.probe = nil
	}
	failed := l.waiting
	l.waiting = map[uint64]*waiter{}
	l.box.reset()
	l.box.mu.Unlock()
	for _, w := range failed {
		w.finish(result{err: err})
	}
}

func (l *link) close() {
	l.box.mu.Lock()
	l.closed = true
	l.box.mu.Unlock()
	l.fail(unknown(ErrClosed))
}
