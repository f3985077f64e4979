package node

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// earlySends sends entries to followers while this leader is still storing them. Raft itself sends
// them only after they are stored, so a write would wait for two disks, one after the other (Raft
// dissertation, 10.2.1). Each message is an ordinary AppendEntries. When Raft comes to send the
// same entries, its call takes the answer of that message.
//
// What must hold:
//
//  1. Only the leader of the entries' own term sends them. This is checked on Raft's main
//     goroutine, the only one on which leadership and term change: heartbeats pass
//     through it, too.
//  2. A message says what Raft's own would say: the previous entry is the one that the
//     follower has confirmed, its term is known, and the commit index does not go
//     beyond it, since a follower commits what it is told of and has.
//  3. A follower gets one only if the last Raft call that it answered in this term
//     was a success that ended right before the entries, and neither a call of Raft's nor
//     another message is in flight to it. Otherwise Raft sends the entries as usual.
//  4. Nothing is counted that Raft has not asked for. Raft counts this server once
//     StoreLogs has returned, and a follower once its own call for these entries returns,
//     which begins later. So a committed entry is on as many disks as without early sends.
//  5. An answer is given once, only to a call with the same term, previous entry and
//     entries, and only if it is not older than earlyAnswerMax. After an error, or before
//     any other call with entries or a snapshot, the message is waited for and Raft's own
//     call is sent.
//  6. If this leader cannot store the entries, it leaves for good (guardedLogs): a
//     follower may have entry i of term T, so there must never be another one.
//
// A leader that crashes while it is storing restarts as a follower. Nobody else leads in its term.
// So an entry that only followers have is committed by the next leader, or replaced in a later
// term; its client was told nothing.
type earlySends struct {
	sending  func(*raft.AppendEntriesRequest) // told of each message before it is sent
	transmit func(m *earlyMessage) error      // sends a message; returns when it is answered or has failed
	over     <-chan struct{}                  // closed when the transport ends
	raft     atomic.Pointer[earlyRaft]        // nil until Raft runs

	mu    sync.Mutex
	slots map[raft.ServerID]*earlySlot
}

// earlyRaft tells who leads, who follows and what is committed. It is asked on Raft's main
// goroutine.
type earlyRaft struct {
	header    raft.RPCHeader
	leads     func() (term uint64, ok bool)
	committed func() uint64
	members   func() []raft.Server
}

// earlyMessage carries entries to one follower. Its answer may be read once done is closed.
type earlyMessage struct {
	to       raft.Server
	req      raft.AppendEntriesRequest
	sent     time.Time
	done     chan struct{}
	answered time.Time
	resp     raft.AppendEntriesResponse
	err      error
}

// earlySlot records whether entries can be sent early to one follower, and holds the message.
type earlySlot struct {
	addr    raft.ServerAddress // the address at which it last answered
	term    uint64             // of the last Raft call that it answered
	ends    position           // the last entry that the follower confirmed in that call; zero: unknown
	calls   int                // Raft calls in flight
	sending bool               // message is in flight
	message *earlyMessage      // nil: none, or its answer was given to Raft
	outbox  chan *earlyMessage // to run; has room for the one message that may be in flight
	over    chan struct{}      // closed when the follower has left the configuration
}

func newEarlySends(sending func(*raft.AppendEntriesRequest), transmit func(*earlyMessage) error, over <-chan struct{}) *earlySends {
	return &earlySends{sending: sending, transmit: transmit, over: over, slots: map[raft.ServerID]*earlySlot{}}
}

// send sends entries that Raft is about to store to the followers that are ready for them. It does
// not block.
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
		// Recorded now, and not when the message is sent: a leader that cannot store the entries
		// looks for an heir that has them.
		e.sending(&m.req)
		slot.message, slot.sending = m, true
		slot.outbox <- m
	}
}

// ready reports whether a follower at addr certainly has everything before first and no call to it
// is in flight.
func (s *earlySlot) ready(addr raft.ServerAddress, term, first uint64) bool {
	idle := s.calls == 0 && !s.sending
	return idle && s.addr == addr && s.term == term && s.ends.Index != 0 && s.ends.Index+1 == first
}

// run sends one follower's messages until it leaves the configuration or the transport ends.
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

// begin records that a Raft call other than a heartbeat is in flight to a follower. The caller
// passes the returned slot to end when the call has been answered or has failed.
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

// end records the outcome of a call; req is nil if the outcome says nothing about entries.
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

// answer reports whether the follower has already been sent what Raft is about to send, and has
// answered; resp then holds that answer. answer waits for a message in flight.
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

// drop waits for a message in flight and discards its answer.
func (e *earlySends) drop(slot *earlySlot) {
	e.mu.Lock()
	m := slot.message
	slot.message = nil
	e.mu.Unlock()
	if m != nil {
		e.await(m)
	}
}

// claim returns the message that a Raft call has to wait for, and whether it says the same. The
// call takes the message, unless it carries no entries and starts at the same place: such a call
// comes while the entries are still being stored here, and leaves the message for the next one.
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

// sameEntries reports whether two messages carry the same entries after the same previous entry.
func sameEntries(a, b *raft.AppendEntriesRequest) bool {
	n := len(a.Entries)
	return sameStart(a, b) && n > 0 && n == len(b.Entries) && sameEntry(a.Entries[0], b.Entries[0]) && sameEntry(a.Entries[n-1], b.Entries[n-1])
}

func sameStart(a, b *raft.AppendEntriesRequest) bool {
	return a.Term == b.Term && a.PrevLogEntry == b.PrevLogEntry && a.PrevLogTerm == b.PrevLogTerm
}

func sameEntry(a, b *raft.Log) bool { return a.Index == b.Index && a.Term == b.Term }

// await waits until a message is done. It returns false when time is up.
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

// earlyRaft returns what earlySends needs to know of this node's Raft.
func (n *Node) earlyRaft() *earlyRaft {
	id := raft.ServerID(n.cfg.Session.Server)
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: n.transport.EncodePeer(id, n.transport.LocalAddr())}
	return &earlyRaft{
		header: header, leads: n.leads, committed: n.raft.CommitIndex,
		members: func() []raft.Server { return n.configuration().Servers },
	}
}
