package node

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// earlySends send entries to followers while this leader still stores them. Raft
// sends them when they are stored, so that a write would wait for two disks, one after
// the other (Raft dissertation, 10.2.1). Each message is an ordinary AppendEntries, and
// when Raft comes to send the same entries, its call takes that message's answer.
//
// What must hold:
//
//  1. Only the leader of the entries' own term sends them, asked on Raft's main
//     goroutine, on which alone both change: heartbeats take it, too.
//  2. A message says what Raft's own would say: the entry before is the one that the
//     follower has confirmed, its term is known, and the commit index does not go
//     beyond it, since a follower commits what it is told of and has.
//  3. A follower gets one only if the last call of Raft's that it has answered, in this
//     term, was a success that ended right before the entries, and nothing of Raft's and
//     no other message is under way to it. Else Raft sends, as it always did.
//  4. Nothing is counted that Raft has not asked for. Raft counts this server once
//     StoreLogs has returned, and a follower once its own call for these entries returns,
//     which begins later: what is committed is on as many disks as ever.
//  5. An answer is given once, only to a call with the same term, previous entry and
//     entries, and only if it is not older than earlyAnswerMax. After an error, or before
//     any other call with entries or a snapshot, the message is waited for and Raft's own is sent.
//  6. If this leader cannot store the entries, it leaves for good (guardedLogs): a
//     follower may have entry i of term T, so there must never be another one.
//
// A leader that crashes between the two restarts as a follower. Nobody else leads in
// its term, so an entry that only followers have is committed by the next leader, or
// replaced in a later term; its client was told nothing.
type earlySends struct {
	sending  func(*raft.AppendEntriesRequest) // told of what is about to be sent
	transmit func(m *earlyMessage) error      // returns when it is answered, or fails
	over     <-chan struct{}                  // closed when the transport ends
	raft     atomic.Pointer[earlyRaft]        // nil until Raft runs

	mu    sync.Mutex
	slots map[raft.ServerID]*earlySlot
}

// earlyRaft asks Raft who leads and follows and what is committed, on its main goroutine.
type earlyRaft struct {
	header    raft.RPCHeader
	leads     func() (term uint64, ok bool)
	committed func() uint64
	members   func() []raft.Server
}

// earlyMessage takes entries to one follower. Its answer may be read once done is closed.
type earlyMessage struct {
	to       raft.Server
	req      raft.AppendEntriesRequest
	sent     time.Time
	done     chan struct{}
	answered time.Time
	resp     raft.AppendEntriesResponse
	err      error
}

// earlySlot tells whether one follower can be sent entries early, and holds the message.
type earlySlot struct {
	addr    raft.ServerAddress // at which it has answered
	term    uint64             // of Raft's last call that was answered
	ends    position           // the last entry that the follower has confirmed by that; zero: unknown
	calls   int                // of Raft's that are under way
	sending bool               // message is under way
	message *earlyMessage      // nil: none, or it was given to Raft
	outbox  chan *earlyMessage // for the sender; it has room for the one that may be under way
	over    chan struct{}      // closed when the follower has left the configuration
}

func newEarlySends(sending func(*raft.AppendEntriesRequest), transmit func(*earlyMessage) error, over <-chan struct{}) *earlySends {
	return &earlySends{sending: sending, transmit: transmit, over: over, slots: map[raft.ServerID]*earlySlot{}}
}

// send sends entries that Raft stores now to those followers that are ready for them.
// It waits for nothing.
func (e *earlySends) send(logs []*raft.Log) {
	r := e.raft.Load()
	if r == nil || len(logs) == 0 || len(logs) > appendEntriesMax {
		return
	}
	term := logs[0].Term
	if now, leads := r.leads(); !leads || now != term {
		return
	}
	members, committed := r.members(), r.committed()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range members {
		slot := e.slots[s.ID]
		if slot == nil || !slot.ready(s.Address, term, logs[0].Index) {
			continue
		}
		m := &earlyMessage{to: s, sent: time.Now(), done: make(chan struct{}), req: raft.AppendEntriesRequest{
			RPCHeader: r.header, Term: term, PrevLogEntry: slot.ends.Index, PrevLogTerm: slot.ends.Term,
			Entries: logs, LeaderCommitIndex: min(committed, slot.ends.Index),
		}}
		// At once, and not when it goes: a leader that cannot store the entries looks
		// for an heir that has them.
		e.sending(&m.req)
		slot.message, slot.sending = m, true
		slot.outbox <- m
	}
}

