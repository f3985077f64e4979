package node

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/reply"
)

// A heartbeat of a later term must wait for Raft's main loop. On Raft's fast path it would raise
// the term while a leader is storing an entry, and the leader would go on under a term that it
// never won.
func TestAHeartbeatWaitsForTheMainLoop(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		other := l.followers()[0]
		id := leader.cfg.Session.Server
		term := leader.CurrentTerm()
		release := l.disks[id].slow.hold()
		defer release()
		stored := make(chan reply.Value, 1)
		l.wg.Go(func() { stored <- write(leader, "set", "k", "v") })
		synctest.Wait() // the main loop is in the disk's hands
		answered := make(chan error, 1)
		l.wg.Go(func() {
			self := other.transport.EncodePeer("n9@1", "host9:1")
			req := raft.AppendEntriesRequest{
				RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("n9@1"), Addr: self},
				Term:      term + 1,
			}
			var resp raft.AppendEntriesResponse
			answered <- other.transport.NetworkTransport.AppendEntries(raft.ServerID(id), target(raft.ServerID(id), raft.ServerAddress(l.addrOf(id))), &req, &resp)
		})
		synctest.Wait()
		select {
		case err := <-answered:
			t.Fatalf("it was answered beside the main loop (%v)", err)
		default:
		}
		if now := leader.CurrentTerm(); now != term {
			t.Fatalf("a leader of term %d that is storing an entry is in term %d", term, now)
		}
		release()
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
		if r := <-stored; r.IsError() {
			t.Fatalf("the write was answered %q: another leader should have taken it", r.Bytes)
		}
		l.agree()
	})
}

// The wrapper keeps the optional interfaces that Raft asks the transport for.
func TestTheTransportKeepsPreVote(t *testing.T) {
	var wrapped any = &transport{}
	if _, ok := wrapped.(raft.WithPreVote); !ok {
		t.Error("pre-vote is lost")
	}
	if _, ok := wrapped.(raft.WithClose); !ok {
		t.Error("Raft cannot close it")
	}
}

// Two servers that follow each other at one address are two candidates.
func TestAVoteNamesTheServer(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, l *lab) {
		n := l.leader()
		voted, err := n.cfg.Stores.Stable.Get([]byte("LastVoteCand"))
		if err != nil || string(voted) != "n1@1|host1:1" {
			t.Fatalf("the vote is for %q (%v)", voted, err)
		}
	})
}

// A bootstrap that a crash interrupted between the term and the configuration is redone.
func TestABootstrapCutShortIsRedone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 0, nil)
		defer l.close()
		logs := raft.NewInmemStore()
		if err := logs.SetUint64([]byte("CurrentTerm"), 1); err != nil {
			t.Fatal(err)
		}
		l.conf.Servers = []member.Server{{ID: "n1@1", PeerAddr: "host1:1", Voter: true}}
		l.disks["n1@1"] = &disk{logs: logs, snapshots: newMemorySnapshots(), slow: &slowLogs{InmemStore: logs}}
		n := l.start("n1@1")
		l.want(write(n, "set", "k", "v"), reply.OK)
	})
}

// A leader whose disk stalls for good gives up its process. The others elect a leader at once, and
// the stop does not wait for the disk.
func TestALeaderWithAStalledDiskGivesUp(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		id := leader.cfg.Session.Server
		other := l.followers()[0]
		release := l.disks[id].slow.hold()
		defer release()
		begun := time.Now()
		var waiting sync.WaitGroup
		waiting.Go(func() { write(leader, "set", "k", "v") })
		<-leader.Failed()
		if took := time.Since(begun); took < stallMax || took > stallMax+2*time.Second {
			t.Fatalf("it took %v", took)
		}
		l.eventually("another leader", func() bool { return other.Leader() != "" && other.Leader() != id })
		if took := time.Since(begun); took > stallMax+6*time.Second {
			t.Fatalf("another leader was known after %v", took)
		}
		l.mu.Lock()
		delete(l.nodes, id)
		l.mu.Unlock()
		l.want(write(other, "set", "k", "w"), reply.OK)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun = time.Now()
		if err := leader.Close(ctx); !errors.Is(err, errStuck) {
			t.Fatalf("close: %v", err)
		}
		if took := time.Since(begun); took > time.Second+stopGrace {
			t.Fatalf("the stop took %v", took)
		}
		waiting.Wait() // the client was answered though the disk is still stuck
		release()
		<-leader.ending.over
	})
}

// Leadership is lost and regained, and an answer of the earlier term comes late.
func TestALateAnswerOfAnEarlierTermSaysNothingOfThisOne(t *testing.T) {
	ok := &raft.AppendEntriesResponse{Success: true}
	d := delivery{}.after(&raft.AppendEntriesRequest{Term: 5, PrevLogEntry: 20}, ok)
	d = d.after(&raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 30}, ok)
	if d.stored(5) != 20 || d.stored(3) != 0 || d.calls != 2 {
		t.Errorf("after both: %+v", d)
	}
}
