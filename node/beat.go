package node

import (
	"maps"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node/detector"
)

// Beat is what a leader says of itself, as leader, every now and then. It touches no
// disk, nor anything that waits for one.
type Beat struct {
	Term uint64
	Owed time.Duration // how long its disk has owed an answer
}

// BeatAnswer is what a voter answers. It is no sign that anybody leads.
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

// beat tells every other voter that this node leads. Each has one beat at a time to
// answer: a link that is cut gathers none, and a leader that hears nobody is not heard.
func (f *failover) beat(term uint64) {
	n := f.node
	now := time.Now()
	f.mu.Lock()
	f.known = n.cfg.Session.Server
	b := Beat{Term: term, Owed: f.detector.Seen(n.owes(), now)}
	f.detector.Rest(now)
	f.mu.Unlock()
	if n.ends() {
		return
	}
	for _, s := range n.configuration().Servers {
		if to := string(s.ID); s.Suffrage == raft.Voter && to != n.cfg.Session.Server && f.sends(to) {
			n.cfg.Peers.Beat(to, b, func(a BeatAnswer, err error) { f.answered(to, a, err) })
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
	delete(f.sent, from)
	if err == nil {
		f.disks[from] = owed{a.Owed, time.Now()}
	}
}

// HearBeat takes note of another's beat and answers it.
func (n *Node) HearBeat(from string, b Beat) BeatAnswer {
	f := n.lead.failover
	if b.Term >= n.raft.CurrentTerm() {
		f.mu.Lock()
		if b.Term >= f.beaten.term {
			f.beaten = heardBeat{from, b.Term, time.Now(), b.Owed}
		}
		f.mu.Unlock()
	}
	return BeatAnswer{Owed: n.owes()}
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
