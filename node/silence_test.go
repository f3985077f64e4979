package node

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/node/detector"
)

// A leader that is cut off refuses nothing. It is still replaced within half a second, in one
// election, and clients waiting at the others see no error.
func TestASilentLeaderIsReplacedWithinHalfASecond(t *testing.T) {
	for _, size := range []int{3, 5} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inBubble(t, size, nil, func(t *testing.T, l *lab) {
				l.delay = 300 * time.Microsecond
				for range 5 {
					leader := l.leader()
					survivors := l.followers()
					time.Sleep(time.Second)
					term := leader.CurrentTerm()
					l.isolate(leader.cfg.Session.Server, true)
					next, took := l.leaderAmong(survivors)
					if took > 500*time.Millisecond || next.CurrentTerm() != term+1 {
						t.Fatalf("nobody led for %v, and there were %d elections", took, next.CurrentTerm()-term)
					}
					if r := write(survivors[0], "incr", "n"); r.Kind != reply.Integer {
						t.Fatalf("answered %q", r.Bytes)
					}
					time.Sleep(3 * time.Second)
					l.isolate(leader.cfg.Session.Server, false)
				}
				l.agree()
			})
		})
	}
}

// A beat of a term that never comes is no reason to ignore those of the present one.
func TestABeatOfAFarTermHidesNothing(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader, survivors := l.leader(), l.followers()
		for _, f := range survivors {
			f.HearBeat("damaged", Beat{Term: math.MaxUint64})
		}
		time.Sleep(time.Second)
		l.isolate(leader.cfg.Session.Server, true)
		if _, took := l.leaderAmong(survivors); took > 500*time.Millisecond {
			t.Fatalf("nobody led for %v", took)
		}
	})
}

// A host that goes down refuses for a moment and then says nothing. What was known of it stays.
func TestAHostThatRefusesOnceAndThenIsGone(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader, survivors := l.leader(), l.followers()
		time.Sleep(time.Second)
		var mu sync.Mutex
		looked := map[string]bool{}
		l.refuse(func(from, to string) bool {
			mu.Lock()
			first := !looked[from]
			looked[from] = true
			mu.Unlock()
			if !first {
				time.Sleep(goneLookWithin + time.Millisecond)
			}
			return first
		})
		l.isolate(leader.cfg.Session.Server, true)
		if _, took := l.leaderAmong(survivors); took > 400*time.Millisecond {
			t.Fatalf("nobody led for %v", took)
		}
	})
}

// mute cuts everything that a server says as leader, but none of its answers.
func (l *lab) mute(id string, cut bool) {
	l.mu.Lock()
	l.mutes[id] = cut
	l.mu.Unlock()
	for _, s := range l.conf.Servers {
		if s.ID != id {
			l.streamsCut(id, s.ID, cut)
		}
	}
}

// A leader's answers do not show that it leads. One that can send nothing on its own is replaced,
// although it answers every question.
func TestAnswersOfALeaderAreNoSignThatItLeads(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		survivors := l.followers()
		time.Sleep(time.Second)
		l.mute(leader.cfg.Session.Server, true)
		stop := make(chan struct{})
		l.wg.Go(func() { // it is asked, and answers, all the time
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
					read(survivors[0], "get", "k")
				}
			}
		})
		_, took := l.leaderAmong(survivors)
		close(stop)
		if took > 500*time.Millisecond {
			t.Fatalf("nobody led for %v", took)
		}
		l.mute(leader.cfg.Session.Server, false)
		l.leader()
		l.agree()
	})
}

// Beats alone keep a leader: one whose heartbeats wait, as behind an fsync, is not silent.
func TestALeaderThatBeatsIsNotReplaced(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		time.Sleep(time.Second)
		term := leader.CurrentTerm()
		for range 5 {
			for _, f := range l.followers() {
				l.severStreams(leader.cfg.Session.Server, f.cfg.Session.Server)
			}
			time.Sleep(500 * time.Millisecond) // longer than a silence, shorter than Raft's time-out
			for _, s := range l.conf.Servers {
				l.mendStreams(leader.cfg.Session.Server, s.ID)
			}
			time.Sleep(time.Second)
		}
		if now := l.leader().CurrentTerm(); now != term {
			t.Fatalf("%d elections", now-term)
		}
	})
}

