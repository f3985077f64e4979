package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// Two followers have confirmed the same entries, and one of them stores what is still in flight.
// Only that one gets the other's vote.
func TestLeadershipIsLeftToTheVoterThatStoresWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 3, nil)
		defer l.close()
		leader := l.leader()
		l.agree()
		for _, f := range l.followers() {
			foremost := raft.ServerID(f.cfg.Session.Server)
			last := leader.raft.LastIndex() + 1
			transport, term := leader.transport, leader.raft.CurrentTerm()
			transport.mu.Lock()
			transport.sent = sentEntry{term, last}
			transport.mu.Unlock()
			timer := time.AfterFunc(heirWait/10, func() {
				transport.mu.Lock()
				d := transport.delivered[foremost]
				d.term, d.index = term, last
				transport.delivered[foremost] = d
				transport.mu.Unlock()
				signal(transport.confirmed)
			})
			begun := time.Now()
			leader.awaitForemost(t.Context(), leader.CurrentTerm())
			timer.Stop()
			if took := time.Since(begun); took >= heirWait {
				t.Errorf("it waited %v for %s", took, foremost)
			}
			if heir := leader.heirsByLog(leader.CurrentTerm())[0].ID; heir != foremost {
				t.Errorf("%s is told to stand for election, and %s has stored more", heir, foremost)
			}
			transport.mu.Lock()
			clear(transport.delivered)
			transport.mu.Unlock()
		}
	})
}

// If nobody answers any more, a leader that leaves waits no longer than allowed.
func TestALeaderThatLeavesWaitsForNobodyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 3, nil)
		defer l.close()
		leader := l.leader()
		leader.transport.mu.Lock()
		leader.transport.sent = sentEntry{leader.raft.CurrentTerm(), leader.raft.LastIndex() + 100}
		leader.transport.mu.Unlock()
		begun := time.Now()
		leader.awaitForemost(t.Context(), leader.CurrentTerm())
		if took := time.Since(begun); took != heirWait {
			t.Errorf("it waited %v, want %v", took, heirWait)
		}
	})
}

// The best heirs have just disappeared; the next one is told all the same.
func TestALeaderThatLeavesPassesOverHeirsThatAreSilent(t *testing.T) {
	inBubble(t, 5, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		l.agree()
		term := leader.CurrentTerm()
		heirs := leader.heirsByLog(term)
		l.mu.Lock()
		l.silent = map[string]bool{string(heirs[0].ID): true, string(heirs[1].ID): true}
		l.mu.Unlock()
		begun := time.Now()
		leader.bequeath(term)
		if took := time.Since(begun); took > leaveWithin {
			t.Errorf("it took %v", took)
		}
		l.eventually("another stands for election", func() bool { return leader.CurrentTerm() > term })
		if took := time.Since(begun); took > heartbeatDefault/2 {
			t.Errorf("that took %v", took)
		}
		if now := l.leader().cfg.Session.Server; now != string(heirs[2].ID) {
			t.Errorf("%s leads, and not %s", now, heirs[2].ID)
		}
	})
}
