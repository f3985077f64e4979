package node

import (
	"maps"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node/detector"
)

// Beat tells the other voters that its sender leads. A leader sends beats regularly. A beat
// touches no disk and waits for nothing that waits for a disk.
type Beat struct {
	Term uint64
	Owed time.Duration // how long an operation of the sender's disk has been pending
}

// BeatAnswer tells a leader the state of a voter's disk. It does not show that anybody leads.
type BeatAnswer struct {
	Owed time.Duration // how long an operation of the voter's disk has been pending
}

// heardBeat is the newest beat of the highest term.
type heardBeat struct {
	from string
	term uint64
	at   time.Time
	owed time.Duration
}

// owed holds what another server has reported about its disk.
type owed struct {
	owed time.Duration
	at   time.Time
}

// beat tells every other voter that this node leads, and returns when to do so again. A voter has
// at most one unanswered beat. So beats do not pile up on a link that is cut, and a leader that
// hears nobody is not heard either.
func (f *failover) beat(term uint64) (next time.Duration) {
	n := f.node
	now := time.Now()
	f.mu.Lock()
	f.known, f.led = n.cfg.Session.Server, term
	b := Beat{Term: term, Owed: f.detector.Seen(n.owes(), now)}
	f.detector.Rest(now)
	if entries := n.committer.begun.Load(); entries != f.entries {
		f.entries, f.busyAt = entries, now
	}
	next = detector.IdleEvery
	if now.Sub(f.busyAt) < busyFor {
		next = detector.BeatEvery
	}
	f.mu.Unlock()
	if n.ends() {
		return next
	}
	for _, s := range n.configuration().Servers {
		if to := string(s.ID); s.Suffrage == raft.Voter && to != n.cfg.Session.Server && f.sends(to) {
			n.cfg.Peers.Beat(to, b, func(a BeatAnswer, err error) { f.answered(to, a, err) })
		}
	}
	return next
}

// tick releases those who wait in join.
func (f *failover) tick() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.ticks)
	f.ticks = make(chan struct{})
}

// join delays a Raft heartbeat until a beat of an idle leader, because messages sent together wake
// each node only once. Raft sends a heartbeat every tenth to fifth of its time-out. join does not
// wait if joinBeats more would leave fewer than two heartbeats within the others' time-out.
func (f *failover) join(over <-chan struct{}) {
	if f.node.cfg.Timing.Heartbeat/5+joinBeats*detector.IdleEvery > heartbeatDefault/2 {
		return
	}
	for range joinBeats {
		f.mu.Lock()
		tick, idle := f.ticks, time.Since(f.busyAt) >= busyFor
		f.mu.Unlock()
		if _, leads := f.node.leads(); !idle || !leads {
			return
		}
		select {
		case <-tick:
		case <-over:
			return
		}
	}
}

// sends reports whether a beat can be sent to a server, and records that it is.
func (f *failover) sends(to string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sent[to] {
		return false
	}
	f.sent[to] = true
	return true
}

// answered records a voter's answer to a beat.
func (f *failover) answered(from string, a BeatAnswer, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	awaited := f.sent[from] // else the server has left
	delete(f.sent, from)
	if err == nil && awaited {
		f.disks[from] = owed{a.Owed, time.Now()}
	}
}

// HearBeat records another server's beat and answers it.
func (n *Node) HearBeat(from string, b Beat) BeatAnswer {
	n.lead.failover.hear(heardBeat{from, b.Term, time.Now(), b.Owed})
	return BeatAnswer{Owed: n.owes()}
}

// hear records a beat. A beat of a past term does not count; one of a future term must not hide
// those of the present one. A beat is also a look: while the leader beats, this node seldom wakes
// for another.
func (f *failover) hear(b heardBeat) {
	present := f.node.raft.CurrentTerm()
	f.mu.Lock()
	if b.term >= min(f.beaten.term, present) {
		f.beaten = b
	}
	f.mu.Unlock()
	if _, leads := f.node.leads(); leads {
		return
	}
	v := f.view()
	f.mu.Lock()
	why, _ := f.detector.Look(time.Now(), v)
	f.mu.Unlock()
	if why != detector.None { // its disk: the next look is due sooner than planned
		f.kick()
	}
}

// owes returns how long a disk operation of this server's Raft has been pending.
func (n *Node) owes() time.Duration { return max(n.logs.stalled(), n.stable.stalled()) }

// diskAnswers reports whether another voter's disk responds, as far as this leader has been told.
// A voter of an earlier release does not tell.
func (f *failover) diskAnswers(server string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	told, ok := f.disks[server]
	return !ok || told.owed < detector.OwesMax || time.Since(told.at) > toldFor
}

// forget drops what is kept of servers that have left.
func (f *failover) forget(m members) {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := func(server string) bool { return !m.servers[raft.ServerID(server)] }
	maps.DeleteFunc(f.disks, func(server string, _ owed) bool { return left(server) })
	maps.DeleteFunc(f.sent, func(server string, _ bool) bool { return left(server) })
}
