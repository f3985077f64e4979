package peer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// serving is one accepted connection of requests. One goroutine reads requests and calls the
// handler, another writes the answers.
type serving struct {
	conn    *tracked
	from    Caller
	since   time.Time
	renewed time.Time // when its deadline was set; used only by the reader
	box     outbox
}

// serve runs until the connection ends, and leaves no goroutine behind.
func (e *Endpoint) serve(conn *tracked, from Caller) error {
	s := &serving{conn: conn, from: from, since: time.Now(), box: newOutbox()}
	e.noteServed(s, true)
	defer e.noteServed(s, false)
	ended := make(chan struct{})
	end := sync.OnceFunc(func() {
		close(ended)
		conn.Close()
	})
	var writer sync.WaitGroup
	writer.Go(func() {
		_ = s.box.drain(conn, ended) // its error shows at the reader
		end()
	})
	err := s.read(e.cfg.Handler, ended)
	end()
	writer.Wait()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// read reads requests and serves them until the connection ends.
func (s *serving) read(h Handler, ended <-chan struct{}) error {
	r := bufio.NewReaderSize(s.conn, inputBytes)
	for {
		f, err := readFrame(r)
		if err != nil {
			return err
		}
		if err := s.heard(); err != nil {
			return err
		}
		if !s.box.awaitRoom(ended) {
			return net.ErrClosed
		}
		if err := s.burst(f, r, h); err != nil {
			return err
		}
	}
}

// heard records that a request has arrived. It sets the deadline at which the connection ends
// unless another request arrives or its answers are taken.
func (s *serving) heard() error {
	first := !s.conn.served.Load()
	holder := s.from.Server
	if s.from.Lane == Hello {
		holder = "" // anybody may use any name in this lane
	}
	s.conn.heard(holder)
	now := time.Now()
	switch {
	case s.from.Lane == Hello && first:
		return s.conn.SetDeadline(now.Add(helloTimeout))
	case s.from.Lane == Hello || now.Before(s.renewed.Add(idleMax/16)):
		return nil
	}
	s.renewed = now
	return s.conn.SetDeadline(now.Add(idleMax))
}

// burst serves a request and those that have already arrived behind it. Answers that are given at
// once are written together.
func (s *serving) burst(f frame, r *bufio.Reader, h Handler) (err error) {
	if s.box.hold() {
		defer func() { err = errors.Join(err, s.box.release(s.conn)) }()
	}
	for n := 1; ; n++ {
		if err := s.dispatch(f, h); err != nil {
			return err
		}
		if n == burstMax || !frameWaits(r) {
			return nil
		}
		if f, err = readFrame(r); err != nil {
			return err
		}
	}
}

// dispatch answers a probe, or hands a request to the handler.
func (s *serving) dispatch(f frame, h Handler) error {
	if f.kind == probeKind {
		s.box.put(frame{kind: probeKind | answerBit, id: f.id})
		return nil
	}
	if f.kind&answerBit != 0 {
		return fmt.Errorf("%w: an answer where requests are served", ErrCorrupt)
	}
	h.Serve(s.from, Request{Kind: Kind(f.kind), Hops: f.hops, Payload: f.payload},
		Responder{box: &s.box, id: f.id, kind: f.kind})
	return nil
}
