package server

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/setting"
	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/node/detector"
	"github.com/kvorum/kvorum/transport/peer"
)

// Packages node and cluster do not know each other. Two adapters join them: peers
// sends a node's questions to other servers through the cluster's service, and seat
// passes on to the node what others ask the service. Errors keep their meaning both
// ways: if a batch was certainly not proposed, the caller still learns that.

var (
	_ node.Peers         = peers{}
	_ cluster.Member     = seat{}
	_ cluster.Membership = seat{}
	_ cluster.Replicated = seat{}
)

// peers implements node.Peers over the cluster's service.
type peers struct{ service *cluster.Service }

// Forward implements node.Peers.
func (p peers) Forward(server string, batch []byte, done func(error)) {
	p.service.Forward(server, batch, func(err error) { done(toNode(err)) })
}

// ReadIndex implements node.Peers. The connection tells the other side who asks.
func (p peers) ReadIndex(server string, q node.ReadQuestion, done func(node.ReadAnswer, error)) {
	p.service.ReadIndex(server, q.Term, func(r cluster.ReadAnswer, err error) { done(node.ReadAnswer(r), toNode(err)) })
}

// Term implements node.Peers.
func (p peers) Term(server string, done func(uint64, error)) { p.service.Term(server, done) }

// Beat implements node.Peers.
func (p peers) Beat(server string, b node.Beat, done func(node.BeatAnswer, error)) {
	p.service.Beat(server, cluster.Beat(b), func(a cluster.BeatAnswer, err error) { done(node.BeatAnswer(a), err) })
}

// Silence implements node.Peers. The connection tells the other side who asks.
func (p peers) Silence(server string, q node.SilenceQuestion, done func(node.SilenceAnswer, error)) {
	question := cluster.SilenceQuestion{
		Term: q.Term, Index: q.Log.Index, After: q.Log.Term, Leader: q.Leader, Refused: q.Refused, GivenUp: q.GivenUp,
	}
	p.service.Silence(server, question, func(a cluster.SilenceAnswer, err error) {
		done(node.SilenceAnswer{Agrees: a.Agrees, Abstains: a.Abstains, Log: detector.Position{Index: a.Index, Term: a.After}, Owes: a.Owes}, err)
	})
}

// Gone implements node.Peers.
func (p peers) Gone(ctx context.Context, server string) bool { return p.service.Gone(ctx, server) }

// Unanswered implements node.Peers.
func (p peers) Unanswered(server string) time.Time { return p.service.Unanswered(server) }

// NeverLeads implements node.Peers.
func (p peers) NeverLeads(ctx context.Context, server string) (bool, error) {
	return p.service.NeverLeads(ctx, server)
}

// toNode translates an error of the service into the one that package node knows.
func toNode(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, cluster.ErrNotLeader), errors.Is(err, cluster.ErrStarting), errors.Is(err, peer.ErrNotSent):
		return node.ErrNotLeader
	case errors.Is(err, cluster.ErrBusy):
		return node.ErrBusy
	}
	if refused, ok := errors.AsType[*cluster.Refused](err); ok {
		return &node.Refused{Reason: refused.Text}
	}
	return err
}

// toCluster translates an error of the node into the one that is sent to other servers.
func toCluster(err error) error {
	switch {
	case errors.Is(err, node.ErrNotLeader):
		return cluster.ErrNotLeader
	case errors.Is(err, node.ErrBusy), errors.Is(err, node.ErrNotYet): // the first release understands this one too: send it again
		return cluster.ErrBusy
	}
	if refused, ok := errors.AsType[*node.Refused](err); ok {
		return &cluster.Refused{Text: refused.Reason}
	}
	return err
}

// seat adapts a node to the cluster's service. It implements cluster.Member,
// cluster.Membership and cluster.Replicated.
type seat struct{ node *node.Node }

// AcceptForward implements cluster.Member.
func (s seat) AcceptForward(from string, batch []byte, answer func(error)) {
	s.node.AcceptForward(from, batch, func(err error) { answer(toCluster(err)) })
}

// AnswerReadIndex implements cluster.Member.
func (s seat) AnswerReadIndex(server string, term uint64, answer func(cluster.ReadAnswer, error)) {
	s.node.AnswerReadIndex(node.ReadQuestion{Server: server, Term: term}, func(r node.ReadAnswer, err error) {
		answer(cluster.ReadAnswer(r), toCluster(err))
	})
}

