package node

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node/detector"
)

// failover shortens the time without a leader. Raft's heartbeats wait behind an fsync, so its
// time-outs are a second and more. Beats (beat.go) do not touch a disk, and a refused port
// (hint.go) shows at once that a process has ended. Package detector decides what this evidence
// amounts to. Raft's pre-vote is refused while the other voters believe in their leader, so this
// voter asks them first (silence.go). Once it stands, it skips the pre-vote, as after a transfer.
//
// Raft is safe under any election. Its time-outs decide where the detector cannot: among voters of
// an earlier release, and where no leader has been heard yet.
type failover struct {
	node   *Node
	hurry  chan struct{} // cap 1: a look is due now
	broken chan string   // cap 1: a Raft connection that this leader had opened to this server has ended
	looks  chan struct{} // one token for each port check on behalf of another voter

	mu       sync.Mutex // never held during a wait
	detector detector.Detector
	beaten   heardBeat
	known    string        // the last leader
	led      uint64        // the last term in which this node led
	entries  uint64        // the entries that this leader had proposed when it last sent a beat
	busyAt   time.Time     // when there were last new ones
	ticks    chan struct{} // closed and replaced at every look
	refused  refusal
	disks    map[string]owed // what the other voters have reported about their disks
	sent     map[string]bool // servers whose answer to a beat is outstanding
}

func newFailover(n *Node) *failover {
	return &failover{
		node: n, hurry: make(chan struct{}, 1), broken: make(chan string, 1), looks: make(chan struct{}, portLooksMax),
		ticks: make(chan struct{}), disks: map[string]owed{}, sent: map[string]bool{},
	}
}

// kick triggers a look now.
func (f *failover) kick() { signal(f.hurry) }

// run takes looks until the node stops.
func (f *failover) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-f.hurry:
		case <-f.node.stop:
			return
		}
		timer.Reset(f.look())
	}
}

// look sends beats if this node leads, and otherwise considers standing. It returns when the next
// look is due.
func (f *failover) look() (next time.Duration) {
	defer f.tick()
	if term, leads := f.node.leads(); leads {
		return f.beat(term)
	}
	v := f.view()
	f.mu.Lock()
	why, next := f.detector.Look(time.Now(), v)
	f.mu.Unlock()
	if why == detector.None || !f.mayStand() {
		return next
	}
	return f.consider(why, v)
}

// view returns what this node, which does not lead, sees now.
func (f *failover) view() detector.View {
	r := f.node.raft
	// Raft steps down before it stores its vote for another server, and only then raises its term
	// in memory.
	stands := r.State() == raft.Candidate || f.node.stable.stalled() > 0
	v := detector.View{Term: r.CurrentTerm(), Stands: stands, Heard: r.LastContact()}
	_, id := r.LeaderWithID()
	self := f.node.cfg.Session.Server
	if leader := string(id); leader != "" && leader != self {
		v.Unanswered = f.node.cfg.Peers.Unanswered(leader)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if id != "" {
		f.known = string(id)
	}
	v.Leader, v.Own, v.Led = f.known, f.known == self, f.led
	v.Follows = id != "" && !v.Own
	v.Refused = f.refused.counts(v.Leader, f.beaten)
	if b := f.beaten; b.term >= v.Term {
		if b.at.After(v.Heard) {
			v.Heard = b.at
		}
		if b.from == v.Leader {
			v.Beats, v.Owed, v.OwedAt = true, b.owed, b.at
		}
	}
	return v
}

// mayStand reports whether this node could stand for election now.
func (f *failover) mayStand() bool {
	n := f.node
	_, voter := votersBut(n.configuration(), n.cfg.Session.Server)
	f.mu.Lock()
	stood := !f.detector.MayStand(time.Now())
	f.mu.Unlock()
	return voter && !stood && !n.ends() && !n.lead.abstention.withholds.Load()
}

// ends reports whether this node has left, is stopping, or has failed.
func (n *Node) ends() bool {
	return n.departure.begun.Load() || n.logs.unplugged.Load() || n.Err() != nil
}

// consider asks the other voters once, and stands if their answers suffice. It returns when the
// next look is due.
func (f *failover) consider(why detector.Reason, v detector.View) (next time.Duration) {
	f.mu.Lock()
	early := f.detector.Ask(time.Now())
	f.mu.Unlock()
	if early > 0 {
		return early
	}
	round := f.ask(why, v)
	after := f.view()
	f.mu.Lock()
	f.detector.Asked()
	still, next := f.detector.Look(time.Now(), after)
	silence, stands := f.detector.Silence(after), false
	if still != detector.None {
		stands, next = f.detector.Judge(round)
	}
	f.mu.Unlock()
	if !stands {
		return next
	}
	f.node.log.Info("standing for election in the place of the leader", slog.String("leader", after.Leader), slog.Uint64("term", after.Term),
		slog.String("reason", string(still)), slog.Duration("heard_nothing_for", silence.Round(time.Millisecond)))
	if err := f.stand(after.Term); err != nil {
		f.node.log.Warn("could not stand for election", slog.Any("error", err))
		return next
	}
	f.mu.Lock()
	f.detector.Stood(time.Now())
	f.mu.Unlock()
	return next
}

var (
	errMainLoop = errors.New("the main loop of Raft is busy")
	errLater    = errors.New("another election has begun meanwhile")
)

// stand makes Raft hold an election as after a transfer, now or not at all. Later, another server
// may lead, and Raft ignores the term of the message.
func (f *failover) stand(term uint64) error {
	n := f.node
	call := raft.RPC{Command: n.timeoutNowRequest(), RespChan: make(chan raft.RPCResponse, 1)}
	look := time.NewTicker(standLook)
	defer look.Stop()
	for began := time.Now(); time.Since(began) < standWithin; {
		select {
		case n.transport.calls <- call:
			return nil
		case <-look.C:
			if n.raft.CurrentTerm() != term || n.stable.stalled() > 0 {
				return errLater
			}
		case <-n.transport.layer.done:
			return errStopped
		}
	}
	return errMainLoop
}

// timeoutNowRequest returns the message that makes a server stand for election.
func (n *Node) timeoutNowRequest() *raft.TimeoutNowRequest {
	id := raft.ServerID(n.cfg.Session.Server)
	return &raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{
		ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: n.transport.EncodePeer(id, n.transport.LocalAddr()),
	}}
}

// timeoutNow sends another server the message that ends a leadership transfer. It makes that
// server stand for election at once.
func (n *Node) timeoutNow(to raft.Server) error {
	return n.transport.TimeoutNow(to.ID, to.Address, n.timeoutNowRequest(), &raft.TimeoutNowResponse{})
}

// sleep waits for d. It returns false if the node stops.
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
