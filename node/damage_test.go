package node

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/node/seal"
)

// flawedLogs is a log store that damages or fails what a test asks for.
type flawedLogs struct {
	*slowLogs
	flaws *flaws
}

// flaws are the faults of one server's disk. They outlive its process.
type flaws struct {
	mu     sync.Mutex
	read   func(l *raft.Log) error // after an entry was read
	store  func(logs []*raft.Log) error
	stable func(key string) error
}

func (f *flaws) set(change func(*flaws)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *flawedLogs) GetLog(index uint64, l *raft.Log) error {
	if err := f.slowLogs.GetLog(index, l); err != nil {
		return err
	}
	f.flaws.mu.Lock()
	read := f.flaws.read
	f.flaws.mu.Unlock()
	if read == nil {
		return nil
	}
	l.Data, l.Extensions = append([]byte{}, l.Data...), append([]byte(nil), l.Extensions...)
	return read(l)
}

func (f *flawedLogs) StoreLog(l *raft.Log) error { return f.StoreLogs([]*raft.Log{l}) }

func (f *flawedLogs) StoreLogs(logs []*raft.Log) error {
	f.flaws.mu.Lock()
	store := f.flaws.store
	f.flaws.mu.Unlock()
	if store != nil {
		if err := store(logs); err != nil {
			return err
		}
	}
	return f.slowLogs.StoreLogs(logs)
}

// flawedStable is the same for terms and votes.
type flawedStable struct {
	raft.StableStore
	flaws *flaws
}

func (f *flawedStable) fault(key []byte) error {
	f.flaws.mu.Lock()
	stable := f.flaws.stable
	f.flaws.mu.Unlock()
	if stable == nil {
		return nil
	}
	return stable(string(key))
}

func (f *flawedStable) Set(key, value []byte) error {
	if err := f.fault(key); err != nil {
		return err
	}
	return f.StableStore.Set(key, value)
}

func (f *flawedStable) SetUint64(key []byte, value uint64) error {
	if err := f.fault(key); err != nil {
		return err
	}
	return f.StableStore.SetUint64(key, value)
}

// flawedLab gives a lab flawed disks and returns the flaws by server.
func flawedLab(t *testing.T, size int, run func(t *testing.T, l *lab, flaw map[string]*flaws)) {
	t.Helper()
	flaw := map[string]*flaws{}
	inBubble(t, size, func(c *Config) {
		id := c.Session.Server
		if flaw[id] == nil {
			flaw[id] = &flaws{}
		}
		c.Stores.Logs = &flawedLogs{c.Stores.Logs.(*slowLogs), flaw[id]}
		c.Stores.Stable = &flawedStable{c.Stores.Stable, flaw[id]}
	}, func(t *testing.T, l *lab) { run(t, l, flaw) })
}

// damages are the ways in which one stored entry may be damaged.
var damages = []struct {
	name string
	read func(l *raft.Log) error
	says string
}{
	{"data", func(l *raft.Log) error { l.Data[len(l.Data)/2] ^= 1; return nil }, "checksum"},
	{"type", func(l *raft.Log) error { l.Type ^= raft.LogNoop; return nil }, "checksum"},
	{"term", func(l *raft.Log) error { l.Term ^= 4; return nil }, "checksum"},
	{"index", func(l *raft.Log) error { l.Index ^= 2; return nil }, "says that it is entry"},
	{"seal", func(l *raft.Log) error { l.Extensions = nil; return nil }, "no checksum"},
	{"gone", func(*raft.Log) error { return raft.ErrLogNotFound }, "not there"},
	{"short", func(*raft.Log) error { return io.ErrShortBuffer }, "short buffer"},
	{"EIO", func(*raft.Log) error { return syscall.EIO }, "input/output error"},
	{"panic", func(*raft.Log) error { panic("slice bounds out of range") }, "slice bounds out of range"},
}

// only damages one entry, which must be a client's.
func only(index uint64, damage func(l *raft.Log) error) func(l *raft.Log) error {
	return func(l *raft.Log) error {
		if l.Index != index {
			return nil
		}
		return damage(l)
	}
}

