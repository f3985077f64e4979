package node

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// raise makes the leader raise the machine's version.
func (l *lab) raise(version uint8) {
	l.t.Helper()
	leader := l.leader()
	if err := leader.Raise(context.Background(), version, leader.CurrentTerm()); err != nil {
		l.t.Fatal(err)
	}
	if got := leader.MachineVersion(); got != version {
		l.t.Fatalf("the leader's machine is at version %d after it was raised to %d", got, version)
	}
}

func TestARaiseIsOfTheTermInWhichItWasDecided(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		for _, term := range []uint64{leader.CurrentTerm() - 1, leader.CurrentTerm() + 1} {
			if err := leader.Raise(t.Context(), 2, term); !errors.Is(err, ErrNotLeader) {
				t.Errorf("a raise of term %d in term %d: %v", term, leader.CurrentTerm(), err)
			}
		}
		if err := l.followers()[0].Raise(t.Context(), 2, leader.CurrentTerm()); !errors.Is(err, ErrNotLeader) {
			t.Errorf("a raise by a follower: %v", err)
		}
		if got := leader.MachineVersion(); got != 1 {
			t.Errorf("version %d is active", got)
		}
		l.raise(2)
		l.raise(2) // again, as by a leader that does not know
		l.eventually("every machine at version 2", func() bool {
			for _, n := range l.all() {
				if n.MachineVersion() != 2 {
					return false
				}
			}
			return true
		})
	})
}

func TestALeaderThatCannotCommitARaiseDoesNotSayThatItHas(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		l.isolate(leader.cfg.Session.Server, true)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := leader.Raise(ctx, 2, leader.CurrentTerm()); err == nil {
			t.Error("a leader that is cut off says that it has raised the version")
		}
		l.isolate(leader.cfg.Session.Server, false)
		l.raise(2)
	})
}

// A program that knows only the first version ends when the log raises the version, and says what
// to do.
func TestAnEarlierReleaseEndsAtTheRaise(t *testing.T) {
	first := ""
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 3, func(cfg *Config) {
			if cfg.Session.Server == first {
				cfg.Newest = 1
			}
		})
		defer l.close()
		first = l.followers()[0].cfg.Session.Server
		l.crash(first)
		l.start(first)
		old := l.node(first)
		l.leader()
		l.raise(2)
		<-old.Failed()
		var newer *fsm.NewerError
		if err := old.Err(); !errors.As(err, &newer) || strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), "run the release") {
			t.Errorf("it ended with %v", err)
		}
		l.mu.Lock()
		delete(l.nodes, first)
		l.mu.Unlock()
		old.Crash()
	})
}

// laterCall returns a call of a command that was added in version 2 of the machine.
func laterCall(words ...string) *command.Call {
	c := call(words...)
	later := *c.Command
	later.Version = 2
	c.Command = &later
	return c
}

func TestANewCommandIsRefusedUntilTheRaiseAndThenByNobody(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		follower := l.followers()[0]
		for _, n := range l.all() {
			set, get, old := laterCall("set", "k", "v"), laterCall("get", "k"), call("set", "old", "v")
			n.Write(t.Context(), []*command.Call{old, set})
			n.Read(t.Context(), []*command.Call{get})
			for _, call := range []*command.Call{set, get} {
				if got := string(call.Reply.Bytes); !strings.Contains(got, "'"+call.Command.Name+"' needs machine version 2, and this cluster is at version 1") {
					t.Errorf("before the raise: %s", got)
				}
			}
			if old.Reply.IsError() {
				t.Errorf("a command beside it: %s", old.Reply.Bytes)
			}
		}
		// The follower does not hear of the raise; the client has seen the command work elsewhere.
		server := follower.cfg.Session.Server
		l.isolate(server, true)
		l.raise(2)
		if follower.MachineVersion() != 1 {
			t.Fatal("the follower has heard of it")
		}
		l.isolate(server, false)
		set, get := laterCall("set", "k", "v"), laterCall("get", "k")
		follower.Write(t.Context(), []*command.Call{set})
		follower.Read(t.Context(), []*command.Call{get})
		if set.Reply.IsError() || string(get.Reply.Bytes) != "v" {
			t.Errorf("through a node that lagged: %s, %s", set.Reply.Bytes, get.Reply.Bytes)
		}
	})
}

