package node

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/reply"
)

// post is a Peers that hands what is forwarded to a test.
type post struct {
	Peers
	forward func(batch []byte, done func(error))
}

func (p post) Forward(_ string, batch []byte, done func(error)) { p.forward(batch, done) }

// lone makes a session that has registered and knows a leader, without a node. The test itself
// calls its sender.
func lone(forward func(batch []byte, done func(error))) *session {
	cfg := Config{Session: entry.Session{Server: "n1@0", Boot: 1}, Peers: post{forward: forward}}.withDefaults()
	s := newSession(&Node{cfg: cfg, log: cfg.Logger})
	s.node.worker = newWorker(s.node)
	s.registered, s.leader, s.next = true, "n2@0", 1
	return s
}

// wait puts a write of each of the values in line, as one client's.
func (s *session) wait(t *testing.T, patience time.Duration, values ...string) *ticket {
	t.Helper()
	c := &ticket{since: time.Now().Add(patience - s.node.cfg.WriteTimeout), done: make(chan struct{}, 1)}
	for _, v := range values {
		args := [][]byte{[]byte("append"), []byte("k"), []byte(v)}
		row, _ := command.Lookup(args)
		c.calls = append(c.calls, &command.Call{Command: row, Args: args})
	}
	c.pending.Store(int32(len(values)))
	if err := s.enqueue(c); err != nil {
		t.Fatal(err)
	}
	return c
}

// A client leaves between the moment when its batch is counted as sent and the moment when it is
// sent. What is sent is the whole batch, as it was counted.
func TestABatchIsSentAsItWasCounted(t *testing.T) {
	value := string(bytes.Repeat([]byte("v"), entry.BodyBytesMax/2+1)) // so that each call takes a batch of its own
	gone := make(chan struct{})
	var sent [][]byte
	s := lone(func(batch []byte, _ func(error)) {
		if sent = append(sent, bytes.Clone(batch)); len(sent) == 1 {
			close(gone)
		}
	})
	s.wait(t, time.Minute, value)
	leaves := s.wait(t, time.Minute, value)
	abandoned := make(chan struct{})
	go func() {
		<-gone
		s.abandon(leaves)
		close(abandoned)
	}()
	s.pump()
	<-abandoned
	if len(sent) != 2 || len(sent[1]) < len(value) {
		t.Fatalf("%d batches were sent", len(sent))
	}
	if got := leaves.calls[0].Reply; string(got.Bytes) != ErrUncertain.RESP {
		t.Errorf("the client was answered %q", got.Bytes)
	}
	if again := s.unresolved[1]; len(again.data) >= len(value) || s.sent != 0 {
		t.Error("what nobody waits for is to be sent again with its contents")
	}
}

// Clients share a batch that is refused. One of them is told in time that its write was not
// applied. The batch goes on for the others, without that write.
func TestWhatWasNotAppliedLeavesTheBatchThatItShares(t *testing.T) {
	refuse := true
	var sent []byte
	s := lone(func(batch []byte, done func(error)) {
		sent = bytes.Clone(batch)
		if refuse {
			done(ErrNotLeader)
		}
	})
	first := s.wait(t, time.Minute, "a")
	hasty := s.wait(t, time.Second, "b", "c")
	last := s.wait(t, time.Minute, "d", "e")
	s.pump()
	s.mu.Lock()
	s.expire(time.Now().Add(2 * time.Second))
	s.retryAt = time.Time{}
	s.mu.Unlock()
	for _, c := range hasty.calls {
		if string(c.Reply.Bytes) != ErrStuck.RESP {
			t.Fatalf("the client was answered %q", c.Reply.Bytes)
		}
	}
	refuse = false
	s.pump()
	b, err := entry.DecodeBatch(sent)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, c := range b.Commands {
		values = append(values, string(c.Args[2]))
	}
	if want := "[a d e]"; b.Number != 1 || want != fmt.Sprint(values) {
		t.Fatalf("batch %d carries %v, not %v", b.Number, values, want)
	}
	s.resolve(&fsm.Outcome{Session: s.id, Number: 1, Status: fsm.Applied, Replies: []reply.Value{reply.Int(1), reply.Int(2), reply.Int(3)}})
	if a, d, e := first.calls[0].Reply.Int(), last.calls[0].Reply.Int(), last.calls[1].Reply.Int(); a != 1 || d != 2 || e != 3 {
		t.Errorf("the others were answered %d, %d and %d", a, d, e)
	}
}

// A command in parts is given up while one part is in flight. Whether that part or the empty batch
// in its place wins, one more batch, which is not a part, makes the machines free what they keep.
func TestPartsThatArriveAfterTheyWereGivenUpAreFreed(t *testing.T) {
	var last entry.Batch
	s := lone(func(batch []byte, _ func(error)) {
		b, err := entry.DecodeBatch(bytes.Clone(batch))
		if err != nil {
			t.Fatal(err)
		}
		last = b
	})
	c := s.wait(t, time.Minute, string(bytes.Repeat([]byte("v"), (batchesInFlightMax+1)*entry.PartBytesMax)))
	s.pump()
	if last.Kind != entry.Part || len(s.line.begun) == 0 {
		t.Fatal("the command is not under way in parts")
	}
	parts := last.Number
	s.abandon(c)
	for number := uint64(1); number <= parts; number++ {
		s.resolve(&fsm.Outcome{Session: s.id, Number: number, Status: fsm.Partial})
	}
	s.pump()
	if last.Kind != entry.Commands || last.Number != parts+1 || len(last.Commands) > 0 {
		t.Fatalf("what was sent last is batch %d, of kind %d", last.Number, last.Kind)
	}
}
