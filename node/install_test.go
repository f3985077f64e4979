package node

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/reply"
)

// tail describes the entries that a leader which was cut off has in its log and nobody else has:
// where they end, relative to the entry at which the others' snapshot ends, and the term in which
// they were written.
type tail struct {
	name string
	ends uint64 // entries behind the snapshot's last
	term int64  // as seen from the term of the snapshot's last entry
}

var tails = []tail{
	{"ends at the snapshot, of an earlier term", 0, -1},
	{"ends at the snapshot, of a later term", 0, +1},
	{"ends behind the snapshot, of an earlier term", 7, -1},
	{"ends behind the snapshot, of a later term", 7, +1},
	{"ends far behind the snapshot, of a later term", 300, +1},
}

// forge replaces the entries on a disk from an index on by entries that nobody else has.
func (d *disk) forge(t *testing.T, from, to, term uint64) {
	t.Helper()
	if last, _ := d.logs.LastIndex(); last >= from {
		if err := d.logs.DeleteRange(from, last); err != nil {
			t.Fatal(err)
		}
	}
	for index := from; index <= to; index++ {
		if err := GuardLogs(d.logs).StoreLog(&raft.Log{Index: index, Term: term, Type: raft.LogNoop}); err != nil {
			t.Fatal(err)
		}
	}
	if now, _ := d.logs.GetUint64([]byte("CurrentTerm")); now < term {
		if err := d.logs.SetUint64([]byte("CurrentTerm"), term); err != nil {
			t.Fatal(err)
		}
	}
}

// newest returns the newest snapshot on a disk.
func (d *disk) newest(t *testing.T) *raft.SnapshotMeta {
	t.Helper()
	listed, err := d.snapshots.List()
	if err != nil || len(listed) == 0 {
		t.Fatal("there is no snapshot", err)
	}
	return listed[0]
}

// A server whose log conflicts with the snapshot that it is sent (it led, was cut off, and nobody
// has what it wrote then) is caught up by that one snapshot, and by the log from then on.
func TestAServerWithAConflictingTailIsCaughtUpByOneSnapshot(t *testing.T) {
	for _, c := range tails {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, 3, smallSnapshots, func(t *testing.T, l *lab) { c.catchUp(t, l) })
		})
	}
}

func (c tail) catchUp(t *testing.T, l *lab) {
	away := l.followers()[0].cfg.Session.Server
	l.crash(away)
	reach, _ := l.disks[away].logs.LastIndex()
	l.skipTerms(t, 2) // so that a term before the snapshot's is nobody's
	for range 300 {
		write(l.leader(), "incr", "n")
	}
	for _, n := range l.all() {
		if err := n.Snapshot(); err != nil {
			t.Fatal(err)
		}
	}
	l.skipTerms(t, 2) // so that the others' logs end in a later term than the tail's
	leader := l.leader()
	ends := l.disks[leader.cfg.Session.Server].newest(t)
	l.disks[away].forge(t, reach+1, ends.Index+c.ends, uint64(int64(ends.Term)+c.term))
	var sent atomic.Uint64
	for id := range l.all() {
		l.disks[id].snapshots.onOpen = func() {
			if sent.Add(1) > 20 {
				time.Sleep(time.Second) // sent without a pause, time would stand still
			}
		}
	}
	n := l.start(away)
	l.eventually("it has caught up", func() bool { return leader.AppliedIndex() == n.AppliedIndex() })
	l.want(write(n, "incr", "n"), reply.Int(301))
	if all, _ := n.snapshots.installs.counts(); all != 1 || sent.Load() != 1 {
		t.Errorf("%d snapshots were installed, %d sent", all, sent.Load())
	}
	l.agree()
	for id := range l.all() {
		l.crash(id)
		l.start(id)
	}
	l.want(write(l.leader(), "incr", "n"), reply.Int(302))
	l.agree()
}

// skipTerms restarts all running servers in a term in which none of them has led.
func (l *lab) skipTerms(t *testing.T, terms uint64) {
	t.Helper()
	now := l.leader().CurrentTerm()
	running := l.all()
	for id := range running {
		l.crash(id)
		if err := l.disks[id].logs.SetUint64([]byte("CurrentTerm"), now+terms); err != nil {
			t.Fatal(err)
		}
	}
	for id := range running {
		l.start(id)
	}
	l.leader()
}