// fill writes more than the log's cache holds, and returns the index of an entry that is only on
// the disk.
func (l *lab) fill(n *Node, from int) (index uint64) {
	l.t.Helper()
	for i := range 3 * logCacheEntries {
		l.want(write(n, "incr", "n"), reply.Int(int64(from+i+1)))
		if i == logCacheEntries {
			index = n.AppliedIndex()
		}
	}
	return index
}

// failedWith waits until a node has failed. Its error must say what is wrong, with which entry,
// and what to do.
func (l *lab) failedWith(n *Node, words ...string) {
	l.t.Helper()
	l.eventually("the node has failed", func() bool { return n.Err() != nil })
	for _, w := range words {
		if !strings.Contains(n.Err().Error(), w) {
			l.t.Errorf("it does not say %q: %v", w, n.Err())
		}
	}
	if n.Ready() == nil {
		l.t.Error("it says that it is ready")
	}
}

// intact checks that a server's stored entries equal another's, as far as both have them.
func (l *lab) intact(a, b string) {
	l.t.Helper()
	last, _ := l.disks[a].logs.LastIndex()
	var ours, theirs raft.Log
	for i := uint64(1); i <= last; i++ {
		if l.disks[a].logs.GetLog(i, &ours) != nil || l.disks[b].logs.GetLog(i, &theirs) != nil {
			continue
		}
		if ours.Index != theirs.Index || ours.Term != theirs.Term || ours.Type != theirs.Type || string(ours.Data) != string(theirs.Data) {
			l.t.Errorf("entry %d is %v on %s and %v on %s", i, ours, a, theirs, b)
		}
	}
}

// A leader that reads a damaged entry for a lagging follower hands over, ends and says what is
// wrong. The follower stores none of it, and nothing is lost.
func TestWhatALeaderReadsDamagedIsNotSent(t *testing.T) {
	for _, damage := range damages {
		t.Run(damage.name, func(t *testing.T) {
			flawedLab(t, 3, func(t *testing.T, l *lab, flaw map[string]*flaws) {
				leader := l.leader()
				id, followers := leader.cfg.Session.Server, l.followers()
				lagging, other := followers[0].cfg.Session.Server, followers[1].cfg.Session.Server
				l.crash(lagging)
				index := l.fill(leader, 0)
				flaw[id].set(func(f *flaws) { f.read = only(index, damage.read) })
				l.start(lagging)
				l.failedWith(leader, fmt.Sprintf("entry %d", index), damage.says, "an empty directory")
				begun := time.Now()
				l.want(write(l.node(other), "incr", "n"), reply.Int(3*logCacheEntries+1))
				if took := time.Since(begun); took > 300*time.Millisecond {
					t.Errorf("the others' clients waited %v", took)
				}
				l.crash(id)
				l.leader()
				l.want(read(l.node(lagging), "get", "n"), reply.Text(fmt.Sprint(3*logCacheEntries+1)))
				l.agree()
				l.intact(lagging, other)
			})
		})
	}
}

// A follower that reads a damaged entry in order to apply it ends, and applies none of it.
func TestWhatAFollowerReadsDamagedIsNotApplied(t *testing.T) {
	for _, damage := range damages {
		t.Run(damage.name, func(t *testing.T) {
			flawedLab(t, 3, func(t *testing.T, l *lab, flaw map[string]*flaws) {
				leader, f := l.leader(), l.followers()[0].cfg.Session.Server
				index := l.fill(leader, 0)
				l.agree()
				l.crash(f)
				l.isolate(f, true) // so that nobody tells it what is committed before the damage
				n := l.start(f)
				flaw[f].set(func(f *flaws) { f.read = only(index, damage.read) })
				l.isolate(f, false)
				l.failedWith(n, fmt.Sprintf("entry %d", index), damage.says, "an empty directory")
				if at := n.AppliedIndex(); at >= index {
					t.Errorf("it has applied entries to %d", at)
				}
				last, _ := l.disks[f].logs.LastIndex() // Raft compares terms with what it has read, and removes what differs
				if n.logs.DeleteRange(index, last) == nil || n.logs.StoreLog(&raft.Log{Index: last + 1}) == nil {
					t.Error("it changes its log after it has left")
				}
				if now, _ := l.disks[f].logs.LastIndex(); now != last {
					t.Errorf("its log ended at %d and ends at %d", last, now)
				}
				l.crash(f)
				l.want(write(leader, "incr", "n"), reply.Int(3*logCacheEntries+1))
			})
		})
	}
}

