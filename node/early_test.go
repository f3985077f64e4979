package node

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/reply"
)

// The goal: a write waits for one disk's time and not for two.
func TestAWriteWaitsForTheLeadersAndAFollowersDisksAtTheSameTime(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		l.want(write(leader, "set", "k", "v"), reply.OK) // the followers have confirmed all that there is
		time.Sleep(time.Second)
		const each = 10 * time.Millisecond
		for _, d := range l.disks {
			d.slow.mu.Lock()
			d.slow.takes = each
			d.slow.mu.Unlock()
		}
		for range 20 {
			begun := time.Now()
			l.want(write(leader, "set", "k", "v"), reply.OK)
			if took := time.Since(begun); took > each+each/2 {
				t.Fatalf("a write took %v, one disk's write takes %v", took, each)
			}
		}
		l.agree()
	})
}

// earlyLab runs a test on three nodes whose followers have confirmed everything, and passes it the
// faults of their disks.
func earlyLab(t *testing.T, run func(t *testing.T, l *lab, flaw map[string]*flaws)) {
	flawedLab(t, 3, func(t *testing.T, l *lab, flaw map[string]*flaws) {
		l.want(write(l.leader(), "set", "k", "v"), reply.OK)
		l.agree()
		time.Sleep(time.Second)
		run(t, l, flaw)
	})
}

// ends returns the index of the last entry on a server's disk.
func (l *lab) ends(id string) uint64 {
	last, err := l.disks[id].logs.LastIndex()
	if err != nil {
		l.t.Fatal(err)
	}
	return last
}

// Entries travel no more often than before: Raft takes the answers that have already arrived.
func TestEarlyMessagesAreNotSentAgain(t *testing.T) {
	earlyLab(t, func(t *testing.T, l *lab, _ map[string]*flaws) {
		leader := l.leader()
		follower := raft.ServerID(l.followers()[0].cfg.Session.Server)
		for _, s := range l.conf.Servers {
			l.slowDown(s.ID, 100*time.Microsecond)
		}
		before, index := leader.transport.deliveries(follower).calls, leader.LastIndex()
		begun := time.Now()
		for range 500 {
			l.want(write(leader, "incr", "n"), reply.Int(int64(leader.LastIndex()-index)))
		}
		// Raft tells an idle follower of commits from time to time; that is a call, too.
		idle := uint64(time.Since(begun)/leader.cfg.Timing.Commit) + 1
		if calls := leader.transport.deliveries(follower).calls - before; calls > 500+idle {
			t.Fatalf("%d calls for 500 entries", calls)
		}
	})
}

// A leader's entry reaches the followers while its own disk is blocked. It is neither acknowledged
// nor applied before that disk has stored it.
func TestAnEntryThatOnlyFollowersHaveIsNotCommitted(t *testing.T) {
	earlyLab(t, func(t *testing.T, l *lab, _ map[string]*flaws) {
		leader, followers := l.leader(), l.followers()
		commit := leader.raft.CommitIndex()
		release := l.disks[leader.cfg.Session.Server].slow.hold()
		answered := make(chan reply.Value, 1)
		l.wg.Go(func() { answered <- write(leader, "set", "k", "w") })
		synctest.Wait()
		for _, f := range followers {
			if got := l.ends(f.cfg.Session.Server); got != commit+1 {
				t.Errorf("the log of %s ends at %d, the entry is %d", f.cfg.Session.Server, got, commit+1)
			}
			if got := f.raft.CommitIndex(); got > commit {
				t.Errorf("%s takes entry %d for committed", f.cfg.Session.Server, got)
			}
		}
		if got := leader.raft.CommitIndex(); got != commit || len(answered) > 0 {
			t.Errorf("entry %d is committed after %d, %d answered", got, commit, len(answered))
		}
		time.Sleep(3 * earlyAnswerMax) // too old to be taken: Raft sends it again
		release()
		l.want(<-answered, reply.OK)
		l.agree()
	})
}

// A leader that cannot store an entry that its followers have leaves. One of them leads at once
// and commits it, and the old leader comes back as a follower.
func TestAnEntryThatTheLeaderCannotStoreIsCommittedOnce(t *testing.T) {
	earlyLab(t, func(t *testing.T, l *lab, flaw map[string]*flaws) {
		leader, other := l.leader(), l.followers()[0]
		id := leader.cfg.Session.Server
		l.want(write(other, "incr", "n"), reply.Int(1))
		flaw[id].set(func(f *flaws) { f.store = func([]*raft.Log) error { return syscall.EIO } })
		begun := time.Now()
		l.want(write(other, "incr", "n"), reply.Int(2))
		if took := time.Since(begun); took > 300*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		l.failedWith(leader, syscall.EIO.Error())
		l.crash(id)
		flaw[id].set(func(f *flaws) { f.store = nil })
		l.start(id)
		l.agree()
		l.want(read(l.node(id), "get", "n"), reply.Text("2"))
	})
}