// puppet speaks Raft in place of a server that does not run. It grants no vote.
type puppet struct {
	*raft.NetworkTransport
	t      *testing.T
	self   raft.RPCHeader
	to     raft.ServerID
	target raft.ServerAddress
	term   uint64        // of its last call, or the newest that it has heard of
	claims chan position // the last entry of whoever asks it for a vote
}

// puppet takes a server's place in order to talk to another server.
func (l *lab) puppet(t *testing.T, id, to string) (p *puppet, end func()) {
	s := &streams{lab: l, id: id, addr: l.addrOf(id), in: make(chan acceptance), done: make(chan struct{})}
	l.mu.Lock()
	l.doors[id] = s
	l.mu.Unlock()
	layer := newStreamLayer(s, id, func(string) {})
	p = &puppet{
		NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{Stream: layer, MaxPool: 1, Timeout: rpcTimeout}),
		t:                t, to: raft.ServerID(to), target: target(raft.ServerID(to), raft.ServerAddress(l.addrOf(to))),
		self:   raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: []byte(target(raft.ServerID(id), raft.ServerAddress(s.addr)))},
		claims: make(chan position, 1),
	}
	l.wg.Go(func() {
		for {
			select {
			case call := <-p.Consumer():
				p.refuse(call)
			case <-layer.done:
				return
			}
		}
	})
	return p, func() {
		layer.cut()
		p.Close()
	}
}

func (p *puppet) refuse(call raft.RPC) {
	var claim position
	switch req := call.Command.(type) {
	case *raft.RequestPreVoteRequest:
		claim = position{req.LastLogIndex, req.LastLogTerm}
		call.Respond(&raft.RequestPreVoteResponse{RPCHeader: p.self, Term: req.Term - 1}, nil)
	case *raft.RequestVoteRequest:
		claim = position{req.LastLogIndex, req.LastLogTerm}
		call.Respond(&raft.RequestVoteResponse{RPCHeader: p.self, Term: req.Term}, nil)
	default:
		call.Respond(nil, errUnreachable)
		return
	}
	select {
	case <-p.claims:
	default:
	}
	p.claims <- claim
}

// wantClaim checks what the server says of its log when it next asks for a vote.
func (p *puppet) wantClaim(what string, want position) {
	p.t.Helper()
	select {
	case <-p.claims:
	default:
	}
	if got := <-p.claims; got != want {
		p.t.Errorf("%s: it claims to have %v, and has %v", what, got, want)
	}
}

// install sends a snapshot, or only the beginning of one.
func (p *puppet) install(meta *raft.SnapshotMeta, content []byte) error {
	p.t.Helper()
	var response raft.InstallSnapshotResponse
	err := p.InstallSnapshot(p.to, p.target, &raft.InstallSnapshotRequest{
		RPCHeader: p.self, SnapshotVersion: meta.Version, Term: p.term, LastLogIndex: meta.Index, LastLogTerm: meta.Term, Size: int64(len(content)),
		Configuration: raft.EncodeConfiguration(meta.Configuration), ConfigurationIndex: meta.ConfigurationIndex,
	}, &response, bytes.NewReader(content))
	if err == nil && !response.Success {
		p.t.Errorf("it is in term %d", response.Term)
	}
	return err
}

func (p *puppet) appends(previous position, entries ...*raft.Log) bool {
	p.t.Helper()
	var response raft.AppendEntriesResponse
	err := p.AppendEntries(p.to, p.target, &raft.AppendEntriesRequest{RPCHeader: p.self, Term: p.term, PrevLogEntry: previous.Index, PrevLogTerm: previous.Term, Entries: entries}, &response)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.Success
}

// votes asks for a vote in the next term, as a candidate whose log ends there.
func (p *puppet) votes(last position) bool {
	p.t.Helper()
	p.term++
	var response raft.RequestVoteResponse
	err := p.RequestVote(p.to, p.target, &raft.RequestVoteRequest{RPCHeader: p.self, Term: p.term, LastLogIndex: last.Index, LastLogTerm: last.Term, LeadershipTransfer: true}, &response)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.Granted
}

// Whatever happens to a snapshot that conflicts with the log, Raft knows its true last entry. A
// server claims that entry when it asks for votes, compares candidates with it, and checks the
// next entries against it.
func TestRaftBelievesInNoEntryThatASnapshotHasReplaced(t *testing.T) {
	for _, c := range tails {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, 3, smallSnapshots, func(t *testing.T, l *lab) { c.believe(t, l) })
		})
	}
}

