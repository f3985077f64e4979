package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

func smallSnapshots(c *Config) {
	c.Policy = SnapshotPolicy{Entries: 50, LogBytes: 1 << 20, Trailing: 10}
}

// A follower that was away for longer than the log reaches back installs a snapshot while writes
// go on, and ends up equal.
func TestAFollowerComesBackBySnapshot(t *testing.T) {
	inBubble(t, 3, smallSnapshots, func(t *testing.T, l *lab) {
		leader := l.leader()
		away := l.followers()[0].cfg.Session.Server
		l.crash(away)
		for i := range 300 {
			l.want(write(leader, "incr", "n"), reply.Int(int64(i+1)))
		}
		l.eventually("snapshots", func() bool { return leader.snapshots.taken.Load() >= 1 })
		n := l.start(away)
		var clients sync.WaitGroup
		clients.Go(func() {
			for range 200 {
				write(leader, "incr", "n")
			}
		})
		clients.Wait()
		l.leader()
		if n.worker.restores.Load() == 0 {
			t.Fatal("no snapshot was installed")
		}
		l.want(read(n, "get", "n"), reply.Text("500"))
		l.agree()
		for id := range l.all() {
			l.crash(id)
			l.start(id)
		}
		l.leader()
		l.want(read(l.node(away), "get", "n"), reply.Text("500"))
		l.agree()
	})
}

// The first entries after an installed snapshot may arrive twice because an answer was lost, and
// so may the snapshot itself. Both are answered as the first time, and what has been acknowledged
// stays in the log.
func TestWhatFollowsAnInstalledSnapshotMayArriveTwice(t *testing.T) {
	inBubble(t, 3, smallSnapshots, func(t *testing.T, l *lab) {
		leader := l.leader()
		away := l.followers()[0].cfg.Session.Server
		l.crash(away)
		for leader.snapshots.taken.Load() < 3 {
			write(leader, "incr", "n")
		}
		l.outrun(leader, away)
		l.tweak = nil // so that it takes no snapshot of its own
		follower := l.start(away)
		l.leader()
		l.want(write(leader, "set", "k", "1"), reply.OK) // behind the snapshot
		l.agree()
		logs, snapshots := l.disks[away].slow, l.disks[away].snapshots
		listed, err := snapshots.List()
		if err != nil || len(listed) == 0 {
			t.Fatal("no snapshot was installed", err)
		}
		installed := listed[0]
		first, _ := logs.FirstIndex()
		last, _ := logs.LastIndex()
		if first != installed.Index+1 {
			t.Fatalf("the log begins with %d after a snapshot at %d", first, installed.Index)
		}
		header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(leader.cfg.Session.Server), Addr: leader.transport.EncodePeer(raft.ServerID(leader.cfg.Session.Server), leader.transport.LocalAddr())}
		again := raft.AppendEntriesRequest{RPCHeader: header, Term: leader.CurrentTerm(), PrevLogEntry: installed.Index, PrevLogTerm: installed.Term}
		for index := first; index <= last; index++ {
			var entry raft.Log
			if err := logs.GetLog(index, &entry); err != nil {
				t.Fatal(err)
			}
			again.Entries = append(again.Entries, &entry)
		}
		var appended raft.AppendEntriesResponse
		if err := leader.transport.AppendEntries(raft.ServerID(away), raft.ServerAddress(l.addrOf(away)), &again, &appended); err != nil || !appended.Success {
			t.Errorf("the same entries again: %+v, %v", appended, err)
		}
		_, content, err := snapshots.Open(installed.ID)
		if err != nil {
			t.Fatal(err)
		}
		install := raft.InstallSnapshotRequest{RPCHeader: header, SnapshotVersion: 1, Term: leader.CurrentTerm(), LastLogIndex: installed.Index, LastLogTerm: installed.Term,
			Configuration: raft.EncodeConfiguration(installed.Configuration), ConfigurationIndex: installed.ConfigurationIndex, Size: installed.Size}
		var response raft.InstallSnapshotResponse
		if err := leader.transport.InstallSnapshot(raft.ServerID(away), raft.ServerAddress(l.addrOf(away)), &install, &response, content); err != nil || !response.Success {
			t.Errorf("the same snapshot again: %+v, %v", response, err)
		}
		if now, _ := logs.LastIndex(); now != last {
			t.Errorf("the log ended with %d, and ends with %d", last, now)
		}
		l.want(write(follower, "append", "k", "2"), reply.Int(2))
		l.agree()
	})
}