// The heir is the follower that has what was sent early, even if another answered more recently.
func TestTheHeirHasWhatWasSentEarly(t *testing.T) {
	for behind := range 2 {
		earlyLab(t, func(t *testing.T, l *lab, flaw map[string]*flaws) {
			leader, followers := l.leader(), l.followers()
			id, lags, other := leader.cfg.Session.Server, followers[behind].cfg.Session.Server, followers[1-behind]
			l.severStreams(id, lags) // it is sent nothing early
			flaw[id].set(func(f *flaws) { f.store = func([]*raft.Log) error { return syscall.EIO } })
			leader.transport.mu.Lock()
			last := leader.transport.delivered[raft.ServerID(lags)]
			last.last = time.Now().Add(time.Second) // it has answered something else since
			leader.transport.delivered[raft.ServerID(lags)] = last
			leader.transport.mu.Unlock()
			term := leader.CurrentTerm()
			begun := time.Now()
			l.want(write(other, "incr", "n"), reply.Int(1))
			if took := time.Since(begun); took > 300*time.Millisecond {
				t.Errorf("it took %v", took)
			}
			l.eventually("the heir leads", other.IsLeader)
			if now := other.CurrentTerm(); now != term+1 {
				t.Errorf("it leads in term %d after %d", now, term)
			}
			l.failedWith(leader, syscall.EIO.Error())
			l.mendStreams(id, lags)
			l.crash(id)
			flaw[id].set(func(f *flaws) { f.store = nil })
			l.start(id)
			l.agree()
		})
	}
}

// If the leader crashes between sending and storing, nothing is lost or doubled. It comes back as
// a follower, and the next leader decides about the entry that it lacks.
func TestALeaderThatCrashesBeforeItStoresWhatItHasSentComesBackAsAFollower(t *testing.T) {
	earlyLab(t, func(t *testing.T, l *lab, _ map[string]*flaws) {
		leader, other := l.leader(), l.followers()[0]
		id, term := leader.cfg.Session.Server, leader.CurrentTerm()
		before := l.ends(id)
		release := l.disks[id].slow.hold()
		l.disks[id].slow.lose = true // as a kill before the write
		answered := make(chan reply.Value, 1)
		l.wg.Go(func() { answered <- write(other, "incr", "n") })
		synctest.Wait()
		l.isolate(id, true)
		crashed := make(chan struct{})
		l.wg.Go(func() { l.crash(id); close(crashed) })
		synctest.Wait()
		release()
		<-crashed
		if got := l.ends(id); got != before {
			t.Fatalf("its log ends at %d, it ended at %d", got, before)
		}
		l.disks[id].slow.lose = false
		l.isolate(id, false)
		l.want(<-answered, reply.Int(1))
		l.start(id)
		l.agree()
		if now := l.leader(); now.cfg.Session.Server == id || now.CurrentTerm() == term {
			t.Errorf("%s leads in term %d, after term %d of %s", now.cfg.Session.Server, now.CurrentTerm(), term, id)
		}
		l.want(read(l.node(id), "get", "n"), reply.Text("1"))
	})
}

// A leader that is deposed while it stores does not use an answer of its old term in a later one,
// and entries that only it has are replaced.
func TestALeaderDeposedWhileItStoresAgreesAgain(t *testing.T) {
	earlyLab(t, func(t *testing.T, l *lab, _ map[string]*flaws) {
		leader, followers := l.leader(), l.followers()
		id := leader.cfg.Session.Server
		for round := range 4 {
			l.severStreams(id, followers[round%2].cfg.Session.Server)
			release := l.disks[id].slow.hold()
			answered := make(chan reply.Value, 1)
			l.wg.Go(func() { answered <- write(followers[0], "incr", "n") })
			synctest.Wait()
			heir := followers[1-round%2]
			if err := heir.lead.failover.stand(heir.CurrentTerm()); err != nil {
				t.Fatal(err)
			}
			l.eventually("the heir leads", func() bool { return heir.IsLeader() })
			release()
			l.want(<-answered, reply.Int(int64(round+1)))
			l.mendStreams(id, followers[round%2].cfg.Session.Server)
			l.agree()
			if err := heir.TransferLeadershipTo(id); err != nil {
				t.Fatal(err)
			}
			l.eventually("the first leads again", func() bool { return l.leader() == leader })
			l.want(write(leader, "set", "k", "v"), reply.OK)
			l.agree()
			time.Sleep(time.Second)
		}
	})
}