// A raise that Raft refuses says nothing about the entry before it, which is committed: its
// batches have been sent.
func TestARaiseThatIsRefusedLeavesTheBatchesOfTheEntryBefore(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		n := l.leader()
		l.want(write(n, "set", "k", "v"), reply.OK)
		target := l.followers()[0].cfg.Session.Server
		release := l.disks[target].slow.hold() // so that handing over to it takes its time
		defer release()
		gate := make(chan struct{})
		open := sync.OnceFunc(func() { close(gate) })
		defer open()
		before, begun := n.AppliedIndex(), n.committer.begun.Load()
		answers := make(chan reply.Value, 2)
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		leaves, stays := call("incrby", "x", "7"), call("append", "y", "abc")
		l.slowDisks(10 * time.Millisecond)
		go write(n, "set", "k", "w")
		time.Sleep(time.Millisecond)
		go func() { n.Write(ctx, []*command.Call{leaves}); answers <- leaves.Reply }()
		time.Sleep(time.Millisecond)
		go func() { n.Write(t.Context(), []*command.Call{stays}); answers <- stays.Reply }()
		// The worker applies the second entry, and is then slow to say what became of it.
		n.worker.progress.await(wait{index: before + 2, reached: func() { <-gate }})
		l.eventually("the second entry is under way", func() bool { return n.committer.begun.Load() >= begun+2 })
		time.Sleep(5 * time.Millisecond)
		// Leadership is about to be handed over, to a server whose disk is slow.
		go func() {
			for _, s := range n.configuration().Servers {
				if string(s.ID) == target {
					_ = n.raft.LeadershipTransferToServer(s.ID, s.Address).Error()
				}
			}
		}()
		if err := n.Raise(t.Context(), 2, n.CurrentTerm()); !errors.Is(err, ErrNotLeader) {
			t.Fatalf("the raise: %v", err)
		}
		l.eventually("it is applied", func() bool { return n.AppliedIndex() >= before+2 })
		leave()
		if got := <-answers; string(got.Bytes) != ErrUncertain.RESP {
			t.Errorf("who leaves is told %q of what is committed and applied", got.Bytes)
		}
		open()
		if got := <-answers; got.Int() != 3 {
			t.Errorf("APPEND of 3 bytes to an absent key was answered %d %q", got.Int(), got.Bytes)
		}
		release()
		l.leader()
	})
}

// A raise that nobody waits for any more is not proposed later: who asked has
// given the token of membership changes back.
func TestARaiseThatWasGivenUpIsNotProposedLater(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		n := l.leader()
		l.want(write(n, "set", "k", "v"), reply.OK)
		n.worker.queue.entries.Add(backlogEntriesMax) // its machine lags
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := n.Raise(ctx, 2, n.CurrentTerm()); err == nil {
			t.Fatal("raised")
		}
		// The token is free: a server of the first release is added.
		if err := n.AddNonvoter("old@1", "old:1", 0); err != nil {
			t.Fatal(err)
		}
		n.worker.queue.entries.Add(-backlogEntriesMax)
		n.committer.kick()
		time.Sleep(time.Second)
		if got := n.MachineVersion(); got != 1 {
			t.Errorf("version %d is active, which was decided before a server was added", got)
		}
	})
}

func TestANewReadIsNotRefusedByAREADONLYConnectionsNodeThatLags(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader, follower := l.leader(), l.followers()[0]
		gate := make(chan struct{})
		follower.worker.progress.await(wait{index: follower.AppliedIndex() + 1, reached: func() { <-gate }})
		l.want(write(leader, "set", "k", "v"), reply.OK)
		if err := leader.Raise(t.Context(), 2, leader.CurrentTerm()); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { close(gate) })
		get := laterCall("get", "k")
		follower.ReadLocal(t.Context(), []*command.Call{get})
		if string(get.Reply.Bytes) != "v" {
			t.Errorf("it is told %q", get.Reply.Bytes)
		}
	})
}

// A command in parts is given up at version 1, and the batches in its place come
// after the raise: the machines let go of the parts all the same.
func TestPartsThatWereGivenUpBeforeTheRaiseAreFreedAfterIt(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		n := l.followers()[0]
		l.slowDisks(5 * time.Millisecond)
		ctx, leave := context.WithCancel(t.Context())
		c := call("append", "k", string(make([]byte, 20<<20)))
		done := make(chan struct{})
		go func() { n.Write(ctx, []*command.Call{c}); close(done) }()
		time.Sleep(60 * time.Millisecond)
		l.isolate(n.cfg.Session.Server, true)
		time.Sleep(time.Second)
		leave()
		<-done
		leader := l.leaderBut(n)
		if err := leader.Raise(t.Context(), 2, leader.CurrentTerm()); err != nil {
			t.Fatal(err)
		}
		l.isolate(n.cfg.Session.Server, false)
		l.eventually("it goes on", func() bool { return n.MachineVersion() == 2 })
		l.want(write(n, "set", "x", "y"), reply.OK)
		some := false
		n.View(func(m *fsm.Machine) { _, some = m.NextDeadlineMS() })
		if some {
			t.Errorf("parts are kept of a command that was given up")
		}
	})
}

// leaderBut returns the node that leads the others while one is cut off.
func (l *lab) leaderBut(but *Node) (leader *Node) {
	l.eventually("a leader of the others", func() bool {
		for _, n := range l.all() {
			if n != but && n.IsLeader() {
				leader = n
			}
		}
		return leader != nil
	})
	return leader
}
