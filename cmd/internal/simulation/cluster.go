package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/cmd/internal/server"
	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node"
)

// Snapshots are frequent and logs are short, so that a server that was away for a while
// is caught up by an installed snapshot. As with any real policy, more entries stay in the
// log after a snapshot than one message of Raft carries (16). If a follower's answer is
// lost, its leader sends the same entries again, and the follower must not have cut them:
// Raft's leader never skips ahead to what the follower has kept.
const (
	snapshotEntries = 40
	trailingEntries = 20
)

// Cluster is a set of simulated machines with their servers.
type Cluster struct {
	Network *Network
	IDs     []string      // of all machines
	Slow    string        // the server whose clock runs slowly, or ""
	Lease   time.Duration // how long the slow server believes that it leads
	logger  *slog.Logger
	policy  node.SnapshotPolicy
	digests node.DigestPolicy

	mu        sync.Mutex
	machine   map[string]*machine
	timing    map[string]node.Timing // the timing of servers whose clocks run at another rate
	frozen    map[string]time.Time   // until when a server does not hear its clients
	wipes     int
	installed map[string]uint64 // snapshots from leaders that processes restored before they ended
	wrong     []string          // promises that were found broken
	witness   *witness
	keepNames bool          // a planted fault: a wiped server keeps its name
	operator  chan struct{} // holds a token while nobody changes the membership or the releases
	finished  bool          // whether the upgrade is finished; only the operator reads it
}

// machine is one server's hardware, and the process that runs on it, if any.
type machine struct {
	turn    chan struct{} // holds a token while nobody starts or ends a process
	disk    *Disk
	clock   *Clock
	process *process
	place   place
	release cluster.Versions // the machine versions that its program knows
	ended   error            // why the last process ended by itself; nil if it did not
	mayEnd  int              // how many faults are under way that may make the process end by itself
}

// process is one run of a server.
type process struct {
	ctx    context.Context // ends with the process
	end    context.CancelFunc
	server *server.Server
	own    uint64 // snapshots that it restores from its own disk at its start
}

// NewCluster makes the machines n1, n2, … of a cluster. Start starts their servers.
func NewCluster(size int, rng *rand.Rand, logger *slog.Logger) *Cluster {
	c := &Cluster{Network: NewNetwork(rand.New(rand.NewPCG(rng.Uint64(), 1))), logger: logger,
		policy:   node.SnapshotPolicy{Entries: snapshotEntries, LogBytes: 1 << 20, Trailing: trailingEntries},
		operator: make(chan struct{}, 1), machine: map[string]*machine{}, timing: map[string]node.Timing{}, frozen: map[string]time.Time{}, installed: map[string]uint64{}}
	c.witness = &witness{Handler: logger.Handler(), cluster: c, leaders: map[uint64]string{}}
	c.logger = slog.New(c.witness)
	c.operator <- struct{}{}
	for range size {
		c.add(place{founder: true, in: true, voter: true})
	}
	return c
}

// AddGuests adds machines that do not belong to the cluster yet.
func (c *Cluster) AddGuests(count int) {
	for range count {
		c.add(place{})
	}
}

// add adds a machine with an empty disk.
func (c *Cluster) add(p place) {
	id := fmt.Sprintf("n%d", len(c.IDs)+1)
	c.IDs = append(c.IDs, id)
	p.host = id
	m := &machine{turn: make(chan struct{}, 1), disk: NewDisk(id + "@0"), clock: &Clock{}, place: p, release: newRelease}
	m.turn <- struct{}{}
	c.machine[id] = m
}

// Start starts a machine's server. It does nothing if the server runs already or does not
// belong to the cluster.
func (c *Cluster) Start(id string) error {
	if !c.place(id).in {
		return nil
	}
	return c.StartAnyway(id)
}