// A node whose log is damaged when it starts is refused, and says why.
func TestADamagedLogIsRefusedAtTheStart(t *testing.T) {
	for _, damage := range damages {
		t.Run(damage.name, func(t *testing.T) {
			flawedLab(t, 3, func(t *testing.T, l *lab, flaw map[string]*flaws) {
				leader, f := l.leader(), l.followers()[0].cfg.Session.Server
				index := l.fill(leader, 0)
				l.agree()
				l.crash(f)
				flaw[f].set(func(f *flaws) { f.read = only(index, damage.read) })
				stores := Stores{Logs: &flawedLogs{l.disks[f].slow, flaw[f]}, Stable: l.disks[f].logs, Snapshots: l.disks[f].snapshots, SealedFrom: 1}
				_, err := ReadStored(stores)
				if err == nil || !strings.Contains(err.Error(), damage.says) || !strings.Contains(err.Error(), fmt.Sprintf("entry %d", index)) {
					t.Errorf("it is read as %v", err)
				}
				if _, err := replay(stores, 0); err == nil || !strings.Contains(err.Error(), damage.says) {
					t.Errorf("it is recovered as %v", err)
				}
			})
		})
	}
}

// load makes clients on all nodes increment a counter until the returned function is called. That
// function returns how many increments were acknowledged, and the longest wait of a client of each
// node.
func (l *lab) load() (finish func() (acked, unknown int, waits map[string]time.Duration)) {
	var clients sync.WaitGroup
	var mu sync.Mutex
	acked, unknown, waits, done := 0, 0, map[string]time.Duration{}, make(chan struct{})
	for id, n := range l.all() {
		for range 4 {
			clients.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					begun := time.Now()
					r := write(n, "incr", "n")
					mu.Lock()
					waits[id] = max(waits[id], time.Since(begun))
					if r.Kind == reply.Integer {
						acked++
					} else if strings.HasPrefix(string(r.Bytes), "UNCERTAIN") {
						unknown++
					}
					mu.Unlock()
					time.Sleep(time.Millisecond)
				}
			})
		}
	}
	return func() (int, int, map[string]time.Duration) {
		close(done)
		clients.Wait()
		return acked, unknown, waits
	}
}

// once is a fault that occurs one time.
func once(err error) func() error {
	var mu sync.Mutex
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		struck := err
		err = nil
		return struck
	}
}

// A leader whose log cannot be written leaves Raft first. The clients of the others wait for no
// time-out, nothing is lost, and the leader is not elected again even if its disk has recovered by
// then. The same holds for a leader that cannot store a term or a vote.
func TestALeaderThatCannotWriteIsReplacedAtOnce(t *testing.T) {
	for cause, sizes := range map[error][]int{syscall.EIO: {3, 5}, syscall.ENOSPC: {3}} {
		for _, size := range sizes {
			t.Run(fmt.Sprint(cause, " ", size), func(t *testing.T) {
				flawedLab(t, size, func(t *testing.T, l *lab, flaw map[string]*flaws) {
					l.delay = 200 * time.Microsecond
					leader := l.leader()
					id := leader.cfg.Session.Server
					finish := l.load()
					time.Sleep(50 * time.Millisecond)
					fault := once(cause)
					flaw[id].set(func(f *flaws) { f.store = func([]*raft.Log) error { return fault() } })
					l.failedWith(leader, cause.Error(), "the log cannot be written", "start this server again")
					for range 300 { // its clients have written through others long before
						time.Sleep(time.Millisecond)
						if leader.IsLeader() {
							t.Fatal("it leads again")
						}
					}
					acked, unknown, waits := finish()
					for range 1700 { // with the above, more than two elections
						time.Sleep(time.Millisecond)
						if leader.IsLeader() {
							t.Fatal("it leads again")
						}
					}
					if r := read(leader, "get", "n"); !r.IsError() {
						t.Errorf("it answers a read: %q", r.Bytes)
					}
					t.Logf("acknowledged %d, unknown %d, longest waits %v (%s led)", acked, unknown, waits, id)
					for server, wait := range waits {
						if server != id && wait > 300*time.Millisecond {
							t.Errorf("a client of %s waited %v", server, wait)
						}
					}
					l.crash(id)
					if got := atoi(read(l.leader(), "get", "n")); got < acked || got > acked+unknown {
						t.Errorf("%d were acknowledged and %d unknown: %d", acked, unknown, got)
					}
					l.start(id)
					l.agree()
				})
			})
		}
	}
}

