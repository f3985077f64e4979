package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/reply"
)

// A follower that comes back at another address gets entries there as soon as the configuration
// says so, although the leader is waiting for it at the old one.
func TestAFollowerThatMovesIsFollowedThere(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		moved := l.followers()[0].cfg.Session.Server
		l.crash(moved)
		for range 20 { // so that entries wait for it
			write(leader, "incr", "n")
		}
		time.Sleep(5 * time.Second)
		servers, from, err := leader.Committed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := leader.AddVoter(moved, "elsewhere:1", from); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(servers, func(s member.Server) bool { return s.ID == moved })
		l.conf.Servers[i].PeerAddr = "elsewhere:1"
		n := l.start(moved)
		begun := time.Now()
		l.eventually("it has caught up", func() bool { return n.Ready() == nil && n.AppliedIndex() == leader.AppliedIndex() })
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		l.want(read(n, "get", "n"), reply.Text("20"))
		l.agree()
	})
}

func TestADemotedVoterVotesNoMore(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		demoted := l.followers()[0]
		_, from, err := leader.Committed(t.Context())
		if err != nil || from == 0 {
			t.Fatalf("the configuration is at %d, %v", from, err)
		}
		if err := leader.DemoteVoter(demoted.cfg.Session.Server, from); err != nil {
			t.Fatal(err)
		}
		if got := leader.voters(); got != 2 {
			t.Errorf("%d voters", got)
		}
		l.want(write(demoted, "incr", "n"), reply.Int(1))
		if err := leader.TransferLeadershipTo(demoted.cfg.Session.Server); err == nil {
			t.Error("it was given leadership")
		}
		l.agree()
	})
}

// A change that was decided on the basis of a configuration is tied to that configuration. This
// also holds on a leader that has the configuration from a snapshot, as every long-running leader
// does.
func TestTheConfigurationOfASnapshotHasItsIndex(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		_, before, err := l.leader().Committed(t.Context())
		if err != nil || before == 0 {
			t.Fatalf("the configuration is at %d, %v", before, err)
		}
		for range 20 {
			write(l.leader(), "incr", "n")
		}
		for _, n := range append(l.followers(), l.leader()) {
			if err := n.Snapshot(); err != nil {
				t.Fatal(err)
			}
		}
		for _, n := range append(l.followers(), l.leader()) {
			l.crash(n.cfg.Session.Server)
			l.start(n.cfg.Session.Server)
		}
		leader := l.leader()
		_, index, err := leader.Committed(t.Context())
		if err != nil || index != before {
			t.Fatalf("the configuration is at %d, and was at %d: %v", index, before, err)
		}
		if err := leader.RemoveServer("gone@1", index+1); err == nil {
			t.Error("a change that was decided from another configuration was made")
		}
	})
}

func TestChangesOfAnotherConfigurationAreRefused(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		voter := l.followers()[0].cfg.Session.Server
		_, from, err := leader.Committed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// Raft would leave it a voter and change its address.
		if err := leader.AddNonvoter(voter, "elsewhere:1", from); err == nil || !strings.Contains(err.Error(), "it is a voter") {
			t.Errorf("a voter was added as a non-voter: %v", err)
		}
		if err := leader.AddNonvoter("n9@1", "nowhere:1", from); err != nil {
			t.Fatal(err)
		}
		for what, change := range map[string]func() error{
			"remove":  func() error { return leader.RemoveServer("n9@1", from) },
			"demote":  func() error { return leader.DemoteVoter(voter, from) },
			"promote": func() error { return leader.AddVoter("n9@1", "nowhere:1", from) },
			"add":     func() error { return leader.AddNonvoter("n8@1", "nowhere:2", from) },
		} {
			if err := change(); err == nil {
				t.Errorf("%s went on from a configuration that is not the newest", what)
			}
		}
		servers, next, err := leader.Committed(t.Context())
		if err != nil || next <= from || len(servers) != 4 {
			t.Errorf("%v at %d, %v", servers, next, err)
		}
		if err := leader.RemoveServer("n9@1", next); err != nil {
			t.Error(err)
		}
	})
}

func TestTheStoresTellTheNewestConfiguration(t *testing.T) {
	inBubble(t, 3, smallSnapshots, func(t *testing.T, l *lab) {
		leader := l.leader()
		read := func(id string) Stored {
			l.mu.Lock()
			d := l.disks[id]
			l.mu.Unlock()
			stored, err := ReadStored(Stores{Logs: d.slow, Stable: d.logs, Snapshots: d.snapshots})
			if err != nil {
				t.Fatal(err)
			}
			return stored
		}
		id := l.followers()[0].cfg.Session.Server
		if got := read(id); !got.Any || !slices.Equal(got.Servers, leader.Servers()) {
			t.Errorf("from the log: %+v", got)
		}
		if err := leader.AddNonvoter("n9@1", "nowhere:1", 0); err != nil {
			t.Fatal(err)
		}
		for range 300 {
			write(leader, "incr", "n")
		}
		follower := l.node(id)
		l.eventually("a snapshot has cut the log", func() bool { return follower.Status().Snapshots.Index > 200 })
		if got := read(id); len(got.Servers) != 4 || !slices.Equal(got.Servers, leader.Servers()) {
			t.Errorf("from a snapshot: %+v", got)
		}
		empty := raft.NewInmemStore()
		if got, err := ReadStored(Stores{Logs: empty, Stable: empty, Snapshots: newMemorySnapshots()}); err != nil || got.Any || got.Servers != nil {
			t.Errorf("from nothing: %+v, %v", got, err)
		}
	})
}

// A lagging server does not know whom the others have since made a voter. The holder of the newest
// log needs its vote.
func TestALaggardVotesForAVoterThatItDoesNotKnow(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		id := leader.cfg.Session.Server
		laggard, made := l.followers()[0].cfg.Session.Server, l.followers()[1].cfg.Session.Server
		if err := leader.raft.DemoteVoter(raft.ServerID(made), 0, 0).Error(); err != nil {
			t.Fatal(err)
		}
		l.agree()
		l.isolate(laggard, true)
		if err := leader.raft.AddVoter(raft.ServerID(made), raft.ServerAddress(l.addrOf(made)), 0, 0).Error(); err != nil {
			t.Fatal(err)
		}
		l.want(write(leader, "incr", "n"), reply.Int(1))
		l.crash(id)
		l.isolate(laggard, false)
		if now := l.leader().cfg.Session.Server; now != made {
			t.Fatalf("%s leads", now)
		}
		l.want(write(l.node(laggard), "incr", "n"), reply.Int(2))
		l.start(id)
		l.agree()
	})
}
