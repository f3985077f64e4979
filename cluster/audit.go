package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/transport/peer"
)

// Audited is the member whose state machine is compared with those of the other servers.
type Audited interface {
	// Captures returns the member's newest capture and its newest capture with a digest of the
	// whole state; the zero Capture stands for none. The channel is closed when there may be new
	// ones.
	Captures() (newest, whole Capture, changed <-chan struct{})
	// CaptureAt returns the member's capture at an index. It must not block.
	CaptureAt(index uint64) (Capture, Standing)
	// AskDigest makes every server take a capture now, and returns the index of that capture. Only
	// the leader can do this; other servers return ErrNotLeader.
	AskDigest(ctx context.Context, whole bool) (uint64, error)
	// Judged acts on a verdict. The verdict is never Inconclusive.
	Judged(index uint64, v Verdict, reason string)
}

// Standing says whether a server has a capture at an index.
type Standing uint8

// The standings. Their numbers are part of the wire protocol and never change.
const (
	Missing Standing = 0 // discarded, skipped by a snapshot, or never requested
	Ahead   Standing = 1 // the machine has not reached the index yet
	Kept    Standing = 2
)

// Audit starts to compare the member's captures with those of the other servers, and to answer
// their questions. It is called once, after Attach.
func (s *Service) Audit(subject Audited) {
	s.ending.Lock()
	defer s.ending.Unlock()
	if s.ended {
		return
	}
	s.audited.Store(&subject)
	s.running.Go(func() { s.audit(subject) })
}

// audit compares the newest captures whenever there are new ones. It may skip older captures: a
// difference persists in all later captures, so comparing the newest one finds it. A comparison
// without a verdict, for want of answers, or without a majority is repeated.
func (s *Service) audit(subject Audited) {
	var judged, judgedWhole uint64
	var open splits
	for {
		newest, whole, changed := subject.Captures()
		again := auditIdle
		if newest.Index > judged || whole.Index > judgedWhole {
			again = auditEvery
			if !s.pause(s.ctx, auditDelay) {
				return
			}
			if newest.Index > judged && s.compare(subject, newest, false, &open) {
				judged = newest.Index
			}
			if whole.Index > judgedWhole && s.compare(subject, whole, true, &open) {
				judgedWhole = whole.Index
			}
		}
		if !s.pauseOr(s.ctx, again, changed) {
			return
		}
	}
}

// splits holds the indices of the latest comparisons that found no majority, by what was compared.
// Zero means that no split is open.
type splits struct{ hash, whole uint64 }

// heed records a verdict and reports whether to announce it. An agreement is not announced while an
// earlier comparison that it cannot settle is still split: a split at a later index, or a split of
// whole states, about which running hashes say nothing.
func (o *splits) heed(v Verdict, index uint64, whole bool) bool {
	switch {
	case v == Split && whole:
		o.whole = index
	case v == Split:
		o.hash = index
	case v == Agrees:
		if whole && index >= o.whole {
			o.whole = 0
		}
		if index >= o.hash {
			o.hash = 0
		}
		return o.hash == 0 && o.whole == 0
	}
	return true
}

// compare asks the other voters for their captures and judges this server's own capture as soon as
// the answers suffice. It returns false if the comparison has to be repeated.
func (s *Service) compare(subject Audited, own Capture, whole bool, open *splits) (settled bool) {
	ctx, cancel := context.WithTimeout(s.ctx, auditTimeout)
	defer cancel()
	poll := Poll{Whole: whole}
	seen := []string{describe(s.server, own, whole)}
	servers := s.attached.Load().member.Servers()
	answers := make(chan digestAnswer, len(servers))
	for _, m := range servers {
		if !m.Voter {
			continue
		}
		poll.Voters++
		if m.ID == s.server {
			poll.Votes = append(poll.Votes, own)
			continue
		}
		s.running.Go(func() {
			c, err := s.awaitCapture(ctx, m.ID, own.Index, whole)
			select {
			case answers <- digestAnswer{m.ID, c, err}:
			case <-ctx.Done():
			}
		})
	}
	for verdict := poll.Judge(own); ; verdict = poll.Judge(own) {
		if verdict != Inconclusive {
			slices.Sort(seen)
			if !open.heed(verdict, own.Index, whole) {
				return true
			}
			subject.Judged(own.Index, verdict, fmt.Sprintf("at index %d: %s", own.Index, strings.Join(seen, ", ")))
			return verdict != Split
		}
		select {
		case a := <-answers:
			if a.err != nil {
				s.logger.Debug("no capture to compare with", slog.String("server", a.server), slog.Any("error", a.err))
				continue
			}
			poll.Votes = append(poll.Votes, a.capture)
			seen = append(seen, describe(a.server, a.capture, whole))
		case <-ctx.Done():
			return false
		}
	}
}