// A follower whose log cannot be written ends, asks for no votes and grants none.
func TestAFollowerThatCannotWriteTakesNoPart(t *testing.T) {
	flawedLab(t, 3, func(t *testing.T, l *lab, flaw map[string]*flaws) {
		leader, followers := l.leader(), l.followers()
		n, other := followers[0], followers[1]
		fault := once(syscall.ENOSPC)
		flaw[n.cfg.Session.Server].set(func(f *flaws) { f.store = func([]*raft.Log) error { return fault() } })
		l.want(write(leader, "set", "k", "v"), reply.OK)
		l.failedWith(n, "no space left on device", "the log cannot be written")
		l.crash(leader.cfg.Session.Server)
		time.Sleep(30 * time.Second)
		if n.IsLeader() || other.IsLeader() {
			t.Error("it has voted")
		}
		l.crash(n.cfg.Session.Server)
	})
}

// A node that cannot store its term or its vote ends instead of panicking, and nobody becomes
// leader by that vote.
func TestATermOrVoteThatCannotBeStoredEndsTheNode(t *testing.T) {
	for _, key := range []string{"CurrentTerm", "LastVoteTerm", "LastVoteCand"} {
		for _, size := range []int{1, 3} {
			t.Run(fmt.Sprint(key, " ", size), func(t *testing.T) {
				flawedLab(t, size, func(t *testing.T, l *lab, flaw map[string]*flaws) {
					leader := l.leader()
					l.want(write(leader, "set", "k", "v"), reply.OK)
					id := leader.cfg.Session.Server
					n := leader
					fails := func(k string) error {
						if k == key {
							return syscall.EIO
						}
						return nil
					}
					if size == 1 {
						l.crash(id)
						flaw[id].set(func(f *flaws) {
							f.stable = func(k string) error {
								if l.node(id) == nil { // NewRaft stores the term that it has read
									return nil
								}
								return fails(k)
							}
						})
						n = l.start(id)
					} else {
						n = l.followers()[0]
						flaw[n.cfg.Session.Server].set(func(f *flaws) { f.stable = fails })
						l.crash(id)
					}
					l.failedWith(n, "input/output error", key)
					time.Sleep(10 * time.Second)
					if n.IsLeader() {
						t.Error("it leads")
					}
					l.crash(n.cfg.Session.Server)
				})
			})
		}
	}
}

// Damage that is found while Raft starts is an error of Open, not a panic.
func TestALogThatFailsWhileRaftStartsIsAnError(t *testing.T) {
	flawedLab(t, 3, func(t *testing.T, l *lab, flaw map[string]*flaws) {
		index := l.fill(l.leader(), 0)
		l.agree()
		s := l.followers()[0].cfg
		l.crash(s.Session.Server)
		flaw[s.Session.Server].set(func(f *flaws) { f.read = only(index, func(*raft.Log) error { return syscall.EIO }) })
		s.Session.Boot++
		s.Streams = &streams{lab: l, id: "nobody", in: make(chan acceptance), done: make(chan struct{})}
		if n, err := Open(s); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("entry %d", index)) {
			t.Errorf("opened: %v, %v", n != nil, err)
		}
	})
}

