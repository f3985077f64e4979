package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/kvorum/kvorum/transport/peer"
)

// These methods send the member's questions to other servers. A method with a done parameter
// returns at once and calls done exactly once, from any goroutine, possibly before it returns. done
// must not block.

// Forward sends an encoded batch to the leader. Batches to one server arrive in the order of the
// calls. done gets nil if the batch was committed; ErrNotLeader, ErrBusy, ErrStarting or
// peer.ErrNotSent if it was not proposed; a *Refused if it never will be. After any other error the
// outcome is unknown.
func (s *Service) Forward(server string, batch []byte, done func(error)) {
	req := peer.Request{Kind: kindForward, Class: peer.Bulk, Hops: 1, Payload: batch}
	s.endpoint.Send(server, req, func(a peer.Answer, err error) {
		if err == nil {
			err = errorOf(a)
		}
		done(err)
	})
}

// ReadIndex asks the leader for an index that confirms this server's reads. term is this server's
// term, read after those reads arrived.
func (s *Service) ReadIndex(server string, term uint64, done func(ReadAnswer, error)) {
	req := peer.Request{Kind: kindReadIndex, Payload: appendNumbers(make([]byte, 0, 8), term)}
	s.endpoint.Send(server, req, func(a peer.Answer, err error) {
		if err == nil {
			err = errorOf(a)
		}
		var r ReadAnswer
		var stamp uint64
		if err == nil {
			_, err = cutNumbers(a.Payload, &r.Index, &r.Term, &stamp)
			r.StampMS = int64(stamp)
		}
		if err != nil {
			done(ReadAnswer{}, fmt.Errorf("ask for a read index: %w", err))
			return
		}
		done(r, nil)
	})
}

// Term asks a server for its current term.
func (s *Service) Term(server string, done func(uint64, error)) {
	s.endpoint.Send(server, peer.Request{Kind: kindTerm}, func(a peer.Answer, err error) {
		if err == nil {
			err = errorOf(a)
		}
		var term uint64
		if err == nil {
			_, err = cutNumbers(a.Payload, &term)
		}
		if err != nil {
			done(0, fmt.Errorf("ask for a term: %w", err))
			return
		}
		done(term, nil)
	})
}

// Gone reports whether a server's process has ended (see peer.Endpoint.Gone).
func (s *Service) Gone(ctx context.Context, server string) bool {
	return s.endpoint.Gone(ctx, server)
}

// Unanswered returns the time since which a server has answered nothing (see
// peer.Endpoint.Unanswered).
func (s *Service) Unanswered(server string) time.Time { return s.endpoint.Unanswered(server) }

// NeverLeads asks a server whether it is configured never to lead.
func (s *Service) NeverLeads(ctx context.Context, server string) (bool, error) {
	h, err := s.Inspect(ctx, server)
	return h.State.NeverLeads, err
}

// ask sends a request to a server of this cluster and turns an answer that refuses into an error.
func (s *Service) ask(ctx context.Context, server string, req peer.Request) (peer.Answer, error) {
	a, err := s.endpoint.Call(ctx, server, req)
	if err != nil {
		return a, err
	}
	return a, errorOf(a)
}

// handler is the side of a Service that serves other servers' requests.
type handler struct{ *Service }

// Admit implements peer.Handler. It does not check whether the caller is in the configuration,
// since this server's configuration may be older than the caller's.
func (h handler) Admit(peer.Greeting) error {
	<-h.opened
	return nil
}

// Serve implements peer.Handler. It checks whether a request may be served now, and dispatches it
// by its kind.
func (h handler) Serve(from peer.Caller, req peer.Request, to peer.Responder) {
	switch req.Kind {
	case kindHello, kindPromise, kindAdmit, kindInvite:
		h.work(from, req, to)
		return
	case kindVersions:
		h.serveVersions(to)
		return
	case kindDoubt:
		select {
		case h.doubted <- struct{}{}:
		default:
		}
		to.Answer(peer.Answer{})
		return
	}
	a := h.attached.Load()
	switch {
	case from.Lane != peer.Requests:
		to.Answer(peer.Answer{Status: statusNoSuch})
	case a == nil:
		to.Answer(answerOf(ErrStarting))
	case req.Kind == kindChange, req.Kind == kindSettle:
		h.work(from, req, to)
	case req.Kind == kindForward && req.Hops > hopsMax:
		to.Answer(answerOf(ErrNotLeader)) // it has been forwarded before, and is never forwarded twice
	case req.Kind == kindForward:
		a.member.AcceptForward(from.Server, req.Payload, func(err error) { to.Answer(answerOf(err)) })
	case req.Kind == kindReadIndex:
		serveReadIndex(a.member, from.Server, req, to)
	case req.Kind == kindTerm:
		to.Answer(peer.Answer{Payload: appendNumbers(nil, a.member.CurrentTerm())})
	case req.Kind == kindBeat:
		serveBeat(a.member, from.Server, req, to)
	case req.Kind == kindSilence:
		serveSilence(a.member, from.Server, req, to)
	case req.Kind == kindState:
		to.Answer(peer.Answer{Payload: h.encodeState(a.member.State())})
	case req.Kind == kindCapture, req.Kind == kindDigest:
		h.serveAudit(from, req, to)
	default:
		to.Answer(peer.Answer{Status: statusNoSuch})
	}
}

// serveReadIndex asks the member for an index that confirms the caller's reads, and answers with
// it.
func serveReadIndex(m Member, server string, req peer.Request, to peer.Responder) {
	var term uint64
	if _, err := cutNumbers(req.Payload, &term); err != nil {
		to.Answer(answerOf(err))
		return
	}
	m.AnswerReadIndex(server, term, func(r ReadAnswer, err error) {
		if err != nil {
			to.Answer(answerOf(err))
			return
		}
		to.Answer(peer.Answer{Payload: appendNumbers(make([]byte, 0, 24), r.Index, r.Term, uint64(r.StampMS))})
	})
}

// work answers a slow request (a synced write, a change of the configuration) on a goroutine of its
// own. It answers busy when too many are at work.
func (h handler) work(from peer.Caller, req peer.Request, to peer.Responder) {
	select {
	case h.handlers <- struct{}{}:
	default:
		to.Answer(answerOf(ErrBusy))
		return
	}
	h.running.Go(func() {
		defer func() { <-h.handlers }()
		answer, err := h.handle(from, req)
		if err != nil {
			to.Answer(answerOf(err))
			return
		}
		to.Answer(peer.Answer{Payload: answer})
	})
}

// handle runs the request that work was given and returns the encoded answer.
func (h handler) handle(from peer.Caller, req peer.Request) ([]byte, error) {
	switch req.Kind {
	case kindHello:
		return h.answerHello(from.Server, req.Payload)
	case kindPromise:
		return nil, h.answerPromise(from.Server, req.Payload)
	case kindInvite:
		return h.answerInvite(from.Server, req.Payload)
	case kindChange:
		return h.answerChange(req.Payload)
	case kindSettle:
		return nil, h.settle()
	case kindDigest:
		return h.answerDigest(req)
	default:
		return h.answerAdmit(req)
	}
}