// A leader that freezes in the middle of a snapshot blocks the follower, whose vote the others
// need, for a moment only.
func TestASnapshotThatStandsStillHoldsNobodyForLong(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader, follower := l.leader(), l.followers()[0]
		id, other := follower.cfg.Session.Server, l.followers()[1].cfg.Session.Server
		l.crash(other)
		content, more := io.Pipe()
		install := raft.InstallSnapshotRequest{
			RPCHeader:       raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(leader.cfg.Session.Server), Addr: leader.transport.EncodePeer(raft.ServerID(leader.cfg.Session.Server), leader.transport.LocalAddr())},
			SnapshotVersion: 1, Term: leader.CurrentTerm(), LastLogIndex: 1 << 30, LastLogTerm: leader.CurrentTerm(), Size: 1 << 30,
			Configuration: raft.EncodeConfiguration(leader.configuration()), ConfigurationIndex: 1,
		}
		l.wg.Go(func() {
			var response raft.InstallSnapshotResponse
			if err := leader.transport.InstallSnapshot(raft.ServerID(id), raft.ServerAddress(l.addrOf(id)), &install, &response, content); err == nil {
				t.Error("half a snapshot was taken for a whole one")
			}
		})
		for range 3 {
			if _, err := more.Write(make([]byte, 1<<20)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		begun := time.Now()
		l.leader()
		if took := time.Since(begun); took > silenceMax+5*time.Second {
			t.Errorf("it took %v until the two had a leader", took)
		}
		more.CloseWithError(errUnreachable)
		l.want(write(follower, "incr", "n"), reply.Int(1))
	})
}

// A node whose batches were committed in entries that it skips answers them
// from the snapshot's stored replies.
func TestASnapshotAnswersWaitingBatches(t *testing.T) {
	inBubble(t, 3, smallSnapshots, func(t *testing.T, l *lab) {
		leader := l.leader()
		f, third := l.followers()[0], l.followers()[1]
		id, lead := f.cfg.Session.Server, leader.cfg.Session.Server
		l.want(write(f, "set", "k", "a"), reply.OK)
		// Raft's streams are cut, forwarding is not: its write is committed, and it does not see that.
		l.severStreams(lead, id)
		answered := make(chan reply.Value, 1)
		var clients sync.WaitGroup
		clients.Go(func() { answered <- write(f, "append", "k", "b") })
		l.eventually("the write on the leader", func() bool { return string(read(leader, "get", "k").Bytes) == "ab" })
		for range 200 {
			write(leader, "incr", "n")
		}
		// The leader has the entry in hand, which it would send before a snapshot; the third has not.
		l.outrun(third, id)
		if err := leader.TransferLeadershipTo(third.cfg.Session.Server); err != nil {
			t.Fatal(err)
		}
		clients.Wait()
		l.want(<-answered, reply.Int(2))
		if f.worker.restores.Load() == 0 {
			t.Fatal("no snapshot was installed")
		}
		l.mendStreams(lead, id)
		l.agree()
	})
}

// outrun waits until a leader's log no longer reaches back to what another server needs next, so
// that only a snapshot can catch that server up.
func (l *lab) outrun(leader *Node, behind string) {
	l.t.Helper()
	l.eventually("the log is cut beyond "+behind, func() bool {
		first, _ := l.disks[leader.cfg.Session.Server].slow.FirstIndex()
		last, _ := l.disks[behind].slow.LastIndex()
		return first > last+1
	})
}

// severStreams stops Raft's connections between two servers, but not the other calls.
func (l *lab) severStreams(a, b string) { l.streamsCut(a, b, true) }
func (l *lab) mendStreams(a, b string)  { l.streamsCut(a, b, false) }

func (l *lab) streamsCut(a, b string, cut bool) {
	l.mu.Lock()
	l.noStreams[[2]string{a, b}], l.noStreams[[2]string{b, a}] = cut, cut
	l.mu.Unlock()
	l.sever(a, b, false)
}

type fakeSink struct {
	written  strings.Builder
	onWrite  func()
	canceled bool
}

func (s *fakeSink) Write(p []byte) (int, error) {
	if s.onWrite != nil {
		s.onWrite()
	}
	return s.written.Write(p)
}
func (s *fakeSink) Close() error  { return nil }
func (s *fakeSink) ID() string    { return "fake" }
func (s *fakeSink) Cancel() error { s.canceled = true; return nil }

// aloneWorker returns a worker with nothing behind it except a node that never runs.
func aloneAdapter(t *testing.T) *adapter {
	n := &Node{cfg: Config{Clock: &handClock{now: time.UnixMilli(1)}}.withDefaults(), lifetime: lifetime{stop: make(chan struct{}), failure: failure{failed: make(chan struct{})}}}
	n.log = n.cfg.Logger
	n.stamps = &stamps{clock: n.cfg.Clock}
	n.worker = newWorker(n)
	n.session = newSession(n)
	n.committer = newCommitter(n)
	n.reads = newReads(n)
	n.reads.closed = true
	n.snapshots = newSnapshotter(n)
	n.captures = newCaptures(n)
	return n.worker.adapter()
}

func configurationEntry(index uint64) *raft.Log {
	return &raft.Log{Index: index, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(raft.Configuration{
		Servers: []raft.Server{{ID: "n1@1", Address: "host:1"}}})}
}