// A follower refuses entries that arrive damaged, before Raft makes room for them, and names the
// sender. The follower goes on.
func TestWhatArrivesDamagedIsTheSendersFault(t *testing.T) {
	flawedLab(t, 3, func(t *testing.T, l *lab, flaw map[string]*flaws) {
		leader, n := l.leader(), l.followers()[0]
		l.want(write(leader, "set", "k", "v"), reply.OK)
		l.agree()
		last := leader.LastIndex()
		to := raft.Server{ID: raft.ServerID(n.cfg.Session.Server), Address: n.transport.LocalAddr()}
		sound := func() *raft.Log { return &raft.Log{Index: last + 1, Term: leader.CurrentTerm(), Type: raft.LogNoop} }
		for name, entry := range map[string]func() *raft.Log{
			"a sealed entry": func() *raft.Log { e := sound(); _ = sealAll([]*raft.Log{e}); e.Term--; return e },
			"another index":  func() *raft.Log { e := sound(); e.Index += 2; return e },
			"a command":      func() *raft.Log { e := sound(); e.Type, e.Data = raft.LogCommand, []byte("x"); return e },
			"a type":         func() *raft.Log { e := sound(); e.Type = 9; return e },
			"configuration":  func() *raft.Log { e := sound(); e.Type, e.Data = raft.LogConfiguration, []byte("x"); return e },
		} {
			id := raft.ServerID(leader.cfg.Session.Server)
			req := raft.AppendEntriesRequest{
				RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: leader.transport.EncodePeer(id, leader.transport.LocalAddr())},
				Term:      leader.CurrentTerm(), PrevLogEntry: last, PrevLogTerm: leader.CurrentTerm(), Entries: []*raft.Log{entry()},
			}
			err := leader.transport.NetworkTransport.AppendEntries(to.ID, target(to.ID, to.Address), &req, &raft.AppendEntriesResponse{})
			if err == nil || !strings.Contains(err.Error(), string(id)) || !strings.Contains(err.Error(), "damaged") {
				t.Errorf("%s: it is answered %v", name, err)
			}
		}
		l.want(write(leader, "incr", "n"), reply.Int(1))
		l.agree()
	})
}

// A leader whose memory has damaged an entry, so that followers refuse it, also leaves.
func TestAnEntryThatIsDamagedInMemoryIsNotSentForEver(t *testing.T) {
	flawedLab(t, 3, func(t *testing.T, l *lab, _ map[string]*flaws) {
		leader, lagging := l.leader(), l.followers()[0].cfg.Session.Server
		l.crash(lagging)
		l.want(write(leader, "incr", "n"), reply.Int(1))
		var e raft.Log
		if err := l.disks[leader.cfg.Session.Server].logs.GetLog(leader.AppliedIndex(), &e); err != nil {
			t.Fatal(err)
		}
		e.Data[len(e.Data)/2] ^= 1 // the cache and this store share it
		l.start(lagging)
		l.failedWith(leader, fmt.Sprintf("entry %d", e.Index), "memory")
		l.crash(leader.cfg.Session.Server)
		l.want(read(l.leader(), "get", "n"), reply.Text("1"))
		l.agree()
	})
}

// unsealing is a log store like the first release's: it keeps no seals, and what a leader sends
// again has none.
type unsealing struct {
	*slowLogs
	early atomic.Pointer[earlySends] // of its node
}

// idle waits until no early message is in flight, so that a change does not affect what is sent.
func (u *unsealing) idle() bool {
	early := u.early.Load()
	if early == nil {
		return false
	}
	for {
		early.mu.Lock()
		sending := false
		for _, slot := range early.slots {
			sending = sending || slot.sending
		}
		early.mu.Unlock()
		if !sending {
			return true
		}
		time.Sleep(time.Microsecond) // of the bubble's time
	}
}

func (u *unsealing) StoreLog(l *raft.Log) error { return u.StoreLogs([]*raft.Log{l}) }

