package node

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/node/detector"
)

// leaderAmong waits until one of the given nodes leads, and returns it and how long that took.
func (l *lab) leaderAmong(nodes []*Node) (leader *Node, took time.Duration) {
	l.t.Helper()
	begun := time.Now()
	l.eventually("a new leader", func() bool {
		for _, n := range nodes {
			if n.IsLeader() {
				leader = n
			}
		}
		return leader != nil
	})
	return leader, time.Since(begun)
}

// A leader whose process has ended is replaced long before a heartbeat is missed.
func TestAGoneLeaderIsReplacedAtOnce(t *testing.T) {
	for _, size := range []int{3, 5} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inBubble(t, size, nil, func(t *testing.T, l *lab) {
				l.delay = 300 * time.Microsecond
				limit := 2 * detector.StepAfter // No heartbeat is waited for, nor any silence.
				for round := 1; round <= 5; round++ {
					leader := l.leader()
					survivors := l.followers()
					time.Sleep(3 * time.Second)
					term := leader.CurrentTerm()
					l.crash(leader.cfg.Session.Server)
					next, took := l.leaderAmong(survivors)
					if took > limit {
						t.Fatalf("nobody led for %v", took)
					}
					if now := next.CurrentTerm(); now != term+1 {
						t.Fatalf("it took %d elections", now-term)
					}
					l.want(write(survivors[0], "incr", "n"), reply.Int(int64(round)))
					l.start(leader.cfg.Session.Server)
				}
			})
		})
	}
}

// The first in rank may be behind; the next one stands after it.
func TestTheNextInLineStandsWhenTheFirstIsBehind(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		l.leader()
		id := func(i int) string { return l.conf.Servers[i].ID }
		l.eventually("the last leads", func() bool {
			if l.leader().cfg.Session.Server == id(2) {
				return true
			}
			_ = l.leader().TransferLeadershipTo(id(2))
			return false
		})
		time.Sleep(3 * time.Second)
		l.mu.Lock()
		l.noStreams[[2]string{id(2), id(0)}] = true
		l.mu.Unlock()
		l.sever(id(2), id(0), true)
		l.sever(id(2), id(0), false)
		l.want(write(l.node(id(2)), "set", "k", "v"), reply.OK) // which the first in line does not get
		l.crash(id(2))
		_, took := l.leaderAmong([]*Node{l.node(id(0)), l.node(id(1))})
		if took > 400*time.Millisecond {
			t.Fatalf("nobody led for %v", took)
		}
		l.want(read(l.node(id(1)), "get", "k"), reply.Text("v"))
	})
}

// A leader whose connections break while its port still accepts is not replaced, nor is one that
// is cut off for less time than the others wait.
func TestNoElectionForALeaderThatLives(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		id := leader.cfg.Session.Server
		time.Sleep(3 * time.Second)
		term := leader.CurrentTerm()
		for range 10 {
			for _, f := range l.followers() {
				l.sever(id, f.cfg.Session.Server, true)
				l.sever(id, f.cfg.Session.Server, false)
			}
			time.Sleep(500 * time.Millisecond)
		}
		if now := l.leader().CurrentTerm(); now != term {
			t.Fatalf("connections that broke have cost %d elections", now-term)
		}
		for range 10 {
			l.isolate(id, true)
			time.Sleep(detector.IdleEvery)
			l.isolate(id, false)
			time.Sleep(500 * time.Millisecond)
		}
		if now := l.leader().CurrentTerm(); now != term {
			t.Fatalf("short cuts have cost %d elections", now-term)
		}
	})
}

// A hint that is repeatedly wrong costs nothing: the leader sends beats, and answers over the
// existing connections.
func TestAWrongHintIsHarmless(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		l.leader()
		l.refuse(func(_, _ string) bool { return true }) // every port
		time.Sleep(3 * time.Second)
		term := l.leader().CurrentTerm()
		for i := range 50 {
			if r := write(l.node(l.conf.Servers[i%3].ID), "incr", "n"); r.Kind != reply.Integer || r.Int() != int64(i+1) {
				t.Fatalf("write %d was answered %d %q", i, r.Int(), r.Bytes)
			}
			for _, s := range l.conf.Servers {
				n := l.node(s.ID)
				n.lead.failover.hint(n.Leader())
			}
			time.Sleep(300 * time.Millisecond)
		}
		if elections := l.leader().CurrentTerm() - term; elections > 0 {
			t.Fatalf("%d elections", elections)
		}
		l.agree()
	})
}

