package node

import (
	"context"
	"time"
)

// A leader whose process has ended is known at once: its connections end, and its port
// refuses new ones. Where the port does not refuse (the host is gone, the network is cut)
// or still accepts, silence tells.

// refusal is a leader whose port has refused.
type refusal struct {
	leader string
	at     time.Time
}

// hint says that a Raft connection has ended that another server has opened to
// this one. It counts if that one leads: a server that only follows may end
// beside a leader that lives and whose port, as seen from here, refuses.
func (f *failover) hint(from string) {
	if from == "" || from != f.node.watch.current() {
		return
	}
	select {
	case f.broken <- from:
	default:
	}
}

// watchPort looks for leaders whose connections have ended.
func (f *failover) watchPort() {
	for {
		select {
		case leader := <-f.broken:
			f.lookAgain(leader)
		case <-f.node.stop:
			return
		}
	}
}

// lookAgain looks for a leader a few times: a process that is being ended may still
// take connections for a moment.
func (f *failover) lookAgain(leader string) {
	pause := time.Duration(goneLookPause)
	for range goneLooks {
		if f.look1(leader) {
			f.kick()
			return
		}
		if !f.node.sleep(pause) || f.node.watch.current() != leader {
			return
		}
		pause *= 2
	}
}

// look1 looks for a leader once, and takes note of what it finds.
func (f *failover) look1(leader string) (gone bool) {
	ctx, cancel := context.WithTimeout(context.Background(), goneLookWithin)
	defer cancel()
	gone = f.node.cfg.Peers.Gone(ctx, leader)
	f.mu.Lock()
	defer f.mu.Unlock()
	if gone {
		f.refused = refusal{leader, time.Now()}
	} else if f.refused.leader == leader {
		f.refused = refusal{}
	}
	return gone
}

// lookFor looks for a leader for another voter's sake, and for its own; found is called
// once.
func (f *failover) lookFor(found func(gone bool), leader string) {
	select {
	case f.looks <- struct{}{}:
	default:
		found(false)
		return
	}
	go func() {
		defer func() { <-f.looks }()
		gone := f.look1(leader)
		if gone {
			f.kick()
		}
		found(gone)
	}()
}
