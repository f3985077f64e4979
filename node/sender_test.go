package node

import (
	"bytes"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
)

// post is Peers that hands what is forwarded to a test.
type post struct {
	Peers
	forward func(batch []byte)
}

func (p post) Forward(_ string, batch []byte, _ func(error)) { p.forward(batch) }

// A client leaves between the moment when its batch is counted as sent and the
// one when it is sent: what is sent is what was counted, whole.
func TestABatchIsSentAsItWasCounted(t *testing.T) {
	value := bytes.Repeat([]byte("v"), entry.BodyBytesMax/2+1) // so that each call takes a batch of its own
	call := func() *ticket {
		args := [][]byte{[]byte("set"), []byte("k"), value}
		row, _ := command.Lookup(args)
		c := &ticket{calls: []*command.Call{{Command: row, Args: args}}, deadline: time.Now().Add(time.Minute), done: make(chan struct{}, 1)}
		c.pending.Store(1)
		return c
	}
	stays, leaves := call(), call()
	gone := make(chan struct{})
	var s *session
	var sent [][]byte
	s = newSession(&Node{cfg: Config{Session: entry.Session{Server: "n1@0", Boot: 1}, Peers: post{forward: func(batch []byte) {
		if sent = append(sent, bytes.Clone(batch)); len(sent) == 1 {
			close(gone)
		}
	}}}})
	s.registered, s.leader, s.next = true, "n2@0", 1
	for _, c := range []*ticket{stays, leaves} {
		if err := s.enqueue(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
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
