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

// Audited is the member whose machine is compared with the others'.
type Audited interface {
	// Captures returns its newest capture, the newest one with a digest of the
	// whole state (zero: none), and a channel that is closed when there may be others.
	Captures() (newest, whole Capture, changed <-chan struct{})
	// CaptureAt returns its capture of an index. It must not block.
	CaptureAt(index uint64) (Capture, Standing)
	// AskDigest makes every server take a capture now and returns its index; on
	// the leader, else ErrNotLeader.
	AskDigest(ctx context.Context, whole bool) (uint64, error)
	// Judged draws the consequences of a verdict, which is not Inconclusive.
	Judged(index uint64, v Verdict, reason string)
}

// Standing says whether a server has a capture of an index.
type Standing uint8

// The standings. The numbers travel and never change.
const (
	Missing Standing = 0 // not kept any more, skipped by a snapshot, or never asked for
	Ahead   Standing = 1 // the machine has not come there
	Kept    Standing = 2
)

// Audit begins to compare the member's captures with those of the others, and
// to answer theirs. It is called once, after Attach.
func (s *Service) Audit(subject Audited) {
	s.ending.Lock()
	defer s.ending.Unlock()
	if s.ended {
		return
	}
	s.audited.Store(&subject)
	s.running.Go(func() { s.audit(subject) })
}

// audit compares every capture that it gets to: a difference stays in all later
// ones, so that none is missed when the newest is compared. One that came to no
// verdict, for want of answers, or found no majority, is compared again.
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

// splits are the indices at which no majority was found, by what was compared;
// 0: none since the last that ended it.
type splits struct{ hash, whole uint64 }

// heed takes note of a verdict, and reports whether it is to be told: an
// agreement is not while a split stays that it says nothing of. That is one at
// a later index, or one of whole states, of which running hashes know nothing.
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

// compare asks the other voters for their captures and judges this server's own
// as soon as that can be done; false means that it has to be done again.
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

// digestAnswer is a server's capture, or why there is none.
type digestAnswer struct {
	server  string
	capture Capture
	err     error
}

func describe(server string, c Capture, whole bool) string {
	if whole {
		return fmt.Sprintf("%s has digest %x", member.ID(server), c.Digest)
	}
	return fmt.Sprintf("%s has hash %016x", member.ID(server), c.Hash)
}

// awaitCapture asks a server for its capture of an index until it is there,
// with its digest if that is wanted and will come.
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

// serveAudit answers another server's question for a capture.
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

// answerDigest makes every server take a capture, as leader.
func (h handler) answerDigest(req peer.Request) ([]byte, error) {
	if len(req.Payload) < 1 {
		return nil, errShort
	}
	ctx, cancel := context.WithTimeout(h.ctx, auditTimeout)
	defer cancel()
	index, err := (*h.audited.Load()).AskDigest(ctx, req.Payload[0] != 0)
	return appendNumbers(nil, index), err
}

// DigestReport is what the servers have captured at one index.
type DigestReport struct {
	Index   uint64
	Servers []ServerDigest
}

// ServerDigest is one server's capture.
type ServerDigest struct {
	Server  member.Server
	Capture Capture // of index 0: none
	Err     error   // why there is none
	Verdict Verdict // beside the voters'
}

// Digest makes every server take a capture at one index, now, and returns all
// that are there when ctx ends, or sooner. The error is of the question itself.
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

// judge judges every server by all that have answered: by their hashes, and
// those that are found equal by their digests, if there are any.
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

// askDigest asks whoever leads, also while that changes.
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

// What a capture's answer says beside its numbers.
const (
	flagWhole     = 1
	flagComputing = 2
	flagDiverged  = 4
)

// appendCapture is a capture as it travels: standing, flags, version, index,
// hash, digest.
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
