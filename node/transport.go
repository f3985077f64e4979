package node

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// transport is Raft's network transport with some changes.
//
// SetHeartbeatHandler does nothing, so heartbeats go through Raft's main loop. The fast path would
// raise the term on another goroutine while a leader's main loop may be about to stamp an entry. A
// leader that was paused could then write entries under a term that is not its own, and replicas
// would diverge.
//
// A dial names a server and not only an address: the target of every call is "server|address".
// This string is also the key of the connection pool and the form in which a vote is stored. So
// two servers that follow each other at one address are never taken for the same candidate.
//
// A peer that comes back is reached at once: see AppendEntries. A snapshot is installed only where
// Raft can continue from it: see install. Damaged entries are refused (refuses), and pre-votes of
// candidates that alone can win are held back (holdPreVote). A server that is told never to lead
// asks for no votes (abstention).
//
// The network transport is embedded because Raft asks it for optional interfaces (pre-vote,
// closing). Wide because every call that servers make of each other passes here.
type transport struct {
	*raft.NetworkTransport
	layer  *streamLayer
	logger raftLogger
	leave  func(error)       // the node's Leave
	room   func(int64) error // says why a leader's snapshot of a size cannot be stored
	paces  *paces            // told of every answered call with entries
	calls  chan raft.RPC     // calls of other servers, for Raft
	serves atomic.Value      // Node.serves once Raft runs: a func(raft.ServerID, raft.ServerAddress, uint64) bool
	lead   *leadership       // says who asks for no votes, and when heartbeats are sent
	early  *earlySends
	counts *counts

	// Used by pass, which runs while Raft does.
	logs      *raftLogs
	term      func() uint64             // the current one
	committed func() uint64             // the index up to which this server knows that entries are committed
	knows     func() raft.Configuration // the newest configuration that this server has
	watch     *leaderWatch

	mu        sync.Mutex
	heard     map[raft.ServerAddress]chan struct{} // closed at the next heartbeat that is answered
	delivered map[raft.ServerID]delivery
	sent      sentEntry
	confirmed chan struct{} // cap 1: a follower has confirmed something
}

// sentEntry is the last entry of a term that this process has sent to anybody.
type sentEntry struct{ term, index uint64 }

// after returns the last sent entry once one more call begins.
func (s sentEntry) after(req *raft.AppendEntriesRequest) sentEntry {
	if last := req.PrevLogEntry + uint64(len(req.Entries)); req.Term > s.term || req.Term == s.term && last > s.index {
		return sentEntry{req.Term, last}
	}
	return s
}

// delivery records what a follower has confirmed of this process's entries.
type delivery struct {
	calls uint64
	last  time.Time
	term  uint64 // of the newest call that succeeded
	index uint64 // up to which the follower has confirmed in that term that it has stored entries
}

// stored returns the index up to which the follower has confirmed entries in a term, 0 for none.
func (d delivery) stored(term uint64) uint64 {
	if d.term != term {
		return 0
	}
	return d.index
}

// after returns what is known once one more call has been answered.
func (d delivery) after(req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) delivery {
	d.calls, d.last = d.calls+1, time.Now()
	if resp.Success && req.Term >= d.term { // a late answer of an earlier term says nothing about this one
		if d.term != req.Term {
			d.term, d.index = req.Term, 0
		}
		d.index = max(d.index, req.PrevLogEntry+uint64(len(req.Entries)))
	}
	return d
}

func newTransport(n *Node, logger raftLogger) *transport {
	layer := newStreamLayer(n.cfg.Streams, n.cfg.Session.Server, n.lead.failover.hint)
	t := &transport{
		layer: layer, logger: logger, leave: n.Leave, room: n.snapshots.room, paces: &n.logs.paces, counts: &n.worker.counts,
		calls: make(chan raft.RPC), lead: &n.lead,
		heard: map[raft.ServerAddress]chan struct{}{}, delivered: map[raft.ServerID]delivery{}, confirmed: make(chan struct{}, 1),
		NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream:          layer,
			MaxPool:         connectionsPerPeer,
			MaxRPCsInFlight: 1, // pipelining wedges a follower whose disk stalls
			Timeout:         rpcTimeout,
			Logger:          logger,
		}),
	}
	t.early = newEarlySends(t.sending, t.sendEarly, layer.done)
	return t
}

// begin starts passing calls to Raft, which now runs.
func (t *transport) begin(n *Node, logs *raftLogs) {
	t.serves.Store(n.serves)
	t.logs, t.term, t.knows, t.watch = logs, n.raft.CurrentTerm, n.configuration, n.watch
	t.committed = func() uint64 { return max(n.raft.CommitIndex(), n.worker.progress.index.Load()) }
	t.early.raft.Store(n.earlyRaft())
	go t.pass()
}