// digestAnswer is a server's capture, or the error if there is none.
type digestAnswer struct {
	server  string
	capture Capture
	err     error
}

// describe formats a capture's hash or digest for the reason of a verdict.
func describe(server string, c Capture, whole bool) string {
	if whole {
		return fmt.Sprintf("%s has digest %x", member.ID(server), c.Digest)
	}
	return fmt.Sprintf("%s has hash %016x", member.ID(server), c.Hash)
}

// awaitCapture polls a server until it has a capture at an index. If whole is set, it also waits
// for the digest while that is being computed.
func (s *Service) awaitCapture(ctx context.Context, server string, index uint64, whole bool) (Capture, error) {
	for {
		c, standing, err := s.askCapture(ctx, server, index)
		switch {
		case err != nil:
			return c, err
		case standing == Missing:
			return c, fmt.Errorf("%s has no capture of index %d (any more)", server, index)
		case standing == Kept && !(whole && c.Computing):
			return c, nil
		}
		if !s.pause(ctx, auditAgain) {
			if standing == Kept {
				return c, nil
			}
			return c, fmt.Errorf("%s has not applied index %d yet", server, index)
		}
	}
}

// askCapture asks a server, which may be this one, for its capture at an index.
func (s *Service) askCapture(ctx context.Context, server string, index uint64) (Capture, Standing, error) {
	if server == s.server {
		c, standing := (*s.audited.Load()).CaptureAt(index)
		return c, standing, nil
	}
	a, err := s.ask(ctx, server, peer.Request{Kind: kindCapture, Payload: appendNumbers(nil, index)})
	if err != nil {
		return Capture{}, Missing, fmt.Errorf("ask %s for its capture: %w", server, err)
	}
	return decodeCapture(a.Payload)
}

// serveAudit answers another server's request for a capture or a digest.
func (h handler) serveAudit(from peer.Caller, req peer.Request, to peer.Responder) {
	subject := h.audited.Load()
	switch {
	case subject == nil:
		to.Answer(answerOf(ErrStarting))
	case req.Kind == kindDigest:
		h.work(from, req, to)
	default:
		var index uint64
		if _, err := cutNumbers(req.Payload, &index); err != nil {
			to.Answer(answerOf(err))
			return
		}
		c, standing := (*subject).CaptureAt(index)
		to.Answer(peer.Answer{Payload: appendCapture(nil, c, standing)})
	}
}

// answerDigest makes every server take a capture. Only the leader can do this.
func (h handler) answerDigest(req peer.Request) ([]byte, error) {
	if len(req.Payload) < 1 {
		return nil, errShort
	}
	ctx, cancel := context.WithTimeout(h.ctx, auditTimeout)
	defer cancel()
	index, err := (*h.audited.Load()).AskDigest(ctx, req.Payload[0] != 0)
	return appendNumbers(nil, index), err
}

// DigestReport holds the captures of all servers at one index.
type DigestReport struct {
	Index   uint64
	Servers []ServerDigest
}

// ServerDigest holds one server's capture.
type ServerDigest struct {
	Server  member.Server
	Capture Capture // its index is 0 if there is none
	Err     error   // why there is none
	Verdict Verdict // compared with the voters
}