// Raft itself sends what a follower has refused and what could not be delivered.
func TestAFollowerThatMissesAnEarlyMessageIsSentItByRaft(t *testing.T) {
	earlyLab(t, func(t *testing.T, l *lab, _ map[string]*flaws) {
		leader, followers := l.leader(), l.followers()
		for round := range 20 {
			id := followers[round%2].cfg.Session.Server
			switch round % 4 {
			case 0, 1: // its connections end
				l.sever(leader.cfg.Session.Server, id, false)
			case 2:
				l.crash(id)
				l.start(id)
				followers = l.followers()
			}
			for i := range 5 {
				l.want(write(leader, "incr", "n"), reply.Int(int64(5*round+i+1)))
			}
		}
		l.agree()
	})
}

// earlyOne has one follower, "f" at "a", that has confirmed entry 7 of term 2 in term 3.
func earlyOne(t *testing.T, transmit func(m *earlyMessage) error) (e *earlySends, slot *earlySlot) {
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	e = newEarlySends(func(*raft.AppendEntriesRequest) {}, transmit, over)
	e.raft.Store(&earlyRaft{
		leads:     func() (uint64, bool) { return 3, true },
		committed: func() uint64 { return 100 },
		members:   func() []raft.Server { return []raft.Server{{ID: "f", Address: "a"}, {ID: "self", Address: "b"}} },
	})
	slot = e.begin("f")
	e.end(slot, "a", &raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 7, PrevLogTerm: 2}, &raft.AppendEntriesResponse{Term: 3, Success: true})
	return e, slot
}

func entriesOf(term uint64, indexes ...uint64) (logs []*raft.Log) {
	for _, index := range indexes {
		logs = append(logs, &raft.Log{Index: index, Term: term})
	}
	return logs
}

// An early message goes only to a follower that is certainly ready, and says what Raft would say.
func TestAnEarlyMessageGoesToAFollowerThatIsSurelyReady(t *testing.T) {
	ok := &raft.AppendEntriesResponse{Term: 3, Success: true}
	for name, c := range map[string]struct {
		before func(e *earlySends, slot *earlySlot)
		logs   []*raft.Log
		sent   bool
	}{
		"the next entry":   {nil, entriesOf(3, 8), true},
		"several":          {nil, entriesOf(3, 8, 9), true},
		"none":             {nil, nil, false},
		"more than Raft's": {nil, make([]*raft.Log, appendEntriesMax+1), false},
		"a gap":            {nil, entriesOf(3, 9), false},
		"an entry it has":  {nil, entriesOf(3, 7), false},
		"of another term":  {nil, entriesOf(4, 8), false},
		"Raft calls it":    {func(e *earlySends, _ *earlySlot) { e.begin("f") }, entriesOf(3, 8), false},
		"one is under way": {func(e *earlySends, _ *earlySlot) { e.send(entriesOf(3, 8)) }, nil, true},
		"it was refused": {func(e *earlySends, s *earlySlot) {
			e.begin("f")
			e.end(s, "a", &raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 7}, &raft.AppendEntriesResponse{Term: 3})
		}, entriesOf(3, 8), false},
		"a snapshot was sent": {func(e *earlySends, s *earlySlot) { e.begin("f"); e.end(s, "a", nil, nil) }, entriesOf(3, 8), false},
		"in another term": {func(e *earlySends, s *earlySlot) {
			e.begin("f")
			e.end(s, "a", &raft.AppendEntriesRequest{Term: 2, PrevLogEntry: 7}, &raft.AppendEntriesResponse{Term: 2, Success: true})
		}, entriesOf(3, 8), false},
		"it has moved": {func(e *earlySends, s *earlySlot) {
			e.begin("f")
			e.end(s, "elsewhere", &raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 7}, ok)
		}, entriesOf(3, 8), false},
		"it is no member":   {func(e *earlySends, _ *earlySlot) { e.raft.Load().members = func() []raft.Server { return nil } }, entriesOf(3, 8), false},
		"this node follows": {func(e *earlySends, _ *earlySlot) { e.raft.Load().leads = func() (uint64, bool) { return 3, false } }, entriesOf(3, 8), false},
		"Raft does not run": {func(e *earlySends, _ *earlySlot) { e.raft.Store(nil) }, entriesOf(3, 8), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var sent []*earlyMessage
			e, slot := earlyOne(t, func(m *earlyMessage) error {
				sent = append(sent, m)
				<-never(t)
				return nil
			})
			if c.before != nil {
				c.before(e, slot)
			}
			if c.logs != nil && c.logs[0] == nil {
				for i := range c.logs {
					c.logs[i] = &raft.Log{Index: 8 + uint64(i), Term: 3}
				}
			}
			e.send(c.logs)
			e.send(c.logs)
			synctest.Wait()
			if (len(sent) == 1) != c.sent || len(sent) > 1 {
				t.Errorf("%s: sent %d", name, len(sent))
			}
			for _, m := range sent {
				if m.req.Term != 3 || m.req.PrevLogEntry != 7 || m.req.PrevLogTerm != 2 || m.req.LeaderCommitIndex != 7 {
					t.Errorf("%s: sent %+v", name, m.req)
				}
			}
		})
	}
}

