package node

import (
	"time"

	"github.com/kvorum/kvorum/node/detector"
)

// SilenceQuestion is the question of one voter to another: have you, too, heard nothing from a
// leader in my term or a later one?
type SilenceQuestion struct {
	Server  string            // the asker, as the connection says and not the message
	Term    uint64            // the asker's
	Log     detector.Position // where the asker's log ends
	Leader  string            // the leader that the asker would replace
	Refused bool              // that leader's port refuses
	GivenUp bool              // the asker is that leader, and has stepped down
}

// SilenceAnswer is a voter's answer.
type SilenceAnswer struct {
	Agrees   bool
	Log      detector.Position // where the voter's log ends
	Owes     time.Duration     // how long an operation of its disk has been pending
	Abstains bool              // it asks for no votes
}

// position returns where this node's log ends, as Raft knows it without reading the disk.
func (n *Node) position() detector.Position {
	told := n.raft.Stats()
	return detector.Position{Index: max(figure(told["last_log_index"]), figure(told["last_snapshot_index"])), Term: lastTerm(told)}
}

// answer returns what this node reports about itself, except for whether it agrees.
func (f *failover) answer() SilenceAnswer {
	n := f.node
	return SilenceAnswer{Log: n.position(), Owes: n.owes(), Abstains: n.ends() || n.lead.abstention.withholds.Load()}
}

func (a SilenceAnswer) of(server string) detector.Answer {
	return detector.Answer{Server: server, Agrees: a.Agrees, Log: a.Log, Owes: a.Owes, Abstains: a.Abstains}
}

// ask asks the other voters, except for the leader that is to be replaced: an answer from that one
// does not show that it leads.
func (f *failover) ask(why detector.Reason, v detector.View) detector.Round {
	n := f.node
	self := n.cfg.Session.Server
	q := SilenceQuestion{
		Server: self, Term: v.Term, Log: n.position(), Leader: v.Leader, Refused: why == detector.Refused, GivenUp: why == detector.GivenUp,
	}
	others, _ := votersBut(n.configuration(), self)
	round := detector.Round{Voters: len(others) + 1, Self: f.answer().of(self)}
	if faultStandsAlone {
		round.Voters = 1
	}
	round.Self.Log = q.Log
	answers := make(chan detector.Answer, len(others))
	asked := 0
	for _, voter := range others {
		if voter == v.Leader {
			continue
		}
		asked++
		n.cfg.Peers.Silence(voter, q, func(a SilenceAnswer, err error) {
			a.Agrees = a.Agrees && err == nil
			answers <- a.of(voter)
		})
	}
	if why == detector.Refused || why == detector.Deaf { // an answer refutes these reasons
		n.cfg.Peers.Term(v.Leader, func(_ uint64, err error) { f.answers(v.Leader, err) })
	}
	if why == detector.Refused {
		n.running.Go(func() { f.knock(v.Leader) }) // concurrently, because the round must be on time
	}
	timer := time.NewTimer(detector.RoundMax)
	defer timer.Stop()
	for range asked {
		select {
		case a := <-answers:
			round.Others = append(round.Others, a)
		case <-timer.C:
			return round
		case <-n.stop:
			return round
		}
	}
	return round
}

// AnswerSilence answers another voter's question. It calls answer exactly once, under the same
// rules as AcceptForward.
func (n *Node) AnswerSilence(q SilenceQuestion, answer func(SilenceAnswer)) {
	f := n.lead.failover
	storing := n.stable.stalled() > 0 // a vote, for somebody who stands
	if _, leads := n.leads(); leads || storing || n.raft.CurrentTerm() > q.Term || faultLeavesToRaft {
		answer(f.answer())
		return
	}
	v := f.view()
	f.mu.Lock()
	agrees := f.detector.Agrees(time.Now(), v) != detector.None
	f.mu.Unlock()
	agrees = agrees || q.GivenUp && v.Leader == q.Server && v.Term == q.Term && !v.Stands
	if !agrees && q.Refused && v.Leader == q.Leader {
		f.knockFor(func(gone bool) {
			now := f.view()
			f.reply(q, gone && now.Refused && now.Leader == q.Leader && now.Term <= q.Term && !now.Stands, answer)
		}, v.Leader)
		return
	}
	f.reply(q, agrees, answer)
}

// reply sends the answer, and lets the asker stand first if this voter agrees and the asker is
// better placed.
func (f *failover) reply(q SilenceQuestion, agrees bool, answer func(SilenceAnswer)) {
	a := f.answer()
	a.Agrees = agrees
	if agrees {
		asker := detector.Answer{Server: q.Server, Log: q.Log}
		f.mu.Lock()
		f.detector.Answered(time.Now(), asker, a.of(f.node.cfg.Session.Server))
		f.mu.Unlock()
	}
	answer(a)
}
