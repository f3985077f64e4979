package node

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// A leader asks as many voters as it needs. A dead one delays one round and is asked last from
// then on.
func TestADeadVoterDelaysOneRead(t *testing.T) {
	inBubble(t, 5, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		l.want(write(leader, "set", "k", "v"), reply.OK)
		for i, f := range l.followers() {
			if i < 2 {
				l.crash(f.cfg.Session.Server)
			}
		}
		var took []time.Duration
		for range 10 {
			begun := time.Now()
			l.want(read(leader, "get", "k"), reply.Text("v"))
			took = append(took, time.Since(begun))
		}
		for i, d := range took {
			if d > time.Millisecond && i > 1 || d > lateAfter+time.Millisecond {
				t.Fatalf("reads took %v", took)
			}
		}
	})
}

// A question asked before a read arrived must not confirm that read: a follower's question
// confirms the follower's reads, not the leader's.
func TestAFollowersQuestionDoesNotConfirmTheLeadersReads(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		f := l.followers()[0]
		lead := leader.cfg.Session.Server
		q := ReadQuestion{Server: f.cfg.Session.Server, Term: f.CurrentTerm()} // it waits in the leader's socket
		l.isolate(lead, true)
		got := make(chan reply.Value, 1)
		l.wg.Go(func() { got <- read(leader, "get", "k") })
		synctest.Wait()
		answered := false
		leader.AnswerReadIndex(q, func(a ReadAnswer, err error) { answered = err == nil })
		if !answered {
			t.Fatal("the follower's own reads were not confirmed")
		}
		synctest.Wait()
		select {
		case r := <-got:
			t.Fatalf("the cut-off leader answered its own reader %q", r.Bytes)
		default:
		}
		if r := <-got; !r.IsError() {
			t.Fatalf("answered %q", r.Bytes)
		}
	})
}

// A question of a later term shows that another leader may have been elected.
func TestAQuestionOfALaterTermIsRefused(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		f := l.followers()[0]
		var got error
		leader.AnswerReadIndex(ReadQuestion{Server: f.cfg.Session.Server, Term: leader.CurrentTerm() + 1}, func(_ ReadAnswer, err error) { got = err })
		if got != ErrNotLeader {
			t.Fatalf("answered %v", got)
		}
		f.AnswerReadIndex(ReadQuestion{Server: "n9@1", Term: 1}, func(_ ReadAnswer, err error) { got = err })
		if got != ErrNotLeader {
			t.Fatalf("a follower answered %v", got)
		}
	})
}

// A server without a vote confirms nothing by asking. It is answered by a round.
func TestAStrangersQuestionNeedsARound(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		l.isolate(leader.cfg.Session.Server, true)
		answered := make(chan error, 1)
		leader.AnswerReadIndex(ReadQuestion{Server: "n9@1", Term: 1}, func(_ ReadAnswer, err error) { answered <- err })
		if err := <-answered; err == nil {
			t.Fatal("a stranger's question was confirmed with nobody else's vote")
		}
	})
}

// A write that waits for the machine gets in between the reads of a pipeline: after each read that
// is not fast, and after some that are. The order stays.
func TestALongPipelineOfReadsLetsWritesIn(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		l.want(write(leader, "set", "k", "v"), reply.OK)
		var calls []*command.Call
		for range 2*fastReadsMax + 1 {
			calls = append(calls, call("get", "k"))
		}
		calls = append(calls, call("keys", "*"), call("keys", "*"), call("get", "k"))
		r := leader.reads
		var held []int
		for rest := calls; len(rest) > 0; {
			before := len(rest)
			rest, _ = r.runSome(rest, leader.stamps.next())
			held = append(held, before-len(rest))
		}
		if want := []int{fastReadsMax, fastReadsMax, 2, 1, 1}; !slices.Equal(held, want) {
			t.Fatalf("the machine was held for %v calls at a time, want %v", held, want)
		}
		for _, c := range calls {
			c.Reply = reply.Value{}
		}
		leader.Read(t.Context(), calls)
		for _, c := range calls {
			if c.Command.Name == "get" {
				l.want(c.Reply, reply.Text("v"))
			} else if c.Reply.Kind != reply.Array {
				t.Fatalf("keys was answered with kind %d", c.Reply.Kind)
			}
		}
	})
}