// Consumer implements raft.Transport.
func (t *transport) Consumer() <-chan raft.RPC { return t.calls }

// pass hands the calls of other servers to Raft, except for those that are refused, held back, or
// snapshots that Raft must not install. It ends with the layer.
func (t *transport) pass() {
	for {
		select {
		case call := <-t.NetworkTransport.Consumer():
			if t.refuses(call) {
				continue
			}
			switch req := call.Command.(type) {
			case *raft.InstallSnapshotRequest:
				if !t.install(call, req) {
					continue
				}
			case *raft.RequestVoteRequest:
				req.ID = t.electable(req.ID)
			case *raft.RequestPreVoteRequest:
				candidate := string(req.ID)
				req.ID = t.electable(req.ID)
				if t.holdPreVote(call, req, candidate) {
					continue
				}
			}
			t.hand(call)
		case <-t.layer.done:
			return
		}
	}
}

// hand hands a call to Raft.
func (t *transport) hand(call raft.RPC) {
	select {
	case t.calls <- call:
	case <-t.layer.done:
	}
}

// electable returns the id by which Raft judges whether a candidate may be voted for. Raft refuses
// a candidate that is no voter in its own newest configuration. But a server that lags does not
// know whom a majority has since made a voter. Such a candidate may need this server's vote, and
// this server its log; votes depend on logs and terms alone (Raft dissertation, 4.1). So Raft is
// shown the id of a voter in the candidate's place. It takes the candidate that it votes for from
// the address.
func (t *transport) electable(candidate []byte) []byte {
	shown := candidate
	for _, s := range t.knows().Servers {
		switch {
		case s.Suffrage != raft.Voter:
		case string(s.ID) == string(candidate):
			return candidate
		default:
			shown = []byte(s.ID)
		}
	}
	return shown
}

// cut ends the transport and every connection, so that everybody who waits in a call returns.
func (t *transport) cut() {
	t.layer.cut()
	_ = t.NetworkTransport.Close()
}

func target(id raft.ServerID, addr raft.ServerAddress) raft.ServerAddress {
	return raft.ServerAddress(string(id) + "|" + string(addr))
}

// AppendEntries calls a follower, unless the same entries have already been sent early.
func (t *transport) AppendEntries(id raft.ServerID, addr raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	to := target(id, addr)
	t.sending(req)
	if heartbeat := req.PrevLogEntry == 0 && len(req.Entries) == 0 && req.LeaderCommitIndex == 0; heartbeat {
		t.lead.failover.join(t.layer.done)
		err := t.overFresh(func() error { return t.NetworkTransport.AppendEntries(id, to, req, resp) })
		if err == nil {
			t.answered(to)
		}
		return err
	}
	slot := t.early.begin(id)
	if t.early.answer(slot, req, resp) {
		t.early.end(slot, addr, req, resp)
		return nil
	}
	if err := t.deliver(id, addr, req, resp); err != nil {
		t.early.end(slot, addr, nil, nil)
		return err
	}
	t.noted(id, req, resp)
	t.early.end(slot, addr, req, resp)
	return nil
}

// sending records what is about to be sent to anybody.
func (t *transport) sending(req *raft.AppendEntriesRequest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = t.sent.after(req)
}

// deliver calls a follower with entries or with news of a commit. Raft doubles its pause after
// each failed call, up to ten seconds. In that time a follower that is back would hear heartbeats
// but get no entries. So entries that cannot be delivered wait here for the next answered
// heartbeat and are then sent again. They wait for as long as this node leads in their term and
// the follower is a member at that address.
func (t *transport) deliver(id raft.ServerID, addr raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	to := target(id, addr)
	begun := time.Now()
	err := t.overFresh(func() error { return t.NetworkTransport.AppendEntries(id, to, req, resp) })
	if err == nil && len(req.Entries) > 0 {
		t.paces.answered(id, begun)
	}
	for err != nil && !t.damagedHere(req) && t.awaitHeartbeat(id, addr, req.Term) {
		err = t.NetworkTransport.AppendEntries(id, to, req, resp)
	}
	return err
}

// noted records a call other than a heartbeat that a follower has answered.
func (t *transport) noted(id raft.ServerID, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) {
	t.mu.Lock()
	t.delivered[id] = t.delivered[id].after(req, resp)
	t.mu.Unlock()
	signal(t.confirmed)
}

// sendEarly sends a message of earlySends.
func (t *transport) sendEarly(m *earlyMessage) error {
	err := t.NetworkTransport.AppendEntries(m.to.ID, target(m.to.ID, m.to.Address), &m.req, &m.resp)
	if err == nil {
		t.paces.answered(m.to.ID, m.sent)
		t.noted(m.to.ID, &m.req, &m.resp)
	}
	return err
}

