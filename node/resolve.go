package node

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/kvorum/kvorum/fsm"
)

// resolve records what this node's machine did with a batch of this process, and answers those who
// wait for it. The worker calls it in log order.
func (s *session) resolve(out *fsm.Outcome) {
	s.mu.Lock()
	b, err := s.take(out)
	s.mu.Unlock()
	if err != nil {
		s.node.Leave(err)
		s.shut(err) // later outcomes from the machine may not belong to these batches
	}
	if b == nil {
		return
	}
	for _, sl := range b.slices {
		calls := sl.ticket.calls[sl.from:sl.to]
		if answered(out.Status) && len(out.Replies) >= sl.at+len(calls) {
			for i, c := range calls {
				c.Reply = out.Replies[sl.at+i]
			}
			sl.ticket.settled(len(calls))
			continue
		}
		sl.ticket.answer(sl.from, sl.to, errorReply(ErrUncertain))
	}
}

func answered(status fsm.Status) bool {
	return status == fsm.Applied || status == fsm.Duplicate
}

// take handles an outcome and returns the batch that it resolves, nil for none.
func (s *session) take(out *fsm.Outcome) (*batch, error) {
	if s.over {
		return nil, nil
	}
	first := s.firstUnresolved()
	switch out.Status {
	case fsm.Gap:
		if out.Next < first {
			return nil, fmt.Errorf("the machine wants batch %d of %s, which had its outcome: %d is the first without", out.Next, s.id.Server, first)
		}
		if s.sent > 0 && !time.Now().Before(s.retryAt) {
			s.doubt(retryMin)
		}
		return nil, nil
	case fsm.Stranger: // not a member yet, or not any more, or a later start has registered
		if open, known := s.node.worker.machine.Session(s.id.Server); known && open.Boot > s.id.Boot {
			return nil, fmt.Errorf("%s runs with boot number %d, and the cluster has seen boot %d of it: its data directory is an old copy, or was restored from a backup, and must not be used; "+
				"start with an empty one and --join", s.id.Server, s.id.Boot, open.Boot)
		}
		if s.backoff == 0 {
			s.node.log.Warn("the cluster does not know this server, or knows a later start of it; trying again",
				slog.String("server", s.id.Server), slog.Uint64("boot", s.id.Boot))
		}
		s.doubt(retryMax)
		return nil, nil
	case fsm.Unknown:
		s.node.log.Error("the cluster has ended this process's session: it was removed, or replaced by a later start",
			slog.String("server", s.id.Server), slog.Uint64("boot", s.id.Boot))
		s.end(ErrNotMember)
		return nil, nil
	}
	if s.foreign(out) {
		return nil, fmt.Errorf("another process has run as %s with boot number %d: the data directory is an old copy, or was restored from a backup, and must not be used; "+
			"start with an empty one and --join", s.id.Server, s.id.Boot)
	}
	if out.Status == fsm.Registered {
		s.registered = true
	}
	if len(s.unresolved) == 0 || out.Number < first {
		return nil, nil // it was resolved before
	}
	if out.Number != first {
		return nil, fmt.Errorf("the machine is past batch %d of %s, whose outcome was never told", first, s.id.Server)
	}
	b := s.unresolved[0]
	s.unresolved = popFront(s.unresolved)
	s.sent = max(s.sent-1, 0)
	s.backoff, s.told = 0, nil
	s.progressAt = time.Now()
	calls := b.calls()
	s.hold.expect(calls, s.line.calls, s.progressAt)
	freed := false
	if b.closes != nil {
		s.line.closed(b.closes)
		freed = len(s.line.large) > 0
	}
	switch {
	case !s.local:
		signal(s.wake)
	case freed, out.Status == fsm.Registered:
		s.node.committer.kick()
	}
	return b, nil
}

// foreign reports whether a batch of another process has been applied under this process's boot
// number. The stored replies to that process's batches would be mistaken for replies to the
// batches with the same numbers here. The worker calls it.
func (s *session) foreign(out *fsm.Outcome) bool {
	if out.Number >= s.next {
		return true // never numbered here
	}
	if out.Status != fsm.Registered || s.registered {
		return false
	}
	open, _ := s.node.worker.machine.Session(s.id.Server)
	return open.Last > 0 // before the first batch of this process could be sent
}

// restored asks a machine that has skipped entries for the outcome of the batches in them. The
// worker calls it.
func (s *session) restored(m *fsm.Machine) {
	s.mu.Lock()
	numbers := make([]uint64, 0, len(s.unresolved))
	for _, b := range s.unresolved {
		numbers = append(numbers, b.number)
	}
	s.mu.Unlock()
	for _, number := range numbers {
		out, ok := m.Replay(s.id, number)
		if !ok {
			return
		}
		s.resolve(&out)
	}
}