// A restore during the writing of a snapshot makes that snapshot fail, and waits until Raft has
// given it up.
func TestARestoreOvertakesASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		later := aloneAdapter(t)
		go later.worker.run()
		defer later.worker.queue.close()
		later.ApplyBatch([]*raft.Log{configurationEntry(3)})
		first, err := later.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		sink := &fakeSink{}
		if err := first.Persist(sink); err != nil {
			t.Fatal(err)
		}
		first.Release()
		snapshot := sink.written.String()

		a := aloneAdapter(t)
		go a.worker.run()
		defer a.worker.queue.close()
		a.ApplyBatch([]*raft.Log{configurationEntry(2)})
		queued, _ := a.Snapshot() // its Persist has not begun
		writing, _ := a.Snapshot()
		written := make(chan error)
		go func() { written <- writing.Persist(&fakeSink{}) }()
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		restored := make(chan error, 1)
		go func() { restored <- a.Restore(io.NopCloser(strings.NewReader(snapshot))) }()
		synctest.Wait()
		select {
		case <-restored:
			t.Fatal("a restore did not wait until Raft had recorded the snapshot written before it")
		default:
		}
		writing.Release()
		if err := <-restored; err != nil {
			t.Fatal(err)
		}
		if err := queued.Persist(&fakeSink{}); !errors.Is(err, errOvertaken) {
			t.Fatalf("a snapshot that was overtaken ended with %v", err)
		}
		queued.Release()
		if err := a.Restore(io.NopCloser(strings.NewReader(snapshot))); err == nil {
			t.Error("a machine has been restored to where it was")
		}
	})
}

// A marker whose index differs from the machine's must not become a snapshot.
func TestAMarkerAtAnotherIndexFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := aloneAdapter(t)
		go a.worker.run()
		defer a.worker.queue.close()
		a.ApplyBatch([]*raft.Log{configurationEntry(3)})
		a.last = 7
		m, _ := a.Snapshot()
		if err := m.Persist(&fakeSink{}); err == nil {
			t.Fatal("it was written")
		}
		m.Release()
	})
}

// A snapshot in progress is given up when the node stops.
func TestAStoppedQueueFailsItsMarkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := aloneAdapter(t)
		a.ApplyBatch([]*raft.Log{configurationEntry(1)})
		m, _ := a.Snapshot()
		a.worker.queue.close()
		if err := m.Persist(&fakeSink{}); !errors.Is(err, errStopped) {
			t.Fatalf("it ended with %v", err)
		}
	})
}

// Snapshots and restores during slow disk writes and elections leave all machines equal.
func TestSnapshotsBesideWrites(t *testing.T) {
	inBubble(t, 3, smallSnapshots, func(t *testing.T, l *lab) {
		l.leader()
		stop := make(chan struct{})
		var clients sync.WaitGroup
		for _, s := range l.conf.Servers {
			clients.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					time.Sleep(time.Millisecond) // or virtual time would never pass
					l.node(s.ID).Write(context.Background(), []*command.Call{call("append", s.ID, "x"), call("set", fmt.Sprint(s.ID, i), "v")})
				}
			})
		}
		for range 5 {
			time.Sleep(20 * time.Millisecond)
			for _, n := range l.all() {
				if err := n.Snapshot(); err != nil {
					t.Logf("snapshot: %v", err)
				}
			}
		}
		close(stop)
		clients.Wait()
		l.agree()
	})
}

// A dead member is no longer called once it has been removed.
func TestARemovedServerIsForgotten(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		dead := l.followers()[0].cfg.Session.Server
		l.crash(dead)
		for range 20 {
			write(leader, "incr", "n")
		}
		time.Sleep(10 * time.Second)
		if err := leader.RemoveServer(dead, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		l.mu.Lock()
		l.dials = 0
		l.mu.Unlock()
		time.Sleep(time.Minute)
		l.mu.Lock()
		dials := l.dials
		l.mu.Unlock()
		if dials > 0 {
			t.Fatalf("it was dialled %d times in a minute", dials)
		}
		l.want(read(leader, "get", "n"), reply.Text("20"))
	})
}

// A server joins as a non-voter, catches up by snapshot while writes go on,
// and becomes a voter that can lead.
func TestAServerJoins(t *testing.T) {
	inBubble(t, 3, smallSnapshots, func(t *testing.T, l *lab) {
		leader := l.leader()
		for range 200 {
			write(leader, "incr", "n")
		}
		n := l.start("n4@1")
		if err := leader.AddNonvoter("n4@1", l.addrOf("n4@1"), 0); err != nil {
			t.Fatal(err)
		}
		l.eventually("it has caught up", func() bool { return n.Ready() == nil && n.AppliedIndex() == leader.AppliedIndex() })
		l.want(write(n, "incr", "n"), reply.Int(201))
		if err := leader.AddVoter("n4@1", l.addrOf("n4@1"), 0); err != nil {
			t.Fatal(err)
		}
		if err := leader.TransferLeadershipTo("n4@1"); err != nil {
			t.Fatal(err)
		}
		l.eventually("it leads", n.IsLeader)
		l.want(read(n, "get", "n"), reply.Text("201"))
		if addr := leader.ClientAddr("n4@1"); addr != "N4@1" {
			t.Fatalf("its clients are told %q", addr)
		}
		l.agree()
	})
}
