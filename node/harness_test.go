package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/reply"
)

// lab is a cluster in one process: nodes on net.Pipe streams and direct calls
// for everything else, with links that can be cut and calls that can be slow.
type lab struct {
	t         testing.TB
	mu        sync.Mutex
	nodes     map[string]*Node // running ones, by server id
	disks     map[string]*disk
	cut       map[[2]string]bool
	noStreams map[[2]string]bool // only Raft's connections are cut
	dials     int                // of streams
	delay     time.Duration      // of a call from one node to another, each way
	asked     atomic.Int64       // questions that confirm reads
	conns     map[net.Conn][2]string
	doors     map[string]*streams
	listeners map[string]net.Listener // of benchmarks, by server id
	conf      member.Formation
	tweak     func(*Config)
	boots     map[string]uint64
	skew      map[string]time.Duration
	wg        sync.WaitGroup

	beforeForward func(from, to string) // a test's look at forwarded batches
	answerForward func(from, to string, err error) error
	refuseForward func(from string) error    // a leader's refusal; nil lets a batch through
	refusing      func(from, to string) bool // a port that refuses although its server runs
	silent        map[string]bool            // servers that do not say whether they may lead
	mutes         map[string]bool            // leaders whose beats are lost
	deaf          map[string]bool            // servers to which nothing comes through
	refuseSilence func(asked string) error   // a server that does not know the question
}

// disk holds what survives a crash.
type disk struct {
	logs      *raft.InmemStore
	snapshots *memorySnapshots
	slow      *slowLogs
}

func newLab(t testing.TB, size int, tweak func(*Config)) *lab {
	l := &lab{t: t, nodes: map[string]*Node{}, disks: map[string]*disk{}, cut: map[[2]string]bool{}, noStreams: map[[2]string]bool{}, conns: map[net.Conn][2]string{},
		doors: map[string]*streams{}, tweak: tweak, boots: map[string]uint64{}, skew: map[string]time.Duration{}, mutes: map[string]bool{}}
	l.conf.Cluster = "lab"
	for i := range size {
		l.conf.Servers = append(l.conf.Servers, member.Server{ID: fmt.Sprintf("n%d@1", i+1), PeerAddr: fmt.Sprintf("host%d:1", i+1), Voter: true})
	}
	for _, s := range l.conf.Servers {
		l.start(s.ID)
	}
	return l
}

// inBubble runs a test on a lab of its own, in virtual time.
func inBubble(t *testing.T, size int, tweak func(*Config), run func(t *testing.T, l *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, size, tweak)
		defer l.close()
		run(t, l)
	})
}

func (l *lab) addrOf(id string) string {
	for _, s := range l.conf.Servers {
		if s.ID == id {
			return s.PeerAddr
		}
	}
	return "host-" + id
}

// start opens a server on its disk, as the next boot.
func (l *lab) start(id string) *Node {
	l.t.Helper()
	l.mu.Lock()
	d := l.disks[id]
	if d == nil {
		logs := raft.NewInmemStore()
		d = &disk{logs: logs, snapshots: newMemorySnapshots(), slow: &slowLogs{InmemStore: logs}}
		l.disks[id] = d
	}
	l.boots[id]++
	s := &streams{lab: l, id: id, addr: l.addrOf(id), in: make(chan acceptance), done: make(chan struct{})}
	l.doors[id] = s
	cfg := Config{
		Session:    entry.Session{Server: id, Boot: l.boots[id]},
		ClientAddr: strings.ToUpper(id),
		Stores:     Stores{Logs: d.slow, Stable: d.logs, Snapshots: d.snapshots, SealedFrom: 1},
		Streams:    l.streams(s),
		Peers:      &directPeers{lab: l, from: id},
		Clock:      labClock{l, id},
		Logger:     labLogger(id),
	}
	if id == l.conf.Servers[0].ID {
		cfg.Formation = &l.conf
	}
	if l.tweak != nil {
		l.tweak(&cfg)
	}
	l.mu.Unlock()
	n, err := Open(cfg)
	if err != nil {
		l.t.Fatalf("open %s: %v", id, err)
	}
	l.mu.Lock()
	l.nodes[id] = n
	l.mu.Unlock()
	return n
}

// streams are pipes in a test and sockets in a benchmark.
func (l *lab) streams(s *streams) Streams {
	if _, ok := l.t.(*testing.B); !ok {
		return s
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.t.Fatal(err)
	}
	if l.listeners == nil {
		l.listeners = map[string]net.Listener{}
	}
	l.listeners[s.id] = listener
	return &tcpStreams{Listener: listener, lab: l, id: s.id}
}

