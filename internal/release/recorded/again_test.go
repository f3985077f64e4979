package recorded_test

import (
	"bytes"
	"slices"
	"strconv"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/internal/corpus"
	"github.com/kvorum/kvorum/internal/release/recorded"
)

// sender sends recorded commands to a machine again, at the same stamps, with the
// same randomness and in the same batches, and makes each entry anew.
type sender struct {
	t        *testing.T
	recorded []raft.Log
	machine  *fsm.Machine
	clients  map[int]*client
	faults   int // replies and entries that differ
}

// client holds what a connection keeps between its commands.
type client struct{ db, proto int }

// sendAgain ends with a machine that must equal the one that the log has made.
func sendAgain(t *testing.T, entries []raft.Log, exchanges []recorded.Exchange, made *fsm.Machine) {
	t.Helper()
	s := &sender{t: t, recorded: entries, machine: fsm.New(), clients: map[int]*client{}}
	for i := range exchanges {
		e := &exchanges[i]
		if len(s.recorded) == 0 {
			break // what was sent after the directory was copied
		}
		c := s.clients[e.Connection]
		if c == nil {
			c = &client{proto: 2}
			s.clients[e.Connection] = c
		}
		s.exchange(c, e)
		if s.faults > 0 {
			t.Fatalf("at exchange %d of %d: %.200q", i+1, len(exchanges), e.Commands)
		}
	}
	for len(s.recorded) > 0 {
		s.next(nil)
	}
	if s.machine.Index() != made.Index() || s.machine.Hash() != made.Hash() || s.machine.Digest() != made.Digest() {
		t.Errorf("the commands sent again make %016x at %d, the log makes %016x at %d", s.machine.Hash(), s.machine.Index(), made.Hash(), made.Index())
	}
}

// exchange sends one client's commands again. Several at once begin and end with a
// write, so that all of them went through the log.
func (s *sender) exchange(c *client, e *recorded.Exchange) {
	s.t.Helper()
	var commands []entry.Command
	for i, line := range e.Commands {
		args, err := corpus.ParseCommand(line)
		if err != nil {
			s.t.Fatal(err)
		}
		row, refusal := command.Lookup(args)
		switch {
		case row == nil:
			s.compare(c, refusal, e.Replies[i])
		case row.Route() == command.Log || len(e.Commands) > 1:
			commands = append(commands, entry.Command{DB: c.db, Args: args})
		case row.Route() == command.Gate:
			s.read(c, e, &command.Call{Command: row, DB: c.db, Args: args})
		case e.Replies[i] != "" && e.Replies[i][0] != '-':
			c.local(row, args)
		}
	}
	if len(commands) == 0 {
		return
	}
	replies := s.write(commands)
	if len(replies) != len(e.Replies) {
		s.t.Fatalf("%d replies to %d commands", len(replies), len(e.Replies))
	}
	for i := range replies {
		s.compare(c, replies[i], e.Replies[i])
	}
}

// local does what a connection does of itself.
func (c *client) local(row *command.Command, args [][]byte) {
	switch {
	case row.Name == "select":
		c.db, _ = strconv.Atoi(string(args[1]))
	case row.Name == "hello" && len(args) > 1:
		c.proto, _ = strconv.Atoi(string(args[1]))
	}
}

func (s *sender) compare(c *client, got reply.Value, want string) {
	s.t.Helper()
	if printed := s.printed(c, got); printed != want {
		s.faults++
		s.t.Errorf("the reply is %.300s, and was %.300s", printed, want)
	}
}

func (s *sender) printed(c *client, v reply.Value) string {
	s.t.Helper()
	v, err := corpus.OnWire(v, c.proto)
	if err != nil {
		s.t.Fatal(err)
	}
	return corpus.Print(v)
}

// read runs a read as it was confirmed. Its stamp is not recorded, nor is the
// randomness of one that draws a key; the reply must be that of one that there was.
func (s *sender) read(c *client, e *recorded.Exchange, call *command.Call) {
	s.t.Helper()
	want := e.Replies[0]
	for s.tickIsNext() && !s.answers(c, e, call) {
		s.next(nil) // the read has waited for the clock
	}
	if !s.answers(c, e, call) {
		s.machine.Read(call, e.SentMS, 0)
		s.faults++
		s.t.Errorf("no stamp from %d to %d makes the reply %s: it is %s", e.SentMS, e.AnsweredMS, want, s.printed(c, call.Reply))
	}
}

// answers tries the stamps that the leader may have had; its clock may be ahead of
// the recorder's by what it has added to stay ahead of itself.
func (s *sender) answers(c *client, e *recorded.Exchange, call *command.Call) bool {
	s.t.Helper()
	seeds := uint64(1)
	if call.Command.Name == "randomkey" {
		seeds = 200
	}
	for stamp := e.SentMS; stamp <= e.AnsweredMS+1; stamp++ {
		for seed := range seeds {
			args := slices.Clone(call.Args)
			due := s.machine.Read(call, stamp, seed)
			call.Args = args
			if due == 0 && s.printed(c, call.Reply) == e.Replies[0] {
				return true
			}
		}
	}
	return false
}

func (s *sender) tickIsNext() bool {
	if len(s.recorded) == 0 || s.recorded[0].Type != raft.LogCommand {
		return false
	}
	e, err := entry.Decode(s.recorded[0].Data)
	return err == nil && len(e.Batches) == 0
}

// write sends commands as the next batch that carries any, and returns their replies.
func (s *sender) write(commands []entry.Command) []reply.Value {
	s.t.Helper()
	for len(s.recorded) > 0 {
		if replies, done := s.next(commands); done {
			return replies
		}
	}
	s.t.Fatal("the log ends before the commands")
	return nil
}

// next makes the next entry anew, with these commands in the place of those that it
// was recorded with, and applies it. It returns their replies if it carried them.
func (s *sender) next(commands []entry.Command) (replies []reply.Value, done bool) {
	s.t.Helper()
	l := s.recorded[0]
	s.recorded = s.recorded[1:]
	if l.Type != raft.LogCommand {
		apply(s.t, s.machine, l)
		return nil, false
	}
	e, err := entry.Decode(l.Data)
	if err != nil {
		s.t.Fatal(err)
	}
	var encoded [][]byte
	for i := range e.Batches {
		b := &e.Batches[i]
		if b.Kind == entry.Commands && len(b.Commands) > 0 && commands != nil {
			b.Commands = commands
		}
		one, err := entry.AppendBatch(nil, b)
		if err != nil {
			s.t.Fatal(err)
		}
		encoded = append(encoded, one)
	}
	data, err := entry.AppendEntry(nil, e.Head, encoded)
	if err != nil {
		s.t.Fatal(err)
	}
	if !bytes.Equal(data, l.Data) {
		s.faults++
		s.t.Errorf("entry %d is made of other bytes:\n%.300q\n%.300q", l.Index, data, l.Data)
	}
	outcomes, err := s.machine.Apply(l.Index, data)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, out := range outcomes {
		if out.Status == fsm.Applied && len(out.Replies) > 0 {
			replies, done = out.Replies, true
		}
	}
	return replies, done
}