// Connections of a server that does not lead say nothing about the leader, even if the port of a
// live leader seems to refuse.
func TestNoElectionWhenAFollowerEnds(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader().cfg.Session.Server
		third := l.followers()[0].cfg.Session.Server
		for range 5 {
			for _, id := range []string{third, leader} { // it has connections to the others now
				if err := l.leader().TransferLeadershipTo(id); err != nil {
					t.Fatal(err)
				}
				l.eventually("it leads", func() bool { return l.node(id).IsLeader() })
				time.Sleep(3 * time.Second)
			}
			term := l.leader().CurrentTerm()
			l.refuse(func(_, server string) bool { return server == leader })
			l.crash(third)
			time.Sleep(3 * time.Second)
			if now := l.node(leader).CurrentTerm(); now != term {
				t.Fatalf("a follower that ended has cost %d elections", now-term)
			}
			l.refuse(nil)
			l.start(third)
			l.leader()
		}
	})
}

// A server that is about to stand checks once more whether another leads by now.
func TestNoElectionAgainstANewLeader(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		old := l.leader()
		hasty, next := l.followers()[0], l.followers()[1]
		time.Sleep(3 * time.Second)
		term := old.CurrentTerm()
		var looks atomic.Int32 // of the hasty one alone: the others look too while leadership moves
		l.refuse(func(from, _ string) bool {
			if from != hasty.cfg.Session.Server {
				return false
			}
			if looks.Add(1) == 2 { // the last before it stands
				if err := old.TransferLeadershipTo(next.cfg.Session.Server); err != nil {
					t.Error(err)
				}
				l.eventually("another leads", func() bool { return hasty.Leader() == next.cfg.Session.Server })
			}
			return true
		})
		l.eventually("it is about to stand", func() bool { // it is put off while it hears of the leader
			looks.Store(0)
			hasty.lead.failover.hint(old.cfg.Session.Server)
			time.Sleep(500 * time.Millisecond)
			return looks.Load() >= 2
		})
		time.Sleep(3 * time.Second)
		if now := l.leader().CurrentTerm(); now != term+1 {
			t.Fatalf("%d elections", now-term)
		}
	})
}

// A server that is told never to lead hands over, is handed nothing, asks for no
// vote, and leads again when it may.
func TestAServerThatNeverLeads(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		first := l.leader()
		never := first.cfg.Session.Server
		first.SetNeverLead(true)
		l.eventually("another leads", func() bool { return !first.IsLeader() && first.Leader() != never && first.Leader() != "" })
		leader := l.leader()
		if err := leader.TransferLeadershipTo(never); !errors.Is(err, errNeverLeading) || !strings.Contains(err.Error(), never) {
			t.Fatalf("a transfer to it: %v", err)
		}
		for range 4 { // the best to hand over to is never this one
			leader = l.leader()
			if err := leader.TransferLeadership(); err != nil {
				t.Fatal(err)
			}
			l.eventually("it was handed over", func() bool { return !leader.IsLeader() })
			if l.leader() == first {
				t.Fatal("it leads")
			}
		}
		for range 3 { // nor does it stand when the leader is gone
			id := l.leader().cfg.Session.Server
			l.crash(id)
			l.eventually("the third leads", func() bool { return first.Leader() != "" && first.Leader() != id })
			if first.IsLeader() {
				t.Fatal("it leads")
			}
			l.start(id)
			l.leader()
		}
		first.SetNeverLead(false)
		if err := l.leader().TransferLeadershipTo(never); err != nil {
			t.Fatal(err)
		}
		l.eventually("it leads again", first.IsLeader)
	})
}