func (c tail) believe(t *testing.T, l *lab) {
	away := l.followers()[0].cfg.Session.Server
	l.crash(away)
	l.skipTerms(t, 2)
	for range 300 {
		write(l.leader(), "incr", "n")
	}
	leader := l.leader()
	if err := leader.Snapshot(); err != nil {
		t.Fatal(err)
	}
	lead := leader.cfg.Session.Server
	meta := l.disks[lead].newest(t)
	content := l.disks[lead].snapshots.kept[meta.ID].Bytes()
	for id := range l.all() {
		l.crash(id)
	}
	d := l.disks[away]
	reach, _ := d.logs.LastIndex()
	own := uint64(int64(meta.Term) + c.term)
	d.forge(t, reach+1, meta.Index+c.ends, own)
	n := l.start(away)
	p, end := l.puppet(t, lead, away)
	defer end()
	p.wantClaim("before", position{meta.Index + c.ends, own})

	p.term = n.CurrentTerm() + 5
	d.snapshots.atClose = syscall.ENOSPC
	if err := p.install(meta, content); err == nil {
		t.Error("a snapshot was installed that could not be stored")
	}
	d.snapshots.atClose = nil
	before := position{meta.Index - 1, own}
	p.wantClaim("after a snapshot that could not be stored", before)
	l.crash(away)
	n = l.start(away)
	p.wantClaim("after a restart", before)

	p.term = n.CurrentTerm() + 5
	if err := p.install(meta, content); err != nil {
		t.Fatal(err)
	}
	ends := position{meta.Index, meta.Term}
	p.wantClaim("after the snapshot", ends)
	p.term = n.CurrentTerm()
	if p.votes(position{ends.Index - 1, ends.Term}) || p.votes(position{ends.Index + 500, ends.Term - 1}) {
		t.Error("a candidate whose log is older than the snapshot was voted for")
	}
	if !p.votes(ends) {
		t.Error("a candidate whose log ends as the snapshot does was refused")
	}
	c.continues(p, ends)
	if err := p.install(meta, content); err != nil {
		t.Errorf("the snapshot again: %v", err)
	}
	if first, _ := d.logs.FirstIndex(); first != ends.Index+1 {
		t.Errorf("the log begins with %d, not behind the snapshot at %d", first, ends.Index)
	}
	c.offers(p, meta, content)
	p.wantClaim("at last", position{ends.Index + 2, p.term})
	if all, _ := n.snapshots.installs.counts(); all != 1 {
		t.Errorf("%d snapshots were installed", all)
	}
}

// continues sends the entries that follow the snapshot, among many that do not.
func (c tail) continues(p *puppet, ends position) {
	p.t.Helper()
	entry := func(index uint64) *raft.Log { return &raft.Log{Index: index, Term: p.term, Type: raft.LogNoop} }
	if p.appends(position{ends.Index, ends.Term + 1}, entry(ends.Index+1)) {
		p.t.Error("entries behind another one than the snapshot's last were taken")
	}
	if p.appends(position{ends.Index + 1, ends.Term}, entry(ends.Index+2)) {
		p.t.Error("entries behind one that is not there were taken")
	}
	for range 2 {
		if !p.appends(ends, entry(ends.Index+1), entry(ends.Index+2)) {
			p.t.Error("entries behind the snapshot were refused")
		}
	}
}

// offers sends snapshots that must not be installed, because the log already covers them.
func (c tail) offers(p *puppet, meta *raft.SnapshotMeta, content []byte) {
	p.t.Helper()
	offer := func(index, term uint64) error {
		other := *meta
		other.Index, other.Term = index, term
		return p.install(&other, content)
	}
	if err := offer(meta.Index-50, meta.Term); err == nil || !strings.Contains(err.Error(), errNotNewer.Error()) {
		p.t.Errorf("an older snapshot: %v", err)
	}
	if err := offer(meta.Index, meta.Term-1); err == nil || !strings.Contains(err.Error(), errNotNewer.Error()) {
		p.t.Errorf("a snapshot that ends in another entry than is committed: %v", err)
	}
	if err := offer(meta.Index+2, p.term); err != nil {
		p.t.Errorf("a snapshot whose last entry the log holds: %v", err)
	}
}

// failingLogs fails what it is told to.
type failingLogs struct {
	*raft.InmemStore
	stores, deletes error
}

func (f *failingLogs) StoreLogs(logs []*raft.Log) error {
	if f.stores != nil {
		return f.stores
	}
	return f.InmemStore.StoreLogs(logs)
}