func (u *unsealing) StoreLogs(logs []*raft.Log) error {
	bare, idle := make([]*raft.Log, len(logs)), u.idle()
	for i, l := range logs {
		copied := *l
		copied.Extensions = nil
		bare[i] = &copied
		if idle {
			l.Extensions = nil // also in the cache, for the wire
		}
	}
	return u.slowLogs.StoreLogs(bare)
}

// Entries stored by the first release are read, sent and applied as they are. Its servers lead and
// follow beside ours; ours seal what they receive before they store it.
func TestEntriesOfTheFirstReleaseAreTaken(t *testing.T) {
	var old unsealing
	inBubble(t, 3, func(c *Config) {
		if c.Session.Server == "n1@1" {
			old.slowLogs = c.Stores.Logs.(*slowLogs)
			c.Stores.Logs, c.Stores.SealedFrom = &old, 0
		}
	}, func(t *testing.T, l *lab) {
		old.early.Store(l.node("n1@1").transport.early)
		for round, id := range []string{"n1@1", "n2@1", "n1@1"} {
			if l.leader().cfg.Session.Server != id {
				if err := l.leader().TransferLeadershipTo(id); err != nil {
					t.Fatal(err)
				}
				l.eventually("it leads", func() bool { return l.node(id).IsLeader() })
			}
			l.crash("n3@1")
			l.fill(l.leader(), 3*logCacheEntries*round)
			l.start("n3@1")
			l.agree()
		}
		for _, id := range []string{"n1@1", "n2@1", "n3@1"} {
			sealed := 0
			last, _ := l.disks[id].logs.LastIndex()
			for i := uint64(1); i <= last; i++ {
				var e raft.Log
				if err := l.disks[id].logs.GetLog(i, &e); err == nil && seal.Sealed(&e) {
					sealed++
				}
			}
			if want := uint64(sealed) == last; want != (id != "n1@1") {
				t.Errorf("%s: %d of %d entries are sealed", id, sealed, last)
			}
		}
	})
}

// A log that loses its head while one of the removed entries is read is not damaged.
func TestAHeadThatIsRemovedMeanwhileIsNoDamage(t *testing.T) {
	logs := raft.NewInmemStore()
	for i := uint64(1); i <= 100; i++ {
		e := &raft.Log{Index: i}
		seal.Put(e)
		if err := logs.StoreLog(e); err != nil {
			t.Fatal(err)
		}
	}
	stores := Stores{Logs: logs, SealedFrom: 1}
	if err := logs.DeleteRange(1, 50); err != nil {
		t.Fatal(err)
	}
	for _, index := range []uint64{0, 1, 50, 101} {
		if err := stores.ReadLog(index, new(raft.Log)); err != raft.ErrLogNotFound {
			t.Errorf("entry %d: %v", index, err)
		}
	}
	if err := stores.ReadLog(51, new(raft.Log)); err != nil {
		t.Error(err)
	}
}

// closingLogs loses the file of the segment that is being read, once.
type closingLogs struct {
	raft.LogStore
	closed int
}

func (c *closingLogs) GetLog(index uint64, l *raft.Log) error {
	if c.closed++; c.closed == 1 {
		return fmt.Errorf("read entry %d: %w", index, fs.ErrClosed)
	}
	return c.LogStore.GetLog(index, l)
}

// raft-wal closes a segment whose entries are removed while one of them is read.
func TestASegmentThatIsClosedMeanwhileIsNoDamage(t *testing.T) {
	logs := raft.NewInmemStore()
	e := &raft.Log{Index: 7}
	seal.Put(e)
	if err := logs.StoreLog(e); err != nil {
		t.Fatal(err)
	}
	for index, want := range map[uint64]error{6: raft.ErrLogNotFound, 7: nil} {
		if err := (Stores{Logs: &closingLogs{LogStore: logs}, SealedFrom: 1}).ReadLog(index, new(raft.Log)); err != want {
			t.Errorf("entry %d: %v, want %v", index, err, want)
		}
	}
}