// never is closed when the test ends.
func never(t *testing.T) chan struct{} {
	c := make(chan struct{})
	t.Cleanup(func() { close(c) })
	return c
}

// Raft's call takes an answer only if it says the same, once, and while it is fresh.
func TestAnEarlyAnswerIsTakenOnlyByTheSameCallOnceAndWhileItIsFresh(t *testing.T) {
	call := func(change func(*raft.AppendEntriesRequest)) *raft.AppendEntriesRequest {
		req := &raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 7, PrevLogTerm: 2, LeaderCommitIndex: 9, Entries: entriesOf(3, 8, 9)}
		change(req)
		return req
	}
	same := call(func(*raft.AppendEntriesRequest) {})
	empty := call(func(r *raft.AppendEntriesRequest) { r.Entries = nil })
	for name, c := range map[string]struct {
		calls []*raft.AppendEntriesRequest // all but the last are not answered
		err   error
		wait  time.Duration
		taken bool
	}{
		"the same":                {calls: []*raft.AppendEntriesRequest{same}, taken: true},
		"the same while it waits": {calls: []*raft.AppendEntriesRequest{empty, same}, taken: true},
		"fresh":                   {calls: []*raft.AppendEntriesRequest{same}, wait: earlyAnswerMax, taken: true},
		"old":                     {calls: []*raft.AppendEntriesRequest{same}, wait: earlyAnswerMax + time.Second},
		"failed":                  {calls: []*raft.AppendEntriesRequest{same}, err: errUnreachable},
		"without entries":         {calls: []*raft.AppendEntriesRequest{empty}},
		"another term":            {calls: []*raft.AppendEntriesRequest{call(func(r *raft.AppendEntriesRequest) { r.Term = 4 })}},
		"another place":           {calls: []*raft.AppendEntriesRequest{call(func(r *raft.AppendEntriesRequest) { r.PrevLogEntry = 6 })}},
		"another entry before":    {calls: []*raft.AppendEntriesRequest{call(func(r *raft.AppendEntriesRequest) { r.PrevLogTerm = 3 })}},
		"one entry less":          {calls: []*raft.AppendEntriesRequest{call(func(r *raft.AppendEntriesRequest) { r.Entries = entriesOf(3, 8) })}},
		"one more":                {calls: []*raft.AppendEntriesRequest{call(func(r *raft.AppendEntriesRequest) { r.Entries = entriesOf(3, 8, 9, 10) })}},
		"entries of another term": {calls: []*raft.AppendEntriesRequest{call(func(r *raft.AppendEntriesRequest) { r.Entries = entriesOf(2, 8, 9) })}},
		"after another with some": {calls: []*raft.AppendEntriesRequest{call(func(r *raft.AppendEntriesRequest) { r.Entries = entriesOf(3, 8) }), same}},
		"after one of a new term": {calls: []*raft.AppendEntriesRequest{call(func(r *raft.AppendEntriesRequest) { r.Term, r.Entries = 4, nil }), same}},
	} {
		synctest.Test(t, func(t *testing.T) {
			e, slot := earlyOne(t, func(m *earlyMessage) error {
				time.Sleep(time.Millisecond)
				m.resp = raft.AppendEntriesResponse{Term: 3, LastLog: 9, Success: true}
				return c.err
			})
			e.send(entriesOf(3, 8, 9))
			time.Sleep(c.wait)
			for i, req := range c.calls {
				var resp raft.AppendEntriesResponse
				if taken := e.answer(slot, req, &resp); taken != (c.taken && i == len(c.calls)-1) || taken && resp.LastLog != 9 {
					t.Errorf("%s: taken %v, %+v", name, taken, resp)
				}
			}
			if e.answer(slot, same, &raft.AppendEntriesResponse{}) && len(c.calls[len(c.calls)-1].Entries) > 0 {
				t.Errorf("%s: taken again", name)
			}
		})
	}
}

// A message that is never answered blocks Raft's call no longer than a call may take, and no
// longer than the transport lives.
func TestAnEarlyMessageThatIsNotAnsweredIsNotWaitedForForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, slot := earlyOne(t, func(*earlyMessage) error { <-never(t); return nil })
		logs := entriesOf(3, 8)
		e.send(logs)
		begun := time.Now()
		req := &raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 7, PrevLogTerm: 2, Entries: logs}
		if e.answer(slot, req, &raft.AppendEntriesResponse{}) || time.Since(begun) > rpcTimeout {
			t.Errorf("it took %v", time.Since(begun))
		}
	})
}