// overFresh repeats a call at once if it has failed on a connection from the pool. The connections
// that were opened to a peer before it restarted are all dead, and Raft would wait for an election
// time-out before it asks for a vote again. Each of these messages may arrive twice.
func (t *transport) overFresh(call func() error) error {
	begun := time.Now()
	err := call()
	for range connectionsPerPeer {
		if err == nil || errors.As(err, new(*dialError)) || t.IsShutdown() || time.Since(begun) > rpcTimeout/2 {
			break
		}
		err = call()
	}
	return err
}

// deliveries returns how many calls with entries or news of a commit a follower has answered, and
// when the last one was.
func (t *transport) deliveries(id raft.ServerID) delivery {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.delivered[id]
}

// lastSent returns the index of the last entry of a term that was sent to anybody, 0 for none.
func (t *transport) lastSent(term uint64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sent.term != term {
		return 0
	}
	return t.sent.index
}

// answered releases the entries that wait for a heartbeat to this target.
func (t *transport) answered(to raft.ServerAddress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ch := t.heard[to]; ch != nil {
		close(ch)
		delete(t.heard, to)
	}
}

// awaitHeartbeat waits for the next answered heartbeat. It returns false if there is nothing to
// wait for any more.
func (t *transport) awaitHeartbeat(id raft.ServerID, addr raft.ServerAddress, term uint64) bool {
	to := target(id, addr)
	t.mu.Lock()
	ch := t.heard[to]
	if ch == nil {
		ch = make(chan struct{})
		t.heard[to] = ch
	}
	t.mu.Unlock()
	look := time.NewTicker(leadsLook)
	defer look.Stop()
	for {
		select {
		case <-ch:
			return true
		case <-look.C:
			serves, ok := t.serves.Load().(func(raft.ServerID, raft.ServerAddress, uint64) bool)
			if !ok || t.IsShutdown() || !serves(id, addr, term) {
				return false
			}
		}
	}
}

func (t *transport) AppendEntriesPipeline(id raft.ServerID, addr raft.ServerAddress) (raft.AppendPipeline, error) {
	return t.NetworkTransport.AppendEntriesPipeline(id, target(id, addr))
}

func (t *transport) RequestVote(id raft.ServerID, addr raft.ServerAddress, req *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	if t.lead.abstention.withholds.Load() {
		return errAbstains
	}
	ask := func(id raft.ServerID, addr raft.ServerAddress) error {
		return t.NetworkTransport.RequestVote(id, target(id, addr), req, resp)
	}
	if faultStrangersVote && t.strangersVote(func(id raft.ServerID, addr raft.ServerAddress) bool { return ask(id, addr) == nil && resp.Granted }) {
		return nil
	}
	return t.overFresh(func() error { return ask(id, addr) })
}

func (t *transport) RequestPreVote(id raft.ServerID, addr raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	if t.lead.abstention.withholds.Load() {
		return errAbstains
	}
	ask := func(id raft.ServerID, addr raft.ServerAddress) error {
		return t.NetworkTransport.RequestPreVote(id, target(id, addr), req, resp)
	}
	if faultStrangersVote && t.strangersVote(func(id raft.ServerID, addr raft.ServerAddress) bool { return ask(id, addr) == nil && resp.Granted }) {
		return nil
	}
	return t.overFresh(func() error { return ask(id, addr) })
}

func (t *transport) TimeoutNow(id raft.ServerID, addr raft.ServerAddress, req *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return t.overFresh(func() error { return t.NetworkTransport.TimeoutNow(id, target(id, addr), req, resp) })
}

// InstallSnapshot implements raft.Transport. It counts the snapshots that followers accept.
func (t *transport) InstallSnapshot(id raft.ServerID, addr raft.ServerAddress, req *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	slot := t.early.begin(id)
	defer t.early.end(slot, addr, nil, nil)
	t.early.drop(slot)
	err := t.NetworkTransport.InstallSnapshot(id, target(id, addr), req, resp, data)
	if err == nil && resp.Success {
		t.counts.snapshotsSent.Add(1)
	}
	return err
}

// EncodePeer returns the name of a server in Raft's messages.
func (t *transport) EncodePeer(id raft.ServerID, addr raft.ServerAddress) []byte {
	return []byte(target(id, addr))
}

// SetHeartbeatHandler does nothing: see transport.
func (t *transport) SetHeartbeatHandler(handle func(raft.RPC)) {
	if faultHeartbeatFastPath {
		t.NetworkTransport.SetHeartbeatHandler(handle)
	}
}