// ready reports whether a follower at addr surely has everything before first, and is
// sent nothing.
func (s *earlySlot) ready(addr raft.ServerAddress, term, first uint64) bool {
	idle := s.calls == 0 && !s.sending
	return idle && s.addr == addr && s.term == term && s.ends.Index != 0 && s.ends.Index+1 == first
}

// run sends one follower's messages, for as long as it is one and the transport lives.
func (e *earlySends) run(slot *earlySlot) {
	for {
		select {
		case m := <-slot.outbox:
			m.err = e.transmit(m)
			m.answered = time.Now()
			e.mu.Lock()
			slot.sending = false
			e.mu.Unlock()
			close(m.done)
		case <-slot.over:
			return
		case <-e.over:
			return
		}
	}
}

// begin notes that a call of Raft's, no heartbeat, is under way to a follower. It
// returns what has to be called when it has been answered or has failed.
func (e *earlySends) begin(id raft.ServerID) *earlySlot {
	e.mu.Lock()
	defer e.mu.Unlock()
	slot := e.slots[id]
	if slot == nil {
		slot = &earlySlot{outbox: make(chan *earlyMessage, 1), over: make(chan struct{})}
		e.slots[id] = slot
		go e.run(slot)
	}
	slot.calls++
	return slot
}

// end notes what has become of a call; req is nil if it says nothing about entries.
func (e *earlySends) end(slot *earlySlot, addr raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) {
	e.mu.Lock()
	defer e.mu.Unlock()
	slot.calls--
	slot.addr, slot.term, slot.ends = addr, 0, position{}
	if req == nil || !resp.Success || resp.Term != req.Term {
		return
	}
	slot.term, slot.ends = req.Term, position{req.PrevLogEntry, req.PrevLogTerm}
	if n := len(req.Entries); n > 0 {
		slot.ends = position{req.Entries[n-1].Index, req.Entries[n-1].Term}
	}
}

// answer reports whether a follower has been sent what Raft is about to send, and has
// answered, which is resp then. It waits for a message that is under way.
func (e *earlySends) answer(slot *earlySlot, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) bool {
	e.mu.Lock()
	m, same := slot.claim(req)
	e.mu.Unlock()
	if m == nil || !e.await(m) || !same || m.err != nil || time.Since(m.answered) > earlyAnswerMax {
		return false
	}
	*resp = m.resp
	return true
}

// drop waits for a message that is under way, whose answer nobody is going to take.
func (e *earlySends) drop(slot *earlySlot) {
	e.mu.Lock()
	m := slot.message
	slot.message = nil
	e.mu.Unlock()
	if m != nil {
		e.await(m)
	}
}

// claim is the message that a call of Raft's has to wait for, and whether it says the
// same. Only a call without entries, which comes while the entries are still being
// stored here, leaves the message for the next one.
func (s *earlySlot) claim(req *raft.AppendEntriesRequest) (m *earlyMessage, same bool) {
	m = s.message
	if m == nil {
		return nil, false
	}
	same = sameEntries(&m.req, req)
	if before := len(req.Entries) == 0 && sameStart(&m.req, req); !before {
		s.message = nil
	}
	return m, same
}

// sameEntries reports whether two messages ask a follower for the same.
func sameEntries(a, b *raft.AppendEntriesRequest) bool {
	n := len(a.Entries)
	return sameStart(a, b) && n > 0 && n == len(b.Entries) && sameEntry(a.Entries[0], b.Entries[0]) && sameEntry(a.Entries[n-1], b.Entries[n-1])
}

func sameStart(a, b *raft.AppendEntriesRequest) bool {
	return a.Term == b.Term && a.PrevLogEntry == b.PrevLogEntry && a.PrevLogTerm == b.PrevLogTerm
}

func sameEntry(a, b *raft.Log) bool { return a.Index == b.Index && a.Term == b.Term }

// await waits until a message is done; false means that there is no time left.
func (e *earlySends) await(m *earlyMessage) bool {
	select {
	case <-m.done:
		return true
	default:
	}
	timer := time.NewTimer(rpcTimeout)
	defer timer.Stop()
	select {
	case <-m.done:
		return true
	case <-timer.C:
	case <-e.over:
	}
	return false
}

// earlyRaft lets earlySends ask this node's Raft.
func (n *Node) earlyRaft() *earlyRaft {
	id := raft.ServerID(n.cfg.Session.Server)
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: n.transport.EncodePeer(id, n.transport.LocalAddr())}
	return &earlyRaft{
		header: header, leads: n.leads, committed: n.raft.CommitIndex,
		members: func() []raft.Server { return n.configuration().Servers },
	}
}