func (f *failingLogs) DeleteRange(from, to uint64) error {
	if f.deletes != nil {
		return f.deletes
	}
	return f.InmemStore.DeleteRange(from, to)
}

// If Raft has cleared entries from the end of the log and cannot store others in their place, it
// still goes on with the cleared ones. The node must end then, and for no other failure.
func TestALogThatLostItsEndForNothingEndsTheNode(t *testing.T) {
	for _, c := range []struct {
		name     string
		snapshot uint64
		run      func(l *raftLogs, f *failingLogs)
		broken   bool
	}{
		{"a suffix is replaced", 0, func(l *raftLogs, f *failingLogs) {
			_ = l.DeleteRange(6, 10)
			_ = l.StoreLog(&raft.Log{Index: 6, Term: 2})
			f.stores = syscall.ENOSPC
			_ = l.StoreLog(&raft.Log{Index: 7, Term: 2})
		}, false},
		{"a suffix cannot be replaced", 0, func(l *raftLogs, f *failingLogs) {
			_ = l.DeleteRange(6, 10)
			f.stores = syscall.ENOSPC
			_ = l.StoreLog(&raft.Log{Index: 6, Term: 2})
		}, true},
		{"a suffix cannot be deleted", 0, func(l *raftLogs, f *failingLogs) {
			f.deletes = syscall.EIO
			_ = l.DeleteRange(6, 10)
		}, true},
		{"a head cannot be deleted", 5, func(l *raftLogs, f *failingLogs) {
			f.deletes = syscall.EIO
			_ = l.DeleteRange(1, 5)
		}, false},
		{"nothing can be stored behind a snapshot that has replaced the log", 20, func(l *raftLogs, f *failingLogs) {
			_ = l.DeleteRange(1, 10)
			f.stores = syscall.ENOSPC
			_ = l.StoreLog(&raft.Log{Index: 21, Term: 2})
		}, false},
	} {
		f := &failingLogs{InmemStore: raft.NewInmemStore()}
		for index := uint64(1); index <= 10; index++ {
			if err := f.StoreLogs([]*raft.Log{{Index: index, Term: 1}}); err != nil {
				t.Fatal(err)
			}
		}
		var broken error
		l := &raftLogs{LogStore: f, broken: func(err error) { broken = err }}
		l.stats.Store(func() map[string]string {
			return map[string]string{"last_snapshot_index": fmt.Sprint(c.snapshot), "last_snapshot_term": "1"}
		})
		c.run(l, f)
		if (broken != nil) != c.broken {
			t.Errorf("%s: the node ended with %v", c.name, broken)
		}
	}
}

// A leader that sends a different entry in place of a committed one has lost that one, and so have
// those who voted for the leader. The node ends and keeps what it has. Its machine has applied the
// entry; if the node led again, Raft would wait for ever with what it writes there.
func TestACommittedEntryIsNeverRemovedFromTheLogsEnd(t *testing.T) {
	inBubble(t, 3, smallSnapshots, func(t *testing.T, l *lab) {
		lead := l.leader().cfg.Session.Server
		for range 3 {
			write(l.leader(), "incr", "n")
		}
		to := l.followers()[0].cfg.Session.Server
		n := l.node(to)
		l.eventually("the follower knows that all of it is committed", func() bool { return n.raft.CommitIndex() == l.leader().raft.LastIndex() })
		for id := range l.all() {
			if id != to {
				l.crash(id)
			}
		}
		p, end := l.puppet(t, lead, to)
		defer end()
		last := n.raft.CommitIndex()
		entry := func(index uint64) (e raft.Log) {
			if err := l.disks[to].logs.GetLog(index, &e); err != nil {
				t.Fatal(err)
			}
			return e
		}
		before, held := entry(last-1), entry(last)
		p.term = n.CurrentTerm() + 5
		var response raft.AppendEntriesResponse
		err := p.AppendEntries(p.to, p.target, &raft.AppendEntriesRequest{
			RPCHeader: p.self, Term: p.term, PrevLogEntry: before.Index, PrevLogTerm: before.Term,
			Entries: []*raft.Log{{Index: last, Term: p.term, Type: raft.LogNoop}},
		}, &response)
		if err == nil && response.Success {
			t.Error("the server took another entry in the place of a committed one")
		}
		l.failedWith(n, "committed")
		if kept := entry(last); kept.Term != held.Term {
			t.Errorf("entry %d was of term %d and is of term %d", last, held.Term, kept.Term)
		}
		l.crash(to)
	})
}
