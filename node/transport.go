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
// SetHeartbeatHandler does nothing, so that heartbeats take Raft's main loop.
// The fast path raises the term on another goroutine while a leader's main
// loop may be about to stamp an entry: a leader that was paused could write
// entries under a term that is not its own, and replicas diverge.
//
// What is dialled is a server, not only an address: every call's target is
// "server|address", which also keys the connection pool and is what a vote is
// stored as, so that two servers that follow each other at one address are
// never taken for the same candidate.
//
// A peer that comes back is found at once: see AppendEntries. A snapshot is installed
// only where Raft can go on from it: see install. Damaged entries are refused (refuses),
// and the pre-votes of candidates that alone can win wait (holdPreVote).
//
// And a server that is told never to lead asks nobody for a vote (abstention).
//
// The network transport is embedded since Raft asks it for optional interfaces
// (pre-vote, closing). Wide because every call that servers make of each other passes here.
type transport struct {
	*raft.NetworkTransport
	layer  *streamLayer
	logger raftLogger
	leave  func(error)       // the node's
	room   func(int64) error // says why a leader's snapshot of a size cannot be stored
	paces  *paces            // told of every call with entries that is answered
	calls  chan raft.RPC     // those of others, for Raft
	serves atomic.Value      // func(raft.ServerID, raft.ServerAddress, uint64) bool: this node leads in that term and that server follows at that address
	lead   *leadership       // who asks for no vote, and when heartbeats go
	early  *earlySends
	counts *counts

	// Of pass, which runs when Raft does.
	logs      *raftLogs
	term      func() uint64             // the current one
	committed func() uint64             // up to where this server knows that entries are
	knows     func() raft.Configuration // the newest that this server has
	watch     *leaderWatch

	mu        sync.Mutex
	heard     map[raft.ServerAddress]chan struct{} // closed at the next heartbeat that is answered
	delivered map[raft.ServerID]delivery
	sent      sentEntry
	confirmed chan struct{} // cap 1: a follower has confirmed something
}

// sentEntry is the last entry that this process has sent to anybody in a term.
type sentEntry struct{ term, index uint64 }

// after is the last that was sent once one more call begins.
func (s sentEntry) after(req *raft.AppendEntriesRequest) sentEntry {
	if last := req.PrevLogEntry + uint64(len(req.Entries)); req.Term > s.term || req.Term == s.term && last > s.index {
		return sentEntry{req.Term, last}
	}
	return s
}

// delivery is what a follower has answered of this process's entries.
type delivery struct {
	calls uint64
	last  time.Time
	term  uint64 // of the newest call that has succeeded
	index uint64 // to which the follower has stored, as far as it has confirmed in that term
}

// stored is the entry to which the follower has confirmed in a term, 0 for none.
func (d delivery) stored(term uint64) uint64 {
	if d.term != term {
		return 0
	}
	return d.index
}

// after is what is known once one more call has been answered.
func (d delivery) after(req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) delivery {
	d.calls, d.last = d.calls+1, time.Now()
	if resp.Success && req.Term >= d.term { // a late answer of an earlier term says nothing of this one
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

// begin has calls passed to Raft, which runs.
func (t *transport) begin(n *Node, logs *raftLogs) {
	t.serves.Store(n.serves)
	t.logs, t.term, t.knows, t.watch = logs, n.raft.CurrentTerm, n.configuration, n.watch
	t.committed = func() uint64 { return max(n.raft.CommitIndex(), n.worker.progress.index.Load()) }
	t.early.raft.Store(n.earlyRaft())
	go t.pass()
}

// Consumer implements raft.Transport.
func (t *transport) Consumer() <-chan raft.RPC { return t.calls }

// pass hands the calls of others over to Raft, but for snapshots that it is not to
// install. pass ends with the layer.
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

// electable is the id by which Raft judges whether a candidate may be voted for. It
// refuses one that its own newest configuration does not make a voter. But a server
// that lags does not know whom a majority has made one since, and its vote may be
// what such a candidate, whose log it needs, lacks: votes go by logs and terms alone
// (Raft dissertation, 4.1). So Raft is shown a voter in the candidate's place;
// whom it votes for, it takes from the address.
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

// cut ends the transport and every connection, so that all who wait in a call return.
func (t *transport) cut() {
	t.layer.cut()
	_ = t.NetworkTransport.Close()
}

func target(id raft.ServerID, addr raft.ServerAddress) raft.ServerAddress {
	return raft.ServerAddress(string(id) + "|" + string(addr))
}

// AppendEntries calls a follower, unless what it says has been sent early.
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

// sending takes note of what is about to be sent to anybody.
func (t *transport) sending(req *raft.AppendEntriesRequest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = t.sent.after(req)
}

// deliver calls a follower with entries, or with news of a commit. Raft doubles its
// pause after each call that fails, up to ten seconds, during which a follower that is
// back hears heartbeats and gets no entries. So entries that cannot be delivered wait
// here for the next heartbeat that is answered, for as long as this node leads in
// their term and the follower is a member at that address, and are sent again then.
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

// noted takes note of a call, no heartbeat, that a follower has answered.
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

// overFresh makes a call again, at once, that has failed on a connection from
// the pool: those that were opened to a peer before it restarted are all dead,
// and Raft would wait for an election time-out before it asks for a vote again.
// Each of these messages may arrive twice.
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

// deliveries tells how many calls with entries, or with news of a commit, a
// follower has answered, and when the last.
func (t *transport) deliveries(id raft.ServerID) delivery {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.delivered[id]
}

// lastSent is the last entry that was sent to anybody in a term, 0 for none.
func (t *transport) lastSent(term uint64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sent.term != term {
		return 0
	}
	return t.sent.index
}

func (t *transport) answered(to raft.ServerAddress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ch := t.heard[to]; ch != nil {
		close(ch)
		delete(t.heard, to)
	}
}

// awaitHeartbeat returns false when there is nothing to wait for any more.
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

// InstallSnapshot implements raft.Transport, and counts those that are taken.
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

// EncodePeer is how a server names itself in Raft's messages.
func (t *transport) EncodePeer(id raft.ServerID, addr raft.ServerAddress) []byte {
	return []byte(target(id, addr))
}

// SetHeartbeatHandler does nothing: see transport.
func (t *transport) SetHeartbeatHandler(handle func(raft.RPC)) {
	if faultHeartbeatFastPath {
		t.NetworkTransport.SetHeartbeatHandler(handle)
	}
}
