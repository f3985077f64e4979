package node

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

// abstention implements a server that is told never to lead. It follows, stores and votes like any
// other, but asks for no votes, and hands over if it leads all the same.
//
// There is one exception, in which it stands in: there has been no leader for a long time although
// another voter that may lead answers. Then that voter's log is behind, and only this server can
// bring it up to date. It hands over next.
//
// A server whose machine has diverged is barred: it abstains for ever, whatever it is told, and
// never stands in.
type abstention struct {
	node      *Node
	never     atomic.Bool // the setting of SetNeverLead
	barred    atomic.Bool // abstains for ever
	withholds atomic.Bool // asks for no votes at present
	changed   chan struct{}
	nobody    atomic.Bool // there is no leader, and no voter was found that may lead
}

var (
	errAbstains     = errors.New("this server is told never to lead: it asks nobody for a vote")
	errNobodyLeads  = errors.New("no leader: this server is told never to lead, and no other voter answers that may; CONFIG SET never-lead no on one of them")
	errNeverLeading = errors.New("is told never to lead (CONFIG SET never-lead no on it, first)")
)

func newAbstention(n *Node) *abstention {
	a := &abstention{node: n, changed: make(chan struct{}, 1)}
	a.never.Store(n.cfg.NeverLead)
	a.withholds.Store(n.cfg.NeverLead)
	return a
}

// SetNeverLead sets whether this server must never lead.
func (n *Node) SetNeverLead(never bool) {
	n.lead.abstention.never.Store(never)
	n.lead.abstention.withholds.Store(never || n.lead.abstention.barred.Load())
	signal(n.lead.abstention.changed)
}

// bar makes this server abstain for ever.
func (a *abstention) bar() {
	a.barred.Store(true)
	a.withholds.Store(true)
	signal(a.changed)
}

// NeverLeads reports whether this server is told never to lead, or is barred from leading.
func (n *Node) NeverLeads() bool {
	return n.lead.abstention.never.Load() || n.lead.abstention.barred.Load()
}

// run re-evaluates the situation periodically and after every change of the setting.
func (a *abstention) run() {
	look := time.NewTicker(abstainLook)
	defer look.Stop()
	leaderless := time.Now()
	for {
		select {
		case <-a.changed:
		case <-look.C:
		case <-a.node.stop:
			return
		}
		if !a.node.NeverLeads() || a.node.Leader() != "" {
			leaderless = time.Now()
		}
		a.look(leaderless)
	}
}

// look starts or stops withholding votes, and hands over, as the situation requires. leaderless is
// the time since which there has been no leader.
func (a *abstention) look(leaderless time.Time) {
	n := a.node
	never, barred := n.NeverLeads(), a.barred.Load()
	alone := never && !barred && n.voters() < 2
	if barred {
		a.withholds.Store(true)
	}
	switch {
	case !never:
		a.withholds.Store(false)
		a.nobody.Store(false)
	case n.Leader() != "":
		a.withholds.Store(!alone)
		a.nobody.Store(false)
		if n.IsLeader() && !alone {
			a.handOver()
		}
	case !barred && time.Since(leaderless) > abstainPatience:
		may := a.anotherMayLead()
		if may && a.withholds.CompareAndSwap(true, false) {
			n.log.Warn("standing in: no voter that may lead has the newest log; it is handed over to next")
		}
		if !may && !a.nobody.Swap(true) {
			n.log.Error(errNobodyLeads.Error())
		}
	}
}

// handOver tries to hand leadership over. look repeats it for as long as this server leads.
func (a *abstention) handOver() {
	if err := a.node.TransferLeadership(); err != nil {
		a.node.log.Warn("this server must not lead, and leads: leadership could not be handed over", slog.Any("error", err))
	}
}

// anotherMayLead reports whether another voter that may lead answers.
func (a *abstention) anotherMayLead() bool {
	others, _ := votersBut(a.node.configuration(), a.node.cfg.Session.Server)
	for _, server := range others {
		if never, err := a.node.neverLeads(server); err == nil && !never {
			return true
		}
	}
	return false
}

// neverLeads asks another server whether it is told never to lead.
func (n *Node) neverLeads(server string) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askNeverLeads)
	defer cancel()
	return n.cfg.Peers.NeverLeads(ctx, server)
}
