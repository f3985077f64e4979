package cluster

import (
	"fmt"
	"time"

	"github.com/kvorum/kvorum/transport/peer"
)

// Beat is a leader's sign of life to a voter. It carries the leader's term and how long the
// leader's disk has owed an answer.
type Beat struct {
	Term uint64
	Owed time.Duration
}

// BeatAnswer tells the leader the state of the voter's disk.
type BeatAnswer struct {
	Owed time.Duration // how long the voter's disk has owed an answer
}

// SilenceQuestion is a voter's question to another voter: would you replace the leader, too?
type SilenceQuestion struct {
	Server       string // the asker, taken from the connection and not from the message
	Term         uint64
	Index, After uint64 // index and term of the asker's last entry
	Leader       string
	Refused      bool // the leader's port refuses
	GivenUp      bool // the asker is the leader itself and has stopped leading
}

// SilenceAnswer is the answer to a SilenceQuestion.
type SilenceAnswer struct {
	Agrees       bool
	Abstains     bool   // the voter itself does not stand for election
	Index, After uint64 // index and term of the voter's last entry
	Owes         time.Duration
}

// The flags of a SilenceQuestion and of its answer. All other bits are free.
const (
	silenceRefused uint64 = 1
	silenceGivenUp uint64 = 2

	silenceAgrees   uint64 = 1
	silenceAbstains uint64 = 2
)

// Beat tells a voter that this server leads. It is sent in the class of small requests, so it never
// queues behind a large message or behind anything that waits for a disk.
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

// Silence asks a voter whether it would replace the leader, too. A server of an earlier release
// does not know the question and returns an error, which counts as no.
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

// flag returns bit if set is true, else 0.
func flag(set bool, bit uint64) uint64 {
	if set {
		return bit
	}
	return 0
}

// serveBeat hands a leader's beat to the member and answers with the state of this server's disk.
func serveBeat(m Member, server string, req peer.Request, to peer.Responder) {
	var term, owed uint64
	if _, err := cutNumbers(req.Payload, &term, &owed); err != nil {
		to.Answer(answerOf(err))
		return
	}
	a := m.HearBeat(server, Beat{Term: term, Owed: time.Duration(owed)})
	to.Answer(peer.Answer{Payload: appendNumbers(make([]byte, 0, 8), uint64(a.Owed))})
}

// serveSilence hands a SilenceQuestion to the member and sends its answer when it is ready.
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
