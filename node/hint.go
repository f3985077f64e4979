package node

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// failover shortens the time without a leader when the leader's process has
// ended. Then its connections end, and its port refuses new ones: no heartbeat
// need be waited for. The voters stand for election one after the other, by
// rank, each unless it hears of another before; as after a transfer, pre-votes
// are left out, since the other voters still believe in their leader.
//
// It is a hint: Raft is safe under any election, and a wrong one costs no more
// than an election. Where the port does not refuse (the host is gone, the
// network is cut) or still accepts, Raft's time-outs decide.
type failover struct {
	node    *Node
	broken  chan struct{} // cap 1: a Raft connection that the leader has opened to this server has ended
	ended   atomic.Value  // string: that leader
	dropped chan struct{} // cap 1: this node does not lead any more
	term    atomic.Uint64 // in which it led
	stood   time.Time     // when this node last stood for election by itself
}

func newFailover(n *Node) *failover {
	return &failover{node: n, broken: make(chan struct{}, 1), dropped: make(chan struct{}, 1)}
}

// hint says that a Raft connection has ended that another server has opened to
// this one. It counts if that one leads: a server that only follows may end
// beside a leader that lives and whose port, as seen from here, refuses.
func (f *failover) hint(from string) {
	if from != "" && from == f.node.watch.current() {
		f.ended.Store(from)
		signal(f.broken)
	}
}

func (f *failover) run() {
	for {
		select {
		case <-f.broken:
			f.consider()
		case <-f.dropped:
			f.regain(f.term.Load())
		case <-f.node.stop:
			return
		}
	}
}

// drop says that this node does not lead any more, as it did in a term.
func (f *failover) drop(term uint64) {
	f.term.Store(term)
	signal(f.dropped)
}

// regain stands for election again where this node has stopped leading and nobody has
// replaced it: it stood still, or was cut off, for longer than its lease. Its first
// messages may have reached the others, who then miss their leader only after another
// time-out. It is no voter any more if it was removed, and it stands once.
func (f *failover) regain(term uint64) {
	n := f.node
	if time.Since(f.stood) < n.cfg.Timing.Heartbeat || !n.sleep(standQuiet) {
		return
	}
	_, _, voter := votersBut(n.configuration(), n.cfg.Session.Server)
	ends := n.departure.begun.Load() || n.logs.unplugged.Load()
	if voter == 0 || ends || n.lead.abstention.withholds.Load() {
		return
	}
	if f.leader() != "" || n.raft.State() != raft.Follower || n.raft.CurrentTerm() != term {
		return
	}
	n.log.Info("nobody has replaced this node as the leader: standing for election", slog.Uint64("term", term))
	f.stood = time.Now()
	if err := f.stand(); err != nil {
		n.log.Warn("could not stand for election", slog.Any("error", err))
	}
}

// consider stands for election if the leader is gone and nobody else does.
func (f *failover) consider() {
	n := f.node
	if time.Since(f.stood) < n.cfg.Timing.Heartbeat { // a hint that is wrong again and again
		return
	}
	leader := f.leader()
	if f.ended.Load() != leader {
		return
	}
	rank, candidates := f.rank(leader)
	if rank < 0 || n.lead.abstention.withholds.Load() || !f.lost(leader) {
		return
	}
	if !f.myTurn(leader, rank, candidates) || !f.gone(leader) || f.replaced(leader) {
		return
	}
	n.log.Info("the leader's process is gone: standing for election", slog.String("leader", leader), slog.Int("rank", rank))
	f.stood = time.Now()
	if err := f.stand(); err != nil {
		n.log.Warn("could not stand for election", slog.Any("error", err))
	}
}

func (f *failover) leader() string {
	_, id := f.node.raft.LeaderWithID()
	return string(id)
}

// replaced reports whether another leads by now.
func (f *failover) replaced(gone string) bool {
	leader := f.leader()
	return leader != "" && leader != gone
}

// rank is this node's place among the voters without the leader, -1 for none,
// and how many these are.
func (f *failover) rank(leader string) (rank, candidates int) {
	self := f.node.cfg.Session.Server
	others, _, voter := votersBut(f.node.configuration(), leader)
	if leader == "" || leader == self || voter == 0 {
		return -1, 0
	}
	slices.Sort(others)
	return slices.Index(others, self), len(others)
}

// lost looks for a leader whose connection has ended.
func (f *failover) lost(leader string) bool {
	pause := time.Duration(goneLookPause)
	for range goneLooks {
		if f.gone(leader) {
			return true
		}
		if !f.node.sleep(pause) || f.leader() != leader {
			return false
		}
		pause *= 2
	}
	return false
}

func (f *failover) gone(leader string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), goneLookWithin)
	defer cancel()
	return f.node.cfg.Peers.Gone(ctx, leader)
}

// myTurn waits until the voters before this one have had their time. It is put
// off while somebody is heard: an entry that was still under way, or a
// candidate who has just got this node's vote and is about to lead. Raft forgets
// the leader as soon as a candidate asks for a vote, which may take long to store;
// one whose log is too old does not get it.
// Put off, it is by a whole round: two voters never stand at once.
func (f *failover) myTurn(gone string, rank, candidates int) bool {
	wait := standQuiet + time.Duration(rank)*standStep
	heard, leader := f.node.raft.LastContact(), f.leader()
	for range standLooks {
		if !f.node.sleep(wait) {
			return false
		}
		if f.replaced(gone) {
			return false
		}
		last, now := f.node.raft.LastContact(), f.leader()
		if last.Equal(heard) && now == leader {
			return f.node.raft.State() != raft.Leader
		}
		heard, leader, wait = last, now, time.Duration(candidates)*standStep
	}
	return false
}

// stand has Raft hold an election as it does for a transfer.
func (f *failover) stand() error {
	n := f.node
	return n.timeoutNow(raft.Server{ID: raft.ServerID(n.cfg.Session.Server), Address: n.transport.LocalAddr()})
}

// timeoutNow sends a server, which may be this one, the message by which a
// leader ends a transfer: it stands for election at once.
func (n *Node) timeoutNow(to raft.Server) error {
	id := raft.ServerID(n.cfg.Session.Server)
	req := raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{
		ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: n.transport.EncodePeer(id, n.transport.LocalAddr()),
	}}
	return n.transport.TimeoutNow(to.ID, to.Address, &req, &raft.TimeoutNowResponse{})
}

// sleep waits for d; false means that the node stops.
func (n *Node) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-n.stop:
		return false
	}
}