// CurrentTerm implements cluster.Member.
func (s seat) CurrentTerm() uint64 { return s.node.CurrentTerm() }

// HearBeat implements cluster.Voter.
func (s seat) HearBeat(from string, b cluster.Beat) cluster.BeatAnswer {
	return cluster.BeatAnswer(s.node.HearBeat(from, node.Beat(b)))
}

// AnswerSilence implements cluster.Voter.
func (s seat) AnswerSilence(q cluster.SilenceQuestion, answer func(cluster.SilenceAnswer)) {
	question := node.SilenceQuestion{
		Server: q.Server, Term: q.Term, Log: detector.Position{Index: q.Index, Term: q.After}, Leader: q.Leader, Refused: q.Refused, GivenUp: q.GivenUp,
	}
	s.node.AnswerSilence(question, func(a node.SilenceAnswer) {
		answer(cluster.SilenceAnswer{Agrees: a.Agrees, Abstains: a.Abstains, Index: a.Log.Index, After: a.Log.Term, Owes: a.Owes})
	})
}

// State implements cluster.Member.
func (s seat) State() cluster.State {
	return cluster.State{
		Stored: s.node.LastIndex(), Applied: s.node.AppliedIndex(), Term: s.node.CurrentTerm(), Leader: s.node.Leader(),
		NeverLeads: s.node.NeverLeads(), Diverged: s.node.HasDiverged(),
	}
}

// Servers implements cluster.Member.
func (s seat) Servers() []member.Server { return s.node.Servers() }

// Leader implements cluster.Membership.
func (s seat) Leader() string { return s.node.Leader() }

// Committed implements cluster.Membership. A follower could confirm its configuration
// as well. But only the leader can change it, so only the leader answers.
func (s seat) Committed(ctx context.Context) (cluster.Configuration, error) {
	if !s.node.IsLeader() {
		return cluster.Configuration{}, cluster.ErrNotLeader
	}
	servers, index, err := s.node.Committed(ctx)
	return cluster.Configuration{Index: index, Servers: servers}, toCluster(err)
}

// Change implements cluster.Membership.
func (s seat) Change(ctx context.Context, c cluster.Change) error {
	return toCluster(within(ctx, func() error { return s.change(c) }))
}

// change has the node make one step of a membership change.
func (s seat) change(c cluster.Change) error {
	switch id, addr := c.Server.ID, c.Server.PeerAddr; {
	case c.Step == cluster.StepRemove:
		return s.node.RemoveServer(id, c.From)
	case c.Step == cluster.StepDemote:
		return s.node.DemoteVoter(id, c.From)
	case c.Step == cluster.StepPromote, c.Step == cluster.StepMove && c.Server.Voter:
		return s.node.AddVoter(id, addr, c.From)
	default:
		return s.node.AddNonvoter(id, addr, c.From)
	}
}

// Transfer implements cluster.Membership.
func (s seat) Transfer(ctx context.Context, server string) error {
	return toCluster(within(ctx, func() error {
		if server == "" {
			return s.node.TransferLeadership()
		}
		return s.node.TransferLeadershipTo(server)
	}))
}

// Raise implements cluster.Membership.
func (s seat) Raise(ctx context.Context, version uint8, term uint64) error {
	return toCluster(s.node.Raise(ctx, version, term))
}

// Version implements cluster.Replicated.
func (s seat) Version() uint8 { return s.node.MachineVersion() }

// Boot implements cluster.Replicated.
func (s seat) Boot(server string) (boot uint64) {
	s.node.View(func(m *fsm.Machine) {
		if session, ok := m.Session(server); ok {
			boot = session.Boot
		}
	})
	return boot
}

// RemoveDeadAfter implements cluster.Replicated.
func (s seat) RemoveDeadAfter() time.Duration {
	var value string
	s.node.View(func(m *fsm.Machine) { value, _ = m.Settings().Get(setting.RemoveDeadAfter) })
	seconds, _ := strconv.ParseInt(value, 10, 32) // the table has checked it
	return time.Duration(seconds) * time.Second
}