// One voter that does not hear the leader deposes nobody, however long that lasts.
func TestAVoterThatAloneMissesTheLeaderDeposesNobody(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		lonely := l.followers()[0].cfg.Session.Server
		time.Sleep(time.Second)
		term := leader.CurrentTerm()
		l.sever(leader.cfg.Session.Server, lonely, true)
		time.Sleep(10 * time.Second)
		l.sever(leader.cfg.Session.Server, lonely, false)
		if now := l.leader().CurrentTerm(); now != term {
			t.Fatalf("%d elections", now-term)
		}
	})
}

// A voter of an earlier release does not know the question. That counts as no, and Raft's
// time-outs decide.
func TestVotersOfAnEarlierReleaseLeaveItToRaft(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		l.mu.Lock()
		l.refuseSilence = func(string) error { return errors.New("no such kind") }
		l.mu.Unlock()
		leader := l.leader()
		survivors := l.followers()
		time.Sleep(time.Second)
		l.isolate(leader.cfg.Session.Server, true)
		_, took := l.leaderAmong(survivors)
		if took < 800*time.Millisecond || took > 4*time.Second {
			t.Fatalf("another led after %v", took)
		}
		l.isolate(leader.cfg.Session.Server, false)
		l.agree()
	})
}

// The follower that has what the leader has committed stands, and not the one that precedes it in
// rank but lacks it.
func TestTheVoterWithTheLongestLogStandsAtOnce(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		behind, ahead := l.followers()[0], l.followers()[1]
		time.Sleep(time.Second)
		term := leader.CurrentTerm()
		l.severStreams(leader.cfg.Session.Server, behind.cfg.Session.Server)
		l.want(write(leader, "set", "k", "v"), reply.OK) // the other follower has it
		l.isolate(leader.cfg.Session.Server, true)
		next, took := l.leaderAmong([]*Node{behind, ahead})
		if next != ahead || took > 500*time.Millisecond || next.CurrentTerm() != term+1 {
			t.Fatalf("%s leads after %v and %d elections", next.cfg.Session.Server, took, next.CurrentTerm()-term)
		}
		l.want(read(behind, "get", "k"), reply.Text("v"))
	})
}

// A leader whose disk stalls, and that can tell nobody to stand, says so in its beats.
func TestALeaderWhoseDiskStallsIsReplacedThoughItCannotHandOver(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		survivors := l.followers()
		time.Sleep(time.Second)
		term := leader.CurrentTerm()
		l.mu.Lock() // whom it does not hear may lead it does not tell to
		l.silent = map[string]bool{survivors[0].cfg.Session.Server: true, survivors[1].cfg.Session.Server: true}
		l.mu.Unlock()
		release := l.disks[leader.cfg.Session.Server].slow.hold()
		defer release()
		stuck := make(chan reply.Value, 1)
		l.wg.Go(func() { stuck <- write(survivors[0], "incr", "n") })
		next, took := l.leaderAmong(survivors)
		if took > 2500*time.Millisecond || next.CurrentTerm() != term+1 {
			t.Fatalf("nobody else led for %v, and there were %d elections", took, next.CurrentTerm()-term)
		}
		l.want(<-stuck, reply.Int(1))
		release()
		l.leader()
		l.agree()
	})
}

// Nodes that share a stalled disk keep their leader: no election makes the disk respond, and no
// process ends.
func TestADiskThatAllNodesShareStalls(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		time.Sleep(time.Second)
		term := leader.CurrentTerm()
		var release []func()
		for _, s := range l.conf.Servers {
			release = append(release, l.disks[s.ID].slow.hold())
		}
		stuck := make(chan reply.Value, 1)
		l.wg.Go(func() { stuck <- write(leader, "set", "k", "v") })
		time.Sleep(2 * stallMax)
		for _, end := range release {
			end()
		}
		if r := <-stuck; !strings.HasPrefix(string(r.Bytes), "UNCERTAIN") {
			t.Fatalf("answered %q", r.Bytes)
		}
		if now := l.leader(); now.CurrentTerm() != term {
			t.Fatalf("%d elections", now.CurrentTerm()-term)
		}
		l.agree()
	})
}