func labLogger(id string) *slog.Logger {
	if os.Getenv("LAB_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", id)
}

// crash stops a server at once.
func (l *lab) crash(id string) {
	l.mu.Lock()
	n := l.nodes[id]
	delete(l.nodes, id)
	l.mu.Unlock()
	n.Crash()
}

func (l *lab) close() {
	for id, n := range l.all() {
		if err := n.Err(); err != nil {
			l.t.Errorf("%s has failed: %v", id, err)
		}
		l.crash(id)
	}
	l.mu.Lock()
	conns := l.conns
	l.conns = map[net.Conn][2]string{}
	l.mu.Unlock()
	for c := range conns {
		c.Close()
	}
	l.wg.Wait()
}

func (l *lab) all() map[string]*Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	nodes := map[string]*Node{}
	for id, n := range l.nodes {
		nodes[id] = n
	}
	return nodes
}

func (l *lab) node(id string) *Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.nodes[id]
}

// eventually waits until a condition holds.
func (l *lab) eventually(what string, holds func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			l.t.Fatalf("not within 30 s: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// leader waits until all running nodes agree on a leader, and are ready.
func (l *lab) leader() *Node {
	l.t.Helper()
	return l.leaderOf(func(n *Node) bool { return n.Ready() == nil })
}

// hears reports whether a follower has answered a leader, or is unable to.
func (l *lab) hears(leader, follower *Node) bool {
	from, to := leader.cfg.Session.Server, follower.cfg.Session.Server
	l.mu.Lock()
	defer l.mu.Unlock()
	return from == to || l.noStreams[[2]string{from, to}] || !leader.transport.deliveries(raft.ServerID(to)).last.IsZero()
}

// leaderOf waits until all running nodes agree on a leader that fulfils the condition and has
// heard from each of them, so that it can hand over to any.
func (l *lab) leaderOf(wanted func(n *Node) bool) *Node {
	l.t.Helper()
	var leader *Node
	l.eventually("a leader that everybody knows", func() bool {
		leader = nil
		for _, n := range l.all() {
			if n.IsLeader() {
				leader = n
			}
		}
		if leader == nil {
			return false
		}
		for _, n := range l.all() {
			if n.Leader() != leader.cfg.Session.Server || !wanted(n) || !l.hears(leader, n) {
				return false
			}
		}
		return true
	})
	return leader
}

func (l *lab) followers() []*Node {
	leader := l.leader()
	var followers []*Node
	for _, s := range l.conf.Servers {
		if n := l.node(s.ID); n != nil && n != leader {
			followers = append(followers, n)
		}
	}
	return followers
}

// sever cuts or mends the link between two servers, both ways.
func (l *lab) sever(a, b string, cut bool) {
	l.mu.Lock()
	l.cut[[2]string{a, b}], l.cut[[2]string{b, a}] = cut, cut
	var broken []net.Conn
	for c, ends := range l.conns {
		if ends == [2]string{a, b} || ends == [2]string{b, a} {
			broken = append(broken, c)
			delete(l.conns, c)
		}
	}
	l.mu.Unlock()
	for _, c := range broken {
		c.Close()
	}
}

func (l *lab) isolate(id string, cut bool) {
	for _, s := range l.conf.Servers {
		if s.ID != id {
			l.sever(id, s.ID, cut)
		}
	}
}

func (l *lab) linked(a, b string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.cut[[2]string{a, b}]
}

// streams is Raft's side of the network.
type streams struct {
	lab  *lab
	id   string
	addr string
	in   chan acceptance
	done chan struct{}
	once sync.Once
}

type labAddr string

func (labAddr) Network() string  { return "lab" }
func (a labAddr) String() string { return string(a) }

func (s *streams) Addr() net.Addr { return labAddr(s.addr) }
func (s *streams) Close() error   { s.once.Do(func() { close(s.done) }); return nil }
func (s *streams) Accept() (conn net.Conn, from string, err error) {
	select {
	case a := <-s.in:
		return a.conn, a.from, nil
	case <-s.done:
		return nil, "", net.ErrClosed
	}
}

var errUnreachable = errors.New("unreachable")

func (s *streams) Dial(server, addr string, timeout time.Duration) (net.Conn, error) {
	l := s.lab
	l.mu.Lock()
	l.dials++
	door := l.doors[server]
	if door == nil || door.addr != addr || l.cut[[2]string{s.id, server}] || l.noStreams[[2]string{s.id, server}] {
		l.mu.Unlock()
		return nil, errUnreachable
	}
	ours, theirs := net.Pipe()
	l.conns[ours], l.conns[theirs] = [2]string{s.id, server}, [2]string{s.id, server}
	l.mu.Unlock()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case door.in <- acceptance{conn: theirs, from: s.id}:
		return ours, nil
	case <-door.done:
	case <-timer.C:
	}
	ours.Close()
	return nil, errUnreachable
}

// directPeers calls the other nodes' methods; each sender's calls to one
// server arrive in order.
type directPeers struct {
	lab  *lab
	from string

	mu         sync.Mutex
	lines      map[string]*line
	unanswered map[string]time.Time
}

type line struct {
	mu      sync.Mutex
	pending []func()
	busy    bool
}

// call runs f after the link's delay, in the order of the calls.
func (p *directPeers) call(to string, f func(n *Node, err error)) {
	l := p.lab
	run := func() {
		if l.delay > 0 {
			time.Sleep(l.delay)
		}
		n := l.node(to)
		if n == nil || !l.linked(p.from, to) || l.node(p.from) == nil || !p.comesThrough(to) {
			f(nil, errUnreachable)
			return
		}
		f(n, nil)
	}
	p.mu.Lock()
	if p.lines == nil {
		p.lines = map[string]*line{}
	}
	ln := p.lines[to]
	if ln == nil {
		ln = &line{}
		p.lines[to] = ln
	}
	p.mu.Unlock()
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.pending = append(ln.pending, run)
	if ln.busy {
		return
	}
	ln.busy = true
	l.wg.Go(func() {
		for {
			ln.mu.Lock()
			if len(ln.pending) == 0 {
				ln.busy = false
				ln.mu.Unlock()
				return
			}
			next := ln.pending
			ln.pending = nil
			ln.mu.Unlock()
			for _, f := range next {
				f()
			}
		}
	})
}

// back returns an answer. The answer is lost if the link is cut.
func (p *directPeers) back(to string, f func(error)) {
	l := p.lab
	if l.delay == 0 {
		if l.linked(p.from, to) {
			f(nil)
		} else {
			f(errUnreachable)
		}
		return
	}
	l.wg.Go(func() {
		time.Sleep(l.delay)
		if l.linked(p.from, to) {
			f(nil)
		} else {
			f(errUnreachable)
		}
	})
}

func (p *directPeers) Forward(server string, batch []byte, done func(error)) {
	if before := p.lab.beforeForward; before != nil {
		before(p.from, server)
	}
	if tamper := p.lab.answerForward; tamper != nil {
		inner := done
		done = func(err error) { inner(tamper(p.from, server, err)) }
	}
	p.call(server, func(n *Node, err error) {
		if err != nil {
			done(err)
			return
		}
		if refuse := p.lab.refuseForward; refuse != nil {
			if refused := refuse(p.from); refused != nil {
				done(refused)
				return
			}
		}
		n.AcceptForward(p.from, batch, func(err error) {
			p.back(server, func(lost error) {
				if lost != nil {
					err = lost
				}
				done(err)
			})
		})
	})
}

func (p *directPeers) ReadIndex(server string, q ReadQuestion, done func(ReadAnswer, error)) {
	p.lab.asked.Add(1)
	p.call(server, func(n *Node, err error) {
		if err != nil {
			done(ReadAnswer{}, err)
			return
		}
		n.AnswerReadIndex(q, func(a ReadAnswer, err error) {
			p.back(server, func(lost error) {
				if lost != nil {
					err = lost
				}
				done(a, err)
			})
		})
	})
}

func (p *directPeers) Term(server string, done func(uint64, error)) {
	p.lab.asked.Add(1)
	p.call(server, func(n *Node, err error) {
		if err != nil {
			done(0, err)
			return
		}
		term := n.CurrentTerm()
		p.back(server, func(lost error) { done(term, lost) })
	})
}

func (p *directPeers) Beat(server string, b Beat, done func(BeatAnswer, error)) {
	p.call(server, func(n *Node, err error) {
		if err != nil {
			done(BeatAnswer{}, err)
			return
		}
		p.lab.mu.Lock()
		mute := p.lab.mutes[p.from]
		p.lab.mu.Unlock()
		if mute {
			done(BeatAnswer{}, errUnreachable)
			return
		}
		a := n.HearBeat(p.from, b)
		p.back(server, func(lost error) { done(a, lost) })
	})
}

func (p *directPeers) Silence(server string, q SilenceQuestion, done func(SilenceAnswer, error)) {
	p.call(server, func(n *Node, err error) {
		if err != nil {
			done(SilenceAnswer{}, err)
			return
		}
		p.lab.mu.Lock()
		refuse := p.lab.refuseSilence
		p.lab.mu.Unlock()
		if refuse != nil {
			done(SilenceAnswer{}, refuse(server))
			return
		}
		n.AnswerSilence(q, func(a SilenceAnswer) {
			p.back(server, func(lost error) { done(a, lost) })
		})
	})
}

// labClock is a wall clock that may be skewed.
type labClock struct {
	lab *lab
	id  string
}

func (c labClock) Now() time.Time {
	c.lab.mu.Lock()
	defer c.lab.mu.Unlock()
	return time.Now().Add(c.lab.skew[c.id])
}

// slowLogs is a log store whose writes a test may hold up.
type slowLogs struct {
	*raft.InmemStore
	mu    sync.Mutex
	gate  chan struct{}
	takes time.Duration
	lose  bool // nothing reaches the disk any more, as after a kill
}

// IsMonotonic is the same as for the real stores: the log is removed when a snapshot is installed.
func (s *slowLogs) IsMonotonic() bool { return true }

func (s *slowLogs) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

func (s *slowLogs) StoreLogs(logs []*raft.Log) error {
	s.mu.Lock()
	gate, takes := s.gate, s.takes
	s.mu.Unlock()
	time.Sleep(takes)
	if gate != nil {
		<-gate
	}
	if s.lose {
		return errUnreachable
	}
	return s.InmemStore.StoreLogs(logs)
}

// hold blocks writes until release is called, which may happen more than once.
func (s *slowLogs) hold() (release func()) {
	gate := make(chan struct{})
	s.mu.Lock()
	s.gate = gate
	s.mu.Unlock()
	return sync.OnceFunc(func() {
		s.mu.Lock()
		s.gate = nil
		s.mu.Unlock()
		close(gate)
	})
}

// call makes a call of words.
func call(words ...string) *command.Call {
	c := &command.Call{}
	for _, w := range words {
		c.Args = append(c.Args, []byte(w))
	}
	row, refused := command.Lookup(c.Args)
	if row == nil {
		panic("no such command: " + string(refused.Bytes))
	}
	c.Command = row
	return c
}

// write and read run one command on a node.
func write(n *Node, words ...string) reply.Value {
	c := call(words...)
	n.Write(context.Background(), []*command.Call{c})
	return c.Reply
}

func read(n *Node, words ...string) reply.Value {
	c := call(words...)
	n.Read(context.Background(), []*command.Call{c})
	return c.Reply
}

func (l *lab) want(got reply.Value, want reply.Value) {
	l.t.Helper()
	if string(reply.AppendStored(nil, got)) != string(reply.AppendStored(nil, want)) {
		l.t.Fatalf("got %d %q %d, want %d %q %d", got.Kind, got.Bytes, got.Int(), want.Kind, want.Bytes, want.Int())
	}
}

// refuse makes the ports for which wrong is true seem to refuse; nil means none.
func (l *lab) refuse(wrong func(from, to string) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusing = wrong
}

// Gone returns true for a server that does not run and could be reached.
func (p *directPeers) Gone(_ context.Context, server string) bool {
	p.lab.mu.Lock()
	wrong := p.lab.refusing
	p.lab.mu.Unlock()
	if wrong != nil && wrong(p.from, server) {
		return true
	}
	return p.lab.node(server) == nil && p.lab.linked(p.from, server)
}

// deafen stops everything sent to a server. What it sends itself still arrives.
func (l *lab) deafen(id string, deaf bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaf = map[string]bool{id: deaf}
}

// comesThrough reports whether a question reaches a server, and records it.
func (p *directPeers) comesThrough(server string) bool {
	p.lab.mu.Lock()
	deaf := p.lab.deaf[server]
	p.lab.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !deaf:
		delete(p.unanswered, server)
	case p.unanswered[server].IsZero():
		if p.unanswered == nil {
			p.unanswered = map[string]time.Time{}
		}
		p.unanswered[server] = time.Now()
	}
	return !deaf
}

func (p *directPeers) Unanswered(server string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unanswered[server]
}

func (p *directPeers) NeverLeads(ctx context.Context, server string) (bool, error) {
	n := p.lab.node(server)
	if n == nil || !p.lab.linked(p.from, server) {
		return false, errUnreachable
	}
	p.lab.mu.Lock()
	silent := p.lab.silent[server]
	p.lab.mu.Unlock()
	if silent {
		<-ctx.Done()
		return false, ctx.Err()
	}
	return n.NeverLeads(), nil
}
