package cluster

import (
	"fmt"
	"time"

	"github.com/kvorum/kvorum/transport/peer"
)

// Beat tells a voter that its sender leads in a term, and how long the sender's disk has
// owed an answer.
type Beat struct {
	Term uint64
	Owed time.Duration
}

// BeatAnswer tells a leader how a voter's disk does.
type BeatAnswer struct {
	Owed time.Duration // how long the voter's disk has owed an answer
}

// SilenceQuestion is a voter's: would the other, too, replace the leader?
type SilenceQuestion struct {
	Server       string // the asker: the connection's, not what the message claims
	Term         uint64
	Index, After uint64 // of the asker's last entry: its index and its term
	Leader       string
	Refused      bool // the leader's port refuses
	GivenUp      bool // the asker is the leader, and has stopped leading
}

// SilenceAnswer is a voter's answer.
type SilenceAnswer struct {
	Agrees       bool
	Abstains     bool   // it asks nobody for a vote
	Index, After uint64 // of the voter's last entry: its index and its term
	Owes         time.Duration
}

// The flags of a question of silence and of its answer. The others are free.
const (
	silenceRefused uint64 = 1
	silenceGivenUp uint64 = 2

	silenceAgrees   uint64 = 1
	silenceAbstains uint64 = 2
)

// Beat tells a voter that this server leads. It travels with small questions: nothing
// that is large, and nothing that waits for a disk, is before it.
func (s *Service) Beat(server string, b Beat, done func(BeatAnswer, error)) {
	req := peer.Request{Kind: kindBeat, Payload: appendNumbers(make([]byte, 0, 16), b.Term, uint64(b.Owed))}
	s.endpoint.Send(server, req, func(a peer.Answer, err error) {
		if err == nil {
			err = errorOf(a)
		}
		var owed uint64
		if err == nil {
			_, err = cutNumbers(a.Payload, &owed)
		}
		if err != nil {
			done(BeatAnswer{}, fmt.Errorf("tell that this server leads: %w", err))
			return
		}
		done(BeatAnswer{Owed: time.Duration(owed)}, nil)
	})
}

// Silence asks a voter whether it, too, would replace the leader. A server of an earlier
// release does not know the question: an error, which counts as no.
func (s *Service) Silence(server string, q SilenceQuestion, done func(SilenceAnswer, error)) {
	flags := flag(q.Refused, silenceRefused) | flag(q.GivenUp, silenceGivenUp)
	payload := append(appendNumbers(nil, q.Term, q.Index, q.After, flags), q.Leader...)
	s.endpoint.Send(server, peer.Request{Kind: kindSilence, Payload: payload}, func(answer peer.Answer, err error) {
		if err == nil {
			err = errorOf(answer)
		}
		var a SilenceAnswer
		var owes, flags uint64
		if err == nil {
			_, err = cutNumbers(answer.Payload, &flags, &a.Index, &a.After, &owes)
		}
		if err != nil {
			done(SilenceAnswer{}, fmt.Errorf("ask whether the leader is silent: %w", err))
			return
		}
		a.Agrees, a.Abstains, a.Owes = flags&silenceAgrees != 0, flags&silenceAbstains != 0, time.Duration(owes)
		done(a, nil)
	})
}

func flag(set bool, bit uint64) uint64 {
	if set {
		return bit
	}
	return 0
}

func serveBeat(m Member, server string, req peer.Request, to peer.Responder) {
	var term, owed uint64
	if _, err := cutNumbers(req.Payload, &term, &owed); err != nil {
		to.Answer(answerOf(err))
		return
	}
	a := m.HearBeat(server, Beat{Term: term, Owed: time.Duration(owed)})
	to.Answer(peer.Answer{Payload: appendNumbers(make([]byte, 0, 8), uint64(a.Owed))})
}

func serveSilence(m Member, server string, req peer.Request, to peer.Responder) {
	q := SilenceQuestion{Server: server}
	var flags uint64
	leader, err := cutNumbers(req.Payload, &q.Term, &q.Index, &q.After, &flags)
	if err != nil {
		to.Answer(answerOf(err))
		return
	}
	q.Leader, q.Refused, q.GivenUp = string(leader), flags&silenceRefused != 0, flags&silenceGivenUp != 0
	m.AnswerSilence(q, func(a SilenceAnswer) {
		flags := flag(a.Agrees, silenceAgrees) | flag(a.Abstains, silenceAbstains)
		to.Answer(peer.Answer{Payload: appendNumbers(make([]byte, 0, 32), flags, a.Index, a.After, uint64(a.Owes))})
	})
}