// If nobody may lead, every node says so. One that may lead again ends the state.
func TestAClusterInWhichNobodyMayLeadSaysSo(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		for _, f := range l.followers() {
			f.SetNeverLead(true)
		}
		l.crash(leader.cfg.Session.Server)
		l.eventually("both say so", func() bool {
			for _, n := range l.all() {
				if !errors.Is(n.Ready(), errNobodyLeads) {
					return false
				}
			}
			return true
		})
		term := l.anyNode().CurrentTerm()
		time.Sleep(20 * time.Second)
		if now := l.anyNode().CurrentTerm(); now != term {
			t.Fatal("there was an election")
		}
		l.anyNode().SetNeverLead(false)
		l.leader()
	})
}

func (l *lab) anyNode() *Node {
	for _, n := range l.all() {
		return n
	}
	return nil
}

// If the one that may lead is behind, the other leads until it is not.
func TestAServerThatNeverLeadsStandsIn(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		followers := l.followers()
		never, behind := followers[0], followers[1]
		never.SetNeverLead(true)
		l.isolate(behind.cfg.Session.Server, true)
		l.want(write(leader, "set", "k", "v"), reply.OK)
		l.crash(leader.cfg.Session.Server)
		l.isolate(behind.cfg.Session.Server, false)
		l.eventually("the one that was behind leads", behind.IsLeader)
		l.want(read(behind, "get", "k"), reply.Text("v"))
		synctest.Wait()
		if !never.lead.abstention.withholds.Load() {
			t.Fatal("it would stand for election again")
		}
	})
}

// Connections that were opened to servers before they restarted are dead. A candidate asks over
// fresh ones and does not wait for an election time-out.
func TestAHandOverAfterRestartsIsQuick(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		l.delay = 300 * time.Microsecond
		handOver := func(to string) {
			leader := l.leader()
			if leader.cfg.Session.Server == to {
				return
			}
			begun := time.Now()
			if err := leader.TransferLeadershipTo(to); err != nil {
				t.Fatal(err)
			}
			l.eventually("it leads", func() bool { return l.node(to).IsLeader() })
			if took := time.Since(begun); took > 100*time.Millisecond {
				t.Fatalf("nobody led for %v", took)
			}
		}
		restart := func(id string) {
			l.crash(id)
			l.start(id)
			l.leader()
		}
		a, b, c := l.conf.Servers[0].ID, l.conf.Servers[1].ID, l.conf.Servers[2].ID
		for range 3 {
			handOver(a)
			time.Sleep(time.Second) // it has connections to both
			handOver(b)
			restart(c)
			handOver(c)
			restart(b)
			handOver(a)
		}
	})
}

// A leader whose disk stores nothing gets another server elected, bypassing its own main loop,
// long before it gives its process up. What clients were told could not be done is not done.
func TestALeaderWithAStalledDiskHandsOver(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		survivors := l.followers()
		id := leader.cfg.Session.Server
		survivors[0].SetNeverLead(true)
		time.Sleep(3 * time.Second)
		term := leader.CurrentTerm()
		release := l.disks[id].slow.hold()
		defer release()
		stuck := make(chan reply.Value, 1)
		l.wg.Go(func() { stuck <- write(leader, "set", "stuck", "1") })
		next, took := l.leaderAmong(survivors)
		if took > stallElections*time.Second+time.Second {
			t.Fatalf("nobody else led for %v", took)
		}
		if next != survivors[1] || next.CurrentTerm() != term+1 {
			t.Fatalf("%s leads in term %d after %d", next.cfg.Session.Server, next.CurrentTerm(), term)
		}
		l.want(write(survivors[0], "set", "k", "v"), reply.OK)
		if r := <-stuck; !strings.HasPrefix(string(r.Bytes), "UNCERTAIN") {
			t.Fatalf("the write that the disk kept was answered %q", r.Bytes)
		}
		time.Sleep(2 * time.Second)
		release() // the disk is well again: it follows
		l.eventually("it follows", func() bool { return leader.Leader() == next.cfg.Session.Server && !leader.IsLeader() })
		if now := next.CurrentTerm(); now != term+1 {
			t.Fatalf("there were %d elections", now-term)
		}
		l.agree()
	})
}