// Digest makes every server take a capture now, all at one index. It returns when every server has
// answered or ctx ends, with the captures that it has. An error means that no capture could be
// requested.
func (s *Service) Digest(ctx context.Context, whole bool) (DigestReport, error) {
	index, err := s.askDigest(ctx, whole)
	if err != nil {
		return DigestReport{}, err
	}
	report := DigestReport{Index: index}
	servers := s.attached.Load().member.Servers()
	answers := make(chan digestAnswer, len(servers))
	for _, m := range servers {
		report.Servers = append(report.Servers, ServerDigest{Server: m})
		go func() {
			c, err := s.awaitCapture(ctx, m.ID, index, whole)
			answers <- digestAnswer{m.ID, c, err}
		}()
	}
	for range servers {
		a := <-answers
		at := slices.IndexFunc(report.Servers, func(d ServerDigest) bool { return d.Server.ID == a.server })
		report.Servers[at].Capture, report.Servers[at].Err = a.capture, a.err
	}
	report.judge()
	return report, nil
}

// judge sets the verdict on every server that answered. It compares the hashes first, then the
// digests of the servers whose hashes agree, if they have digests.
func (r *DigestReport) judge() {
	var poll Poll
	for _, d := range r.Servers {
		if d.Server.Voter {
			poll.Voters++
			if d.Err == nil {
				poll.Votes = append(poll.Votes, d.Capture)
			}
		}
	}
	for i := range r.Servers {
		d := &r.Servers[i]
		if d.Err != nil {
			continue
		}
		poll.Whole = false
		d.Verdict = poll.Judge(d.Capture)
		if d.Verdict == Agrees && d.Capture.Whole {
			poll.Whole = true
			d.Verdict = poll.Judge(d.Capture)
		}
	}
}

// askDigest asks the current leader for a digest, and retries while leadership changes.
func (s *Service) askDigest(ctx context.Context, whole bool) (uint64, error) {
	payload := []byte{0}
	if whole {
		payload[0] = 1
	}
	for {
		index, err := s.askDigestOnce(ctx, whole, payload)
		if err == nil {
			return index, nil
		}
		if !s.pause(ctx, auditAgain) {
			return 0, fmt.Errorf("ask every server for a digest: %w", err)
		}
	}
}

// askDigestOnce asks the current leader for a digest, without retries. It returns the capture's
// index.
func (s *Service) askDigestOnce(ctx context.Context, whole bool, payload []byte) (uint64, error) {
	leader := s.attached.Load().membership.Leader()
	switch leader {
	case "":
		return 0, ErrNotLeader
	case s.server:
		return (*s.audited.Load()).AskDigest(ctx, whole)
	}
	a, err := s.ask(ctx, leader, peer.Request{Kind: kindDigest, Payload: payload})
	if err != nil {
		return 0, err
	}
	var index uint64
	_, err = cutNumbers(a.Payload, &index)
	return index, err
}

// The flags in an encoded capture.
const (
	flagWhole     = 1
	flagComputing = 2
	flagDiverged  = 4
)

// appendCapture encodes a capture for the wire: standing, flags, version, index, hash, digest.
func appendCapture(dst []byte, c Capture, standing Standing) []byte {
	var flags byte
	if c.Whole {
		flags |= flagWhole
	}
	if c.Computing {
		flags |= flagComputing
	}
	if c.Diverged {
		flags |= flagDiverged
	}
	dst = append(dst, byte(standing), flags)
	dst = appendNumbers(dst, c.Version, c.Index, c.Hash)
	return append(dst, c.Digest[:]...)
}

// decodeCapture decodes what appendCapture encoded.
func decodeCapture(b []byte) (c Capture, standing Standing, err error) {
	if len(b) < 2 {
		return c, Missing, errShort
	}
	standing = Standing(b[0])
	c.Whole, c.Computing, c.Diverged = b[1]&flagWhole != 0, b[1]&flagComputing != 0, b[1]&flagDiverged != 0
	rest, err := cutNumbers(b[2:], &c.Version, &c.Index, &c.Hash)
	if err != nil || len(rest) < len(c.Digest) {
		return Capture{}, Missing, errShort
	}
	copy(c.Digest[:], rest)
	if standing > Kept {
		return Capture{}, Missing, fmt.Errorf("a capture of standing %d", standing)
	}
	return c, standing, nil
}
