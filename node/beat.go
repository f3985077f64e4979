package node

import (
	"maps"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node/detector"
)

// Beat tells the other voters that its sender leads. Leaders send one every now and then;
// it touches no disk, nor anything that waits for one.
type Beat struct {
	Term uint64
	Owed time.Duration // how long its disk has owed an answer
}

// BeatAnswer tells a leader how a voter's disk does. It is no sign that anybody leads.
type BeatAnswer struct {
	Owed time.Duration // how long the voter's disk has owed an answer
}

// heardBeat is the newest beat, of the highest term.
type heardBeat struct {
	from string
	term uint64
	at   time.Time
	owed time.Duration
}

// owed is what another has said of its disk.
type owed struct {
	owed time.Duration
	at   time.Time
}

// beat tells every other voter that this node leads, and says when it is to do so again.
// Each voter has one beat at a time to answer: a link that is cut gathers none, and a
// leader that hears nobody is not heard.
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

// tick lets those go who wait in join.
func (f *failover) tick() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.ticks)
	f.ticks = make(chan struct{})
}

// join has a heartbeat of Raft's wait for a beat of an idle leader: what is sent together
// wakes each node once. Raft draws a tenth to a fifth of its time-out between two of them;
// where joinBeats more would leave the others less than two in theirs, it does not wait.
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

// sends reports whether a beat can be sent to a server, and takes note of it.
func (f *failover) sends(to string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sent[to] {
		return false
	}
	f.sent[to] = true
	return true
}

func (f *failover) answered(from string, a BeatAnswer, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	awaited := f.sent[from] // else the server has left
	delete(f.sent, from)
	if err == nil && awaited {
		f.disks[from] = owed{a.Owed, time.Now()}
	}
}

// HearBeat takes note of another's beat and answers it.
func (n *Node) HearBeat(from string, b Beat) BeatAnswer {
	n.lead.failover.hear(heardBeat{from, b.Term, time.Now(), b.Owed})
	return BeatAnswer{Owed: n.owes()}
}

// hear takes note of a beat, which counts if its term is not over; one of a term that has
// not come yet is no reason to miss those of the present. It is a look, too: as
// long as the leader beats, this node seldom wakes for another.
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
	if why != detector.None { // its disk: the next look is due sooner than was planned
		f.kick()
	}
}

// owes is how long this server's disk has owed an answer to Raft.
func (n *Node) owes() time.Duration { return max(n.logs.stalled(), n.stable.stalled()) }

// diskAnswers reports whether another voter's disk answers, as far as it has told this
// leader; one of an earlier release does not tell.
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
