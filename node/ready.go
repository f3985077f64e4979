package node

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// readiness tracks whether this node has caught up with the cluster. A confirmed read shows that:
// when the machine has reached the confirmed index, it has everything that was committed when the
// question was asked. So no other node's clock is needed, and the time from the question until
// then bounds the lag.
//
// Every confirmation counts, whoever asked for it. If nobody asks, the node does (keepReady).
// After a process has stood still, only a confirmation that was asked for after it woke counts.
type readiness struct {
	caughtUp atomic.Bool // a confirmation has succeeded since the start

	mu     sync.Mutex
	begun  time.Time     // when the newest successful confirmation was asked for
	took   time.Duration // how long it took until the machine had reached its index
	looked time.Time     // when keepReady last looked
	awake  time.Time     // since when all looks were on time
	stood  time.Duration // how long this process had stood still before awake
}

// Ready returns nil while this node has caught up with the cluster, otherwise what is missing. A
// ready node has a leader, its last confirmed read is at most readyWithin old, and its machine
// took at most lagMax to get there.
func (n *Node) Ready() error {
	switch {
	case n.Err() != nil:
		return n.Err()
	case n.alarm.err() != nil:
		return n.alarm.err()
	case n.Leader() == "" && n.lead.abstention.nobody.Load():
		return errNobodyLeads
	case n.Leader() == "":
		return errNoLeader
	}
	waits, behind := n.reads.lag(time.Now())
	if !n.ready.caughtUp.Load() {
		if behind > 0 {
			return fmt.Errorf("%w: %s", errCatchingUp, entriesBehind(behind))
		}
		return errCatchingUp
	}
	if waits > lagMax {
		return errors.New(entriesBehind(behind))
	}
	return n.ready.judge(time.Now(), behind)
}

// judge returns why the newest confirmation does not suffice, nil if it does.
func (r *readiness) judge(now time.Time, behind uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	still := r.stood
	if pause := now.Sub(r.looked); pause > readyLook+lookLateMax { // keepReady has not noticed yet
		still = pause
	} else if !r.begun.Before(r.awake) {
		still = 0
	}
	age := now.Sub(r.begun)
	switch {
	case still > 0:
		return fmt.Errorf("this node stood still for %s, and no read has been confirmed since", inSeconds(still))
	case age > readyWithin:
		return fmt.Errorf("no confirmed read for %s", inSeconds(age))
	case r.took > lagMax && behind > 0:
		return errors.New(entriesBehind(behind))
	case r.took > lagMax:
		return errCatchingUp
	}
	return nil
}

func entriesBehind(entries uint64) string {
	if entries == 1 {
		return "1 entry behind the leader"
	}
	return fmt.Sprintf("%d entries behind the leader", entries)
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// confirmed records a confirmation that was asked for at begun and that the machine has now
// reached.
func (r *readiness) confirmed(begun, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if begun.After(r.begun) {
		r.begun, r.took = begun, now.Sub(begun)
	}
}

// look records that keepReady looks, and whether this process stood still before.
func (r *readiness) look(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if pause := now.Sub(r.looked); r.looked.IsZero() {
		r.awake = now
	} else if pause > readyLook+lookLateMax {
		r.awake, r.stood = now, pause
	}
	r.looked = now
}

// wants reports whether another confirmation is due.
func (r *readiness) wants(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Sub(r.begun) >= probeEvery || r.begun.Before(r.awake) || r.took > lagMax
}

// keepReady asks for confirmations while nobody reads. The first one ends the start: until a
// leader has told the commit index, the machine holds only the last snapshot.
func (n *Node) keepReady() {
	look := time.NewTicker(readyLook)
	defer look.Stop()
	n.ready.look(time.Now())
	var probe *readTicket // under way
	var done <-chan struct{}
	for {
		if now := time.Now(); probe == nil && n.ready.wants(now) {
			if probe = n.reads.enlist(now.Add(time.Hour)); probe != nil {
				done = probe.done
			}
		}
		select {
		case <-done:
			_, err := n.reads.settle(probe)
			probe, done = nil, nil
			if err == nil && n.ready.caughtUp.CompareAndSwap(false, true) {
				signal(n.session.wake) // to register
				n.committer.kick()
				n.log.Info("caught up", slog.Uint64("index", n.worker.progress.index.Load()))
			}
		case <-look.C:
		case <-n.stop:
			return
		}
		n.ready.look(time.Now())
	}
}