// StartAnyway is Start even if the server does not belong to the cluster.
func (c *Cluster) StartAnyway(id string) error {
	m := c.machine[id]
	<-m.turn
	defer func() { m.turn <- struct{}{} }()
	if c.running(m) != nil {
		return nil
	}
	own := c.disk(id).restorable()
	s, err := server.Open(c.config(id), c.environment(id, c.place(id).host, c.disk(id)))
	if err != nil {
		return fmt.Errorf("start %s: %w", id, err)
	}
	ctx, end := context.WithCancel(context.Background())
	c.mu.Lock()
	defer c.mu.Unlock()
	m.process, m.ended = &process{ctx: ctx, end: end, server: s, own: own}, nil
	go c.watch(id, m.process)
	return nil
}

// watch records the end of a process that ends by itself.
func (c *Cluster) watch(id string, p *process) {
	err := p.server.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.machine[id]
	if m.process != p {
		return // it was crashed
	}
	c.Network.Break(id) // as an operating system does with all connections of a process
	m.process, m.ended = nil, err
	c.installed[id] += p.installed()
	p.end()
	if m.place.in && m.mayEnd == 0 {
		c.wrong = append(c.wrong, fmt.Sprintf("%s, which belongs to the cluster, ended by itself: %v", id, err))
	}
}

// expectEnd allows a server's process to end by itself, until the returned function is
// called.
func (c *Cluster) expectEnd(id string) (over func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.machine[id].mayEnd++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.machine[id].mayEnd--
	}
}

// ended reports whether a server's last process has ended.
func (c *Cluster) ended(id string) bool { return c.running(c.machine[id]) == nil }

// Wrong returns the first promise that was found broken, or nil.
func (c *Cluster) Wrong() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.wrong) == 0 {
		return nil
	}
	return &broken{c.wrong[0]}
}

// Crash ends a server's process as a kill does; it returns false if none runs.
func (c *Cluster) Crash(id string) bool {
	m := c.machine[id]
	<-m.turn
	defer func() { m.turn <- struct{}{} }()
	return c.crash(id, m)
}

// crash is Crash for a caller that holds the machine's turn.
func (c *Cluster) crash(id string, m *machine) bool {
	p := c.running(m)
	if p == nil {
		return false
	}
	c.mu.Lock()
	m.process = nil
	c.installed[id] += p.installed()
	c.mu.Unlock()
	c.disk(id).Open() // what the old process still writes is lost
	p.end()
	c.Network.Break(id)
	p.server.Crash()
	return true
}

// installed returns how many snapshots from leaders a process has restored.
func (p *process) installed() uint64 {
	n := p.server.Node()
	if n == nil {
		return 0
	}
	restored := n.Status().Snapshots.Restored
	return restored - min(restored, p.own)
}

// Installed returns how many snapshots from leaders a server has ever restored.
func (c *Cluster) Installed(id string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := c.installed[id]
	if p := c.machine[id].process; p != nil {
		total += p.installed()
	}
	return total
}

func (c *Cluster) running(m *machine) *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return m.process
}

// Wipe crashes a server and gives it an empty disk. It reports whether the server ran.
func (c *Cluster) Wipe(id string) (ran bool) {
	c.mu.Lock()
	c.wipes++
	disk := NewDisk(fmt.Sprintf("%s@%d", id, c.wipes))
	if c.keepNames {
		disk.identity = c.machine[id].disk.identity
	}
	p := &c.machine[id].place
	p.joins = !p.founder
	asBefore := p.alone && !c.keepNames
	c.mu.Unlock()
	_, ran = c.Insert(id, disk)
	if asBefore {
		c.refusesToFound(id)
	}
	return ran
}

// Insert crashes a server, gives it another disk, and returns the one that it had.
func (c *Cluster) Insert(id string, disk *Disk) (had *Disk, ran bool) {
	m := c.machine[id]
	<-m.turn
	defer func() { m.turn <- struct{}{} }()
	ran = c.crash(id, m)
	c.mu.Lock()
	defer c.mu.Unlock()
	had, m.disk = m.disk, disk
	return had, ran
}

// Process returns the running process of a server. It returns nil if there is none, if its
// member is not open yet, or if no server has that id.
func (c *Cluster) Process(id string) *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.machine[id]
	if m == nil || m.process == nil || m.process.server.Node() == nil {
		return nil
	}
	return m.process
}