// A process that was paused finds an entry that has waited for long before it hears that another
// server leads. One look is not enough to get anybody elected.
func TestOneLookDeposesNobody(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		term := leader.CurrentTerm()
		synctest.Wait() // the committer is done with the last entry
		long := time.Now().Add(-stallElections * time.Second)
		leader.committer.since.Store(&long)
		w := newWatchdog(leader)
		w.look(time.Now())
		synctest.Wait()
		if now := leader.CurrentTerm(); now != term || !leader.IsLeader() {
			t.Fatalf("an election in term %d after %d", now, term)
		}
		w.look(time.Now())
		synctest.Wait()
		if leader.IsLeader() {
			t.Fatal("two looks were not enough either")
		}
	})
}

// A stalled follower collects what it is sent in its sockets, and Raft ignores the term of the
// message that makes it stand for election. However often the watchdog looks, it sends such a
// follower one message per term, and goes on to the next.
func TestAStalledFollowerIsToldToStandOnce(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		stalled, other := l.followers()[0], l.followers()[1]
		other.SetNeverLead(true)
		release := l.disks[stalled.cfg.Session.Server].slow.hold()
		defer release()
		l.want(write(leader, "set", "k", "v"), reply.OK) // by the other two
		w := newWatchdog(leader)
		look := func() (took time.Duration) {
			synctest.Wait() // the committer is done with the last entry
			begun := time.Now()
			long := begun.Add(-stallElections * time.Second)
			leader.committer.since.Store(&long)
			w.look(time.Now())
			return time.Since(begun)
		}
		look()
		if took := look(); took < rpcTimeout {
			t.Fatalf("the answer was waited for for %v", took)
		}
		for range 4 {
			if look() > 0 {
				t.Fatal("it was sent another, whose answer was waited for")
			}
		}
		other.SetNeverLead(false)
		look()
		l.eventually("the other leads", other.IsLeader)
		release()
		l.agree()
	})
}

// If only one follower can win, it must lose no time. The other one refuses it for as long as it
// still believes in the leader that is gone.
func TestTheFollowerWithTheLongestLogIsElectedOnceTheOtherMissesTheLeader(t *testing.T) {
	for range 30 {
		inBubble(t, 3, nil, func(t *testing.T, l *lab) {
			leader := l.leader()
			id := leader.cfg.Session.Server
			behind := l.followers()[0]
			l.severStreams(id, behind.cfg.Session.Server)
			l.want(write(leader, "set", "k", "v"), reply.OK) // the other follower has it
			gone := time.Now()
			l.isolate(id, true)
			l.eventually("another leader", func() bool { now := behind.Leader(); return now != "" && now != id })
			// Raft looks for its leader every one to two heartbeats, and misses one
			// that it has not heard for one. Between two requests of the candidate's
			// nothing is held.
			if took := time.Since(gone); took > 3*heartbeatDefault+2*(rpcTimeout-preVoteHold) {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A leader that stood still for longer than its lease, and that nobody has replaced, leads again
// at once. The others have heard it again and would wait for a time-out.
func TestALeaderThatNobodyHasReplacedLeadsAgain(t *testing.T) {
	for range 20 {
		inBubble(t, 3, nil, func(t *testing.T, l *lab) {
			leader := l.leader()
			l.want(write(leader, "set", "k", "v"), reply.OK)
			isolateAll := func(cut bool) {
				for _, s := range l.conf.Servers {
					l.isolate(s.ID, cut)
				}
			}
			isolateAll(true)
			l.eventually("no leader", func() bool { return !leader.IsLeader() })
			isolateAll(false)
			heard := time.Now()
			l.want(write(leader, "set", "k", "w"), reply.OK)
			if took := time.Since(heard); took > 300*time.Millisecond {
				t.Errorf("it took %v", took)
			}
			l.agree()
		})
	}
}
