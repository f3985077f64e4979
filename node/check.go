package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/reply"
)

// check decodes a batch of another node and checks everything in it, because an entry that the
// machine cannot apply would stop every node. It returns the batch's kind, or ErrNotYet or a
// *Refused.
func (c *committer) check(from string, data []byte) (entry.Kind, error) {
	checker := c.checkers.Get().(*fsm.Checker)
	defer c.checkers.Put(checker)
	b, err := c.checkWith(checker, from, data)
	if err == nil {
		return b.Kind, nil
	}
	if refusal, ok := errors.AsType[*fsm.Refusal](err); ok && refusal.Later {
		c.node.log.Debug("a forwarded batch has come too early", slog.String("from", from), slog.String("reason", refusal.Reason))
		return 0, ErrNotYet
	}
	level := slog.LevelDebug
	if now, last := time.Now().UnixNano(), c.refusedAt.Load(); now-last > int64(repeatAfter) && c.refusedAt.CompareAndSwap(last, now) {
		level = slog.LevelWarn
	}
	c.node.log.Log(context.Background(), level, "refused a forwarded batch", slog.String("from", from), slog.Any("error", err))
	return 0, &Refused{Reason: err.Error()}
}

func (c *committer) checkWith(checker *fsm.Checker, from string, data []byte) (*entry.Batch, error) {
	version := c.node.MachineVersion()
	b, err := checker.Check(data, version)
	if err != nil {
		return nil, err
	}
	if b.Server != from {
		return nil, fmt.Errorf("%q has sent a batch of the session of %q", from, b.Server)
	}
	if !fsm.EndsParts(b, version) {
		return b, nil
	}
	// Version 1 only. Joining and decoding up to 512 MB takes some tenths of a second, here on the
	// goroutine that reads the sender's forwarded batches. That delays nothing else. Raft and the
	// questions of reads have connections of their own. What is queued behind this part belongs to
	// the same session and has to follow it. A connection counts as broken only after some seconds
	// of silence. The join is made in pieces, so the collector, and with it the heartbeats, need
	// not wait for it.
	var before []byte
	var run bool
	c.node.worker.view(func(m *fsm.Machine) { before, run, err = m.PartsBefore(b) })
	if run && err == nil {
		err = checker.CheckBody(before, b, version)
	}
	return b, err
}

// writable answers the calls that could not be applied from an entry, and returns the others.
func writable(calls []*command.Call) []*command.Call {
	if !slices.ContainsFunc(calls, func(c *command.Call) bool { return fsm.CheckCall(c) != nil }) {
		return calls
	}
	var rest []*command.Call
	for _, c := range calls {
		if err := fsm.CheckCall(c); err != nil {
			c.Reply = reply.Err("ERR " + printable(err.Error()))
		} else {
			rest = append(rest, c)
		}
	}
	return rest
}

// refuse answers those who wait for a batch that the leader will never take, and replaces the
// batch by a blank at once. Otherwise it would block everything else of this process for ever.
// refuse returns false for a Register, which has no blank.
func (s *session) refuse(b *batch, why *Refused) bool {
	if s.backoff == 0 {
		s.node.log.Error("the leader will never take a batch of this server", slog.Uint64("number", b.number), slog.String("reason", printable(why.Reason)))
	}
	if b.number == 0 {
		return false
	}
	if i := b.number - s.firstUnresolved(); i >= uint64(len(s.unresolved)) || s.unresolved[i] != b {
		return true // it has its outcome
	}
	cut := b.split
	if cut == nil {
		s.answerRefused(b, why)
		s.blank(b)
		return true
	}
	if slices.Contains(s.line.begun, cut) {
		s.line.finish(cut)
		cut.ticket.answer(cut.call, cut.call+1, errorReply(why.told(b)))
	}
	for _, part := range s.unresolved {
		if part.split == cut {
			s.answerRefused(part, why)
		}
	}
	s.blankParts(cut)
	return true
}

// answerRefused answers everybody who waits for a refused batch.
func (s *session) answerRefused(b *batch, why *Refused) {
	for _, sl := range b.slices {
		sl.ticket.answer(sl.from, sl.to, errorReply(why.told(b)))
	}
	b.slices = nil
}

// told returns the error for the clients of a refused batch. Another leader may have taken the
// batch before.
func (r *Refused) told(b *batch) *Error {
	if b.sends > 0 {
		return ErrUncertain
	}
	return &Error{RESP: "ERR the leader refused the batch of this command, and the write was not applied: " + printable(r.Reason)}
}

// printable turns a foreign text into one line that is safe to send to a client.
func printable(text string) string {
	line := []byte(text[:min(len(text), refusalBytesMax)])
	for i, b := range line {
		if b < ' ' || b > '~' {
			line[i] = '?'
		}
	}
	return string(line)
}
