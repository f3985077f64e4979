package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/reply"
)

func commandsOf(lines ...string) []entry.Command {
	var commands []entry.Command
	for _, line := range lines {
		var args [][]byte
		for _, word := range strings.Fields(line) {
			args = append(args, []byte(word))
		}
		commands = append(commands, entry.Command{Args: args})
	}
	return commands
}

func encodedBatch(t testing.TB, b entry.Batch) []byte {
	t.Helper()
	data, err := entry.AppendBatch(nil, &b)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// malformed returns encoded batches of a session, under a number, with valid checksums, that no
// machine can apply.
func malformed(t testing.TB, s entry.Session, number uint64) map[string][]byte {
	t.Helper()
	of := func(commands []entry.Command) []byte {
		return encodedBatch(t, entry.Batch{Session: s, Kind: entry.Commands, Number: number, Commands: commands})
	}
	far := commandsOf("set a 1")
	far[0].DB = 99
	cut := of(commandsOf("set a 1"))
	cut = cut[:len(cut)-5]
	cut = binary.LittleEndian.AppendUint32(cut, crc32.Checksum(cut, crc32.MakeTable(crc32.Castagnoli)))
	return map[string][]byte{
		"a body cut short":   cut,
		"an unknown command": of(commandsOf("set a 1", "nosuch a")),
		"a local command":    of(commandsOf("ping")),
		"a long name":        of(commandsOf(strings.Repeat("n", 70))),
		"a wrong arity":      of(commandsOf("get a b")),
		"a far database":     of(far),
		"a body in parts": encodedBatch(t, entry.Batch{
			Session: s, Kind: entry.Part, Number: number, PartTotal: 1, PartBytes: entry.AppendBody(nil, commandsOf("nosuch a"))}),
		"a hostile address": encodedBatch(t, entry.Batch{Session: s, Kind: entry.Register, ClientAddr: "h:1\r\n+OK"}),
	}
}

// offer hands a batch to a leader as if from another server, and returns its answer.
func (l *lab) offer(leader *Node, from string, data []byte) error {
	l.t.Helper()
	answers := make(chan error, 1)
	leader.AcceptForward(from, data, func(err error) { answers <- err })
	select {
	case err := <-answers:
		return err
	case <-time.After(10 * time.Second):
		l.t.Fatal("the leader does not answer a batch")
		return nil
	}
}

// A batch with a valid checksum and invalid content stops nobody. Its sender is told why it is
// refused, and the cluster goes on.
func TestWhatNoMachineCanApplyIsNotProposed(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		honest := l.followers()[0]
		l.want(write(honest, "set", "k", "1"), reply.OK)
		own := honest.cfg.Session
		next := own
		next.Boot++
		if err := l.offer(leader, own.Server, encodedBatch(t, entry.Batch{Session: next, Kind: entry.Commands, Number: 1})); err != nil {
			t.Fatalf("a sound batch of an unknown boot: %v", err)
		}
		for _, s := range []entry.Session{own, {Server: "n9@9", Boot: 1}} {
			for name, data := range malformed(t, s, 2) {
				var refused *Refused
				if err := l.offer(leader, s.Server, data); !errors.As(err, &refused) || refused.Reason == "" {
					t.Errorf("%s of %s: %v", name, s.Server, err)
				}
			}
		}
		l.want(write(honest, "incr", "k"), reply.Int(2))
		l.want(write(leader, "incr", "k"), reply.Int(3))
	})
}

// A server sends batches of its own session only. A batch applied under another server's name
// would end that server's session, because it uses up its next number.
func TestNobodySendsBatchesOfAnotherServer(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		victim, liar := l.followers()[0], l.followers()[1]
		l.want(write(victim, "set", "k", "1"), reply.OK)
		last := uint64(0)
		leader.View(func(m *fsm.Machine) {
			info, _ := m.Session(victim.cfg.Session.Server)
			last = info.Last
		})
		stolen := encodedBatch(t, entry.Batch{Session: victim.cfg.Session, Kind: entry.Commands, Number: last + 1, Commands: commandsOf("set k stolen")})
		var refused *Refused
		if err := l.offer(leader, liar.cfg.Session.Server, stolen); !errors.As(err, &refused) {
			t.Errorf("the leader says %v", err)
		}
		l.want(write(victim, "incr", "k"), reply.Int(2))
		if err := victim.Err(); err != nil {
			t.Errorf("the server that was spoken for has ended: %v", err)
		}
	})
}

// The last part of a command is checked together with the earlier ones. So it is refused as too
// early while these are in flight. A valid command is applied all the same.
func TestACommandInPartsPassesTheCheck(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		follower := l.followers()[0]
		value := strings.Repeat("v", 3*entry.PartBytesMax)
		l.want(write(follower, "set", "k", value), reply.OK)
		l.want(write(follower, "strlen", "k"), reply.Int(int64(len(value))))
	})
}

