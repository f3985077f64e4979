package node

import (
	"context"
	"time"
)

// A leader whose process has ended is recognized at once: its connections end, and its port
// refuses new ones. If the port does not refuse (the host is gone, the network is cut) or still
// accepts, silence tells.

// refusal records that a leader's port has refused.
type refusal struct {
	leader string
	at     time.Time
	denied time.Time // when the leader last answered all the same, over an older connection
}

// counts reports whether a leader's process seems to have ended: its port refuses, and nothing
// shows that it lives.
func (r refusal) counts(leader string, beaten heardBeat) bool {
	if leader == "" || r.leader != leader || time.Since(r.at) >= refusedFor {
		return false
	}
	beats := beaten.from == leader && beaten.at.After(r.at)
	return !beats && time.Since(r.denied) >= refusedFor
}

// answers records whether a leader whose port has refused answers a question. If it does, its
// process lives and only new connections are refused (a firewall rule, a moved name).
func (f *failover) answers(leader string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && f.refused.leader == leader {
		f.refused.denied = time.Now()
	}
}

// hint is called when a Raft connection ends that another server has opened to this one. It counts
// only if that server leads. A follower may end beside a leader that lives and whose port, as seen
// from here, refuses.
func (f *failover) hint(from string) {
	if from == "" || from != f.node.watch.current() {
		return
	}
	select {
	case f.broken <- from:
	default:
	}
}

// watchPort tries the ports of leaders whose connections have ended.
func (f *failover) watchPort() {
	for {
		select {
		case leader := <-f.broken:
			f.knockAgain(leader)
		case <-f.node.stop:
			return
		}
	}
}

// knockAgain tries a leader's port several times, because a process that is being ended may still
// accept connections for a moment.
func (f *failover) knockAgain(leader string) {
	pause := time.Duration(goneLookPause)
	for range goneLooks {
		if f.knock(leader) {
			f.kick()
			return
		}
		if !f.node.sleep(pause) || f.node.watch.current() != leader {
			return
		}
		pause *= 2
	}
}

// knock tries a leader's port once and records the result. No answer is no result: a host that is
// going down answers nothing for a while.
func (f *failover) knock(leader string) (gone bool) {
	ctx, cancel := context.WithTimeout(context.Background(), goneLookWithin)
	defer cancel()
	gone = f.node.cfg.Peers.Gone(ctx, leader)
	f.mu.Lock()
	defer f.mu.Unlock()
	if gone {
		if f.refused.leader != leader {
			f.refused = refusal{leader: leader}
		}
		f.refused.at = time.Now()
	} else if f.refused.leader == leader && ctx.Err() == nil {
		f.refused = refusal{}
	}
	return gone
}

// knockFor tries a leader's port for another voter, and uses the result itself, too. It calls
// found exactly once.
func (f *failover) knockFor(found func(gone bool), leader string) {
	select {
	case f.looks <- struct{}{}:
	default:
		found(false)
		return
	}
	go func() {
		defer func() { <-f.looks }()
		gone := f.knock(leader)
		if gone {
			f.kick()
		}
		found(gone)
	}()
}