// Node returns the member that runs on a server, or nil.
func (c *Cluster) Node(id string) *node.Node {
	if p := c.Process(id); p != nil {
		return p.server.Node()
	}
	return nil
}

// Leader returns the id of a server that leads, or "".
func (c *Cluster) Leader() string {
	for _, id := range c.IDs {
		if n := c.Node(id); n != nil && n.IsLeader() {
			return id
		}
	}
	return ""
}

// Freeze makes whatever a server's clients send wait in the sockets until a moment.
func (c *Cluster) Freeze(id string, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen[id] = until
}

// Frozen reports whether a server is frozen now (Freeze).
func (c *Cluster) Frozen(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Before(c.frozen[id])
}

// awaitThaw waits until a server hears its clients again, or ctx ends.
func (c *Cluster) awaitThaw(ctx context.Context, id string) {
	for {
		c.mu.Lock()
		left := time.Until(c.frozen[id])
		c.mu.Unlock()
		if left <= 0 {
			return
		}
		select {
		case <-time.After(left):
		case <-ctx.Done():
			return
		}
	}
}

// Await polls until the condition returns nil. It gives up after limit of virtual time.
func (c *Cluster) Await(what string, limit time.Duration, condition func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := condition()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %v: %w", what, limit, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// AllReady returns nil if every member runs and is ready.
func (c *Cluster) AllReady() error {
	for _, id := range c.Members() {
		n := c.Node(id)
		if n == nil {
			return fmt.Errorf("%s does not run", id)
		}
		if err := n.Ready(); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return nil
}

// Whole returns nil if every member is ready, and has its intended role and the name on
// its disk in the committed configuration. Only then can any one of them be lost. (A
// server that has just joined is ready before it is a voter.)
func (c *Cluster) Whole() error {
	if err := errors.Join(c.OneCluster(), c.AllReady()); err != nil {
		return err
	}
	leader := c.Node(c.Leader())
	if leader == nil {
		return errors.New("nobody leads")
	}
	var servers []member.Server
	leader.View(func(m *fsm.Machine) { servers = m.Servers() })
	return c.placed(servers)
}

// state holds what must be equal on all nodes that have applied the same index.
type state struct {
	index  uint64
	hash   uint64
	digest [20]byte
}

// Agree returns nil if all members have applied the same index and hold the same state.
// Different states at the same index are a divergence, which waiting cannot mend.
func (c *Cluster) Agree() error {
	var first state
	members := c.Members()
	for i, id := range members {
		n := c.Node(id)
		if n == nil {
			return fmt.Errorf("%s does not run", id)
		}
		var s state
		n.View(func(m *fsm.Machine) { s = state{m.Index(), m.Hash(), m.Digest()} })
		if i == 0 {
			first = s
			continue
		}
		if s.index != first.index {
			return fmt.Errorf("%s is at index %d, %s at %d", members[0], first.index, id, s.index)
		}
		if s != first {
			return &divergence{a: members[0], b: id, index: s.index}
		}
	}
	return nil
}

type divergence struct {
	a, b  string
	index uint64
}

func (d *divergence) Error() string {
	return fmt.Sprintf("%s and %s hold different states at index %d", d.a, d.b, d.index)
}

// Stop crashes every server.
func (c *Cluster) Stop() {
	c.Network.HealAll()
	for _, id := range c.IDs {
		c.machine[id].disk.Slow(nil)
		c.Crash(id)
	}
}

// environment returns the simulated environment of a process on a machine, at one of its hosts.
func (c *Cluster) environment(id, host string, disk *Disk) server.Environment {
	return server.Environment{
		ListenPeers: func() (net.Listener, error) { return c.Network.Listen(host) },
		DialPeer: func(ctx context.Context, addr string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			return c.Network.Dial(ctx, id, host)
		},
		Clock: c.clock(id),
		Disk:  disk.Open(),
	}
}

func (c *Cluster) disk(id string) *Disk {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.machine[id].disk
}

func (c *Cluster) clock(id string) *Clock {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.machine[id].clock
}
