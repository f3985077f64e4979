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

// result is what becomes of a request.
type result struct {
	answer Answer
	err    error
}

// waiter is a request without an answer yet. Exactly one of done and answered is used.
type waiter struct {
	done     func(Answer, error)
	answered chan result // capacity 1
}

// link is our connection of one class to one server, dialled when a first
// request waits and again after it has broken.
//
// Its invariants, under box.mu:
//  1. every id in waiting is answered exactly once: by its frame, by the
//     failure of its connection or dial, or by its caller's giving up;
//  2. the output holds only frames of requests that were in waiting when they
//     were added;
//  3. whatever waits was added after the last failure, so a new connection
//     starts with exactly what it has to send.
type link struct {
	endpoint *Endpoint
	server   string
	class    Class

	box     outbox
	waiting map[uint64]*waiter
	spare   []*waiter // for reuse
	lastID  uint64
	heard   uint64      // frames received, to notice silence
	probe   *time.Timer // armed while something waits on a connection
	pulse   *time.Timer // runs while there is a connection
	end     func(error) // ends the present connection; nil without one
	since   time.Time   // of the present connection
	direct  net.Conn    // the present connection, if a small write to it cannot block
	unheard int         // requests sent on it and not answered, given up or not
	mute    time.Time   // since when what is asked gets no answer; zero: the server answers
	closed  bool

	failure   string    // last logged; the run goroutine's own
	failures  int       // dials failed in a row; the run goroutine's own
	notBefore time.Time // of the next dial; box.mu guards it
}

func newLink(e *Endpoint, server string, class Class) *link {
	return &link{endpoint: e, server: server, class: class, box: newOutbox(), waiting: map[uint64]*waiter{}}
}

// begin registers a request, appends its frame and sees that it is written.
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
	if l.direct == conn { // else it has ended meanwhile, and the box is another connection's
		l.box.written(buf)
		l.box.rouse()
	}
	l.box.mu.Unlock()
}

// writesItself reports whether whoever sends a request also writes it: that
// saves two switches of goroutines, which is most of what a lone question
// costs. It must not block, so the connection has to have a buffer (TCP), and
// so little may be on its way that it fits there even if the other side reads
// nothing. When more is on its way, frames coalesce behind drain. The caller
// holds box.mu.
func (l *link) writesItself(req Request) bool {
	return l.direct != nil && l.class == Small && !l.box.writing &&
		l.unheard <= directRequestsMax && len(l.box.buf) <= directBytesMax && len(req.Payload) <= directBytesMax
}

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

// send passes a request on and returns at once; done is called once, must not
// block, and may be called before send returns. Between a failed dial and the next, a
// request is not kept until that one: whoever sends knows that it was not sent, and can
// tell a client so.
func (l *link) send(req Request, done func(Answer, error)) {
	if l.rests() {
		done(Answer{}, notSent(errRests))
		return
	}
	if _, _, err := l.begin(req, done); err != nil {
		done(Answer{}, notSent(err))
	}
}

// rests reports whether the next dial is not due yet, after one that has failed.
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
		r = <-w.answered // it was being delivered
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

// run dials when something waits, serves the connection until it breaks, and
// so on until the link is retired or the endpoint closes.
func (l *link) run() {
	defer l.close()
	for l.awaitWork() {
		l.asks()
		conn, err := l.dial()
		if err != nil {
			l.backOff(err) // first: what is sent from here on is not kept
			l.fail(notSent(err))
			continue
		}
		l.failures = 0
		l.fail(unknown(l.serve(conn)))
	}
}

// retire ends a link on which nothing waits, and reports whether it has.
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

// awaitWork returns true when something waits to be sent and a dial is due,
// false when the link or the endpoint closes.
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

func (l *link) dial() (*tracked, error) {
	ctx, cancel := context.WithTimeout(l.endpoint.ctx, dialTimeout)
	defer cancel()
	addr, ok := l.endpoint.cfg.Book.Address(l.server)
	if !ok {
		return nil, fmt.Errorf("no address is known of server %q", l.server)
	}
	return l.endpoint.open(ctx, addr, Requests, l.server)
}

// asks notes that something is asked without a connection: a dial may be long in vain.
func (l *link) asks() {
	l.box.mu.Lock()
	defer l.box.mu.Unlock()
	if l.mute.IsZero() {
		l.mute = time.Now()
	}
}

// backOff sets when to dial next, and logs a failure that is news.
func (l *link) backOff(err error) {
	pause := min(backoffMin<<min(l.failures, 16), backoffMax)
	l.failures++
	pause += rand.N(pause/4 + 1) // so that servers do not dial in step
	l.box.mu.Lock()
	l.notBefore = time.Now().Add(pause)
	l.box.mu.Unlock()
	if text := err.Error(); text != l.failure && l.endpoint.ctx.Err() == nil {
		l.failure = text
		l.endpoint.cfg.Logger.Warn("cannot reach a peer", slog.String("server", l.server), slog.Any("error", err))
	}
}

// serve writes what is sent and delivers what is answered until the connection
// breaks, and returns why it did.
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
		if f.id != 0 { // 0: a probe's
			l.unheard--
		}
		w := l.waiting[f.id]
		delete(l.waiting, f.id)
		l.box.mu.Unlock()
		if w != nil { // nil: a probe's answer, or its caller has given up
			w.finish(result{answer: Answer{Status: f.status, Payload: f.payload}})
		}
	}
}

// fail ends everything that waits, with one reason.
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