// Leadership is not handed to a voter whose disk stalls.
func TestNoTransferToAStalledDisk(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		stalled, other := l.followers()[0].cfg.Session.Server, l.followers()[1].cfg.Session.Server
		release := l.disks[stalled].slow.hold()
		defer release()
		l.want(write(leader, "set", "k", "v"), reply.OK) // by the other two
		time.Sleep(detector.OwesMax + 2*detector.BeatEvery)
		err := leader.TransferLeadershipTo(stalled)
		if err == nil || !strings.Contains(err.Error(), "disk") {
			t.Fatalf("a transfer to it: %v", err)
		}
		if err := leader.TransferLeadership(); err != nil {
			t.Fatal(err)
		}
		l.eventually("the other leads", func() bool { return l.node(other).IsLeader() })
	})
}

// A leader that is heard is not replaced because its port refuses new connections (a firewall
// rule, a moved name).
func TestALeaderThatBeatsIsNotReplacedForARefusedPort(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		time.Sleep(2 * time.Second)
		term, id := leader.CurrentTerm(), leader.cfg.Session.Server
		l.mu.Lock()
		l.refusing = func(_, to string) bool { return to == id }
		l.mu.Unlock()
		for _, f := range l.followers() {
			l.severStreams(id, f.cfg.Session.Server)
			l.mendStreams(id, f.cfg.Session.Server)
		}
		time.Sleep(5 * time.Second)
		if now := l.leader(); now != leader || now.CurrentTerm() != term {
			t.Fatalf("%d elections", now.CurrentTerm()-term)
		}
	})
}

// A leader that is heard, but to which nothing from the others comes through, is of no use to
// their clients. A server that everything reaches takes over.
func TestALeaderThatIsHeardAndAnswersNothingIsReplaced(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		time.Sleep(2 * time.Second)
		id := leader.cfg.Session.Server
		l.deafen(id, true)
		other, start := l.followers()[0], time.Now()
		l.want(write(other, "set", "k", "v"), reply.OK)
		// Two seconds from when the second voter has asked, too, plus some rounds.
		if took := time.Since(start); took > 2*time.Second+probeEvery+readyLook+300*time.Millisecond {
			t.Errorf("the others' clients waited for %v", took)
		}
		time.Sleep(10 * time.Second)
		term := l.leader().CurrentTerm()
		l.deafen(id, false)
		time.Sleep(5 * time.Second)
		if now := l.leader(); now.CurrentTerm() != term {
			t.Errorf("%d elections afterwards", now.CurrentTerm()-term)
		}
		l.agree()
	})
}

// slowStable takes a while to store a term or a vote.
type slowStable struct {
	raft.StableStore
	by time.Duration
}

func (s slowStable) Set(k, v []byte) error {
	time.Sleep(s.by)
	return s.StableStore.Set(k, v)
}

func (s slowStable) SetUint64(k []byte, v uint64) error {
	time.Sleep(s.by)
	return s.StableStore.SetUint64(k, v)
}

// Whoever takes over is not deposed, neither by the previous leader nor by a voter, while these
// are still storing its term and their votes.
func TestNobodyIsDeposedWhileItsVotesAreStored(t *testing.T) {
	for _, by := range []time.Duration{0, 10, 25, 30, 40, 60, 80, 120} {
		t.Run(fmt.Sprint(int(by), " ms"), func(t *testing.T) {
			slow := func(c *Config) { c.Stores.Stable = slowStable{c.Stores.Stable, by * time.Millisecond} }
			inBubble(t, 3, slow, func(t *testing.T, l *lab) {
				l.delay = 300 * time.Microsecond
				for i := range 9 {
					leader := l.leader()
					time.Sleep(2 * time.Second)
					term, to := leader.CurrentTerm(), l.followers()[i%2].cfg.Session.Server
					if err := leader.TransferLeadershipTo(to); err != nil {
						t.Fatal(err)
					}
					time.Sleep(2 * time.Second)
					if now := l.leader(); now.CurrentTerm() != term+1 || now.cfg.Session.Server != to {
						t.Errorf("%s leads after %d elections, and leadership was given to %s", now.cfg.Session.Server, now.CurrentTerm()-term, to)
					}
				}
			})
		})
	}
}
