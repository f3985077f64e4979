package node

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
)

// raise has the leader raise the machine's version.
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

// A program that knows no version above the first ends when the log raises it, and
// says what to do.
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

// laterCall is one of a command that version 2 of the machine begins with.
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