func TestACallThatTheLogCannotCarryIsAnsweredAlone(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, l *lab) {
		call := func(db int, words ...string) *command.Call {
			var args [][]byte
			for _, w := range words {
				args = append(args, []byte(w))
			}
			row, _ := command.Lookup(args)
			return &command.Call{Command: row, DB: db, Args: args}
		}
		calls := []*command.Call{call(0, "set", "k", "1"), call(99, "set", "k", "2"), call(0, "ping"), call(0, "incr", "k")}
		l.leader().Write(t.Context(), calls)
		l.want(calls[0].Reply, reply.OK)
		l.want(calls[3].Reply, reply.Int(2))
		for _, c := range calls[1:3] {
			if c.Reply.Kind != reply.Error || !strings.HasPrefix(string(c.Reply.Bytes), "ERR ") {
				t.Errorf("%s in database %d was answered %q", c.Args, c.DB, c.Reply.Bytes)
			}
		}
	})
}

// A batch that the leader will never take is replaced by an empty one at once, and those behind it
// go on.
func TestARefusedBatchIsBlankedAndItsClientsAreToldWhy(t *testing.T) {
	answer := error(&Refused{Reason: "it is\r\nmalformed"})
	var sent []entry.Batch
	s := lone(func(batch []byte, done func(error)) {
		b, err := entry.DecodeBatch(bytes.Clone(batch))
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, b)
		if len(b.Commands) > 0 {
			done(answer)
		}
	})
	c := s.wait(t, time.Minute, "a", "b")
	s.pump()
	want := "ERR the leader refused the batch of this command, and the write was not applied: it is??malformed"
	for _, call := range c.calls {
		if string(call.Reply.Bytes) != want {
			t.Errorf("the client was answered %q", call.Reply.Bytes)
		}
	}
	s.pump()
	if len(sent) != 2 || sent[1].Number != 1 || len(sent[1].Commands) != 0 {
		t.Fatalf("what was sent is %+v", sent)
	}
	if !s.retryAt.IsZero() {
		t.Error("the blank had to wait")
	}
	s.resolve(&fsm.Outcome{Session: s.id, Number: 1, Status: fsm.Applied})
	if len(s.unresolved) > 0 {
		t.Error("the blank is not resolved")
	}
}

// If an earlier leader may have taken the batch, the outcome is uncertain.
func TestARefusalIsNotCertainAfterAnEarlierSend(t *testing.T) {
	answer := errors.New("the connection broke")
	s := lone(func(_ []byte, done func(error)) { done(answer) })
	c := s.wait(t, time.Minute, "a")
	s.pump()
	answer = &Refused{Reason: "malformed"}
	s.mu.Lock()
	s.retryAt = time.Time{}
	s.mu.Unlock()
	s.pump()
	if got := string(c.calls[0].Reply.Bytes); got != ErrUncertain.RESP {
		t.Errorf("the client was answered %q", got)
	}
}

// If one part of a command is refused, the whole command is given up.
func TestARefusedPartEndsItsCommand(t *testing.T) {
	var sent []entry.Batch
	s := lone(func(batch []byte, done func(error)) {
		b, err := entry.DecodeBatch(bytes.Clone(batch))
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, b)
		if b.Kind == entry.Part && b.PartIndex == 1 {
			done(&Refused{Reason: "malformed"})
		}
	})
	c := s.wait(t, time.Minute, strings.Repeat("v", (batchesInFlightMax+1)*entry.PartBytesMax))
	s.pump()
	if got := string(c.calls[0].Reply.Bytes); !strings.HasPrefix(got, "ERR the leader refused") || !s.line.empty() {
		t.Errorf("the client was answered %q", got)
	}
	sent = nil
	s.pump()
	for _, b := range sent {
		if b.Kind != entry.Commands || len(b.Commands) > 0 {
			t.Errorf("batch %d is of kind %d", b.Number, b.Kind)
		}
	}
	if len(sent) == 0 {
		t.Error("no blanks were sent")
	}
}

// "Not yet" says that the batch was not proposed: a client that leaves is told so.
func TestNotYetDoesNotCountAsSent(t *testing.T) {
	s := lone(func(_ []byte, done func(error)) { done(ErrNotYet) })
	c := s.wait(t, time.Minute, "a")
	s.pump()
	s.abandon(c)
	if got := string(c.calls[0].Reply.Bytes); got != ErrNotYet.RESP {
		t.Errorf("the client was answered %q", got)
	}
}
