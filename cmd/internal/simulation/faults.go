package simulation

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/node"
)

// Fault is one kind of fault. strike injects it, ends it, and reports whether there was
// anything to harm.
type Fault struct {
	Name   string
	strike func(f *faults) bool
	alone  bool // it starts on a healed cluster, and no other fault strikes meanwhile
}

// Faults are the kinds for a fixed membership. A run without a script draws three.
var Faults = []Fault{
	{Name: "cut a server off", strike: (*faults).cutOff},
	{Name: "cut a server off for long", strike: (*faults).cutOffForLong},
	{Name: "cut one way", strike: (*faults).cutOneWay},
	{Name: "cut one link", strike: (*faults).cutLink},
	{Name: "delay", strike: (*faults).delay},
	{Name: "crash and restart", strike: (*faults).crash},
	{Name: "crash the leader", strike: (*faults).crashLeader},
	{Name: "crash all", strike: (*faults).crashAll},
	{Name: "pause", strike: (*faults).pause},
	{Name: "pause a slow leader", strike: (*faults).pauseSlowLeader, alone: true},
	{Name: "wipe", strike: (*faults).wipe, alone: true},
	{Name: "slow disk", strike: (*faults).slowDisk},
	{Name: "snapshot and install", strike: (*faults).install},
	{Name: "transfer", strike: (*faults).transfer},
	{Name: "transfer in vain", strike: (*faults).transferInVain, alone: true},
	{Name: "clock skew", strike: (*faults).skew},
}

// Changes are the kinds that change the membership, one at a time, while others strike.
// Those that are alone would otherwise lose data or a majority.
var Changes = []Fault{
	{Name: "join", strike: (*faults).join},
	{Name: "leave", strike: (*faults).leave},
	{Name: "demote and promote", strike: (*faults).demote},
	{Name: "replace", strike: (*faults).replace},
	{Name: "move", strike: (*faults).move},
	{Name: "copy", strike: (*faults).copied, alone: true},
	{Name: "wipe beside a laggard", strike: (*faults).wipeBesideLaggard, alone: true},
	{Name: "remove beside a laggard", strike: (*faults).removeBesideLaggard, alone: true},
}

// faults injects faults into a cluster.
type faults struct {
	cluster *Cluster
	rng     *rand.Rand
	errs    chan<- error
}

// victim returns the leader half of the time, where faults do most harm, else a random server.
func (f *faults) victim() string {
	if leader := f.cluster.Leader(); leader != "" && f.rng.IntN(2) == 0 {
		return leader
	}
	return f.cluster.IDs[f.rng.IntN(len(f.cluster.IDs))]
}

// runs reports whether a server has a running process to harm.
func (f *faults) runs(id string) bool { return f.cluster.Process(id) != nil }

// hold waits while a fault lasts, for less or more than an election takes.
func (f *faults) hold() {
	time.Sleep(100*time.Millisecond + time.Duration(f.rng.Int64N(int64(4*time.Second))))
}

func (f *faults) others(id string) []string {
	var others []string
	for _, other := range f.cluster.IDs {
		if other != id {
			others = append(others, other)
		}
	}
	return others
}

func (f *faults) cutOff() bool { return f.cutOffWhile(f.hold) }

// cutOffForLong lasts longer than a write may take. No other fault does, so only here do
// clients get UNCERTAIN.
func (f *faults) cutOffForLong() bool {
	return f.cutOffWhile(func() { time.Sleep(writeLongest + time.Duration(f.rng.Int64N(int64(4*time.Second)))) })
}

// writeLongest is longer than a node waits before it gives up a write.
const writeLongest = 6 * time.Second

func (f *faults) cutOffWhile(hold func()) bool {
	id := f.victim()
	runs := f.runs(id)
	for _, other := range f.others(id) {
		f.cluster.Network.Cut(id, other)
		f.cluster.Network.Cut(other, id)
	}
	hold()
	f.reconnect(id)
	return runs
}

// reconnect heals a server's links, at once or one after the other, since each real
// connection resends in its own time.
func (f *faults) reconnect(id string) {
	others := f.others(id)
	f.rng.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	gap := int64(30*time.Millisecond) * f.rng.Int64N(2)
	for _, other := range others {
		f.cluster.Network.Heal(id, other)
		f.cluster.Network.Heal(other, id)
		if gap > 0 {
			time.Sleep(time.Duration(f.rng.Int64N(gap)))
		}
	}
}

func (f *faults) cutOneWay() bool {
	id := f.victim()
	runs := f.runs(id)
	inward := f.rng.IntN(2) == 0
	for _, other := range f.others(id) {
		if inward {
			f.cluster.Network.Cut(other, id)
		} else {
			f.cluster.Network.Cut(id, other)
		}
	}
	f.hold()
	f.reconnect(id)
	return runs
}

func (f *faults) cutLink() bool {
	id := f.victim()
	others := f.others(id)
	other := others[f.rng.IntN(len(others))]
	runs := f.runs(id) && f.runs(other)
	f.cluster.Network.Cut(id, other)
	f.cluster.Network.Cut(other, id)
	f.hold()
	f.reconnect(id)
	return runs
}

func (f *faults) delay() bool {
	id := f.victim()
	runs := f.runs(id)
	for _, other := range f.others(id) {
		f.cluster.Network.Delay(id, other, time.Duration(f.rng.Int64N(int64(400*time.Millisecond))))
		f.cluster.Network.Delay(other, id, time.Duration(f.rng.Int64N(int64(400*time.Millisecond))))
	}
	f.hold()
	f.reconnect(id)
	return runs
}

func (f *faults) start(id string) {
	if err := f.cluster.Start(id); err != nil {
		f.errs <- err
	}
}

func (f *faults) startAll() {
	for _, id := range f.cluster.IDs {
		f.start(id)
	}
}

func (f *faults) crash() bool { return f.crashOne(f.victim()) }

func (f *faults) crashLeader() bool {
	if leader := f.cluster.Leader(); leader != "" {
		return f.crashOne(leader)
	}
	f.crash()
	return false
}

func (f *faults) crashOne(id string) bool {
	ran := f.cluster.Crash(id)
	f.hold()
	f.start(id)
	return ran
}

func (f *faults) crashAll() bool {
	all := true
	for _, id := range f.cluster.IDs {
		ran := f.cluster.Crash(id)
		all = all && ran
	}
	f.hold()
	f.startAll()
	return all
}

// pause stops a server for a while, often the leader.
func (f *faults) pause() bool {
	id := f.victim()
	runs := f.runs(id)
	f.stop(id, 100*time.Millisecond+time.Duration(f.rng.Int64N(int64(4*time.Second))))
	return runs
}

// pauseSlowLeader makes the server whose clock is slow the leader. Then it pauses that
// server for longer than an election takes and for less than its lease: the server wakes
// and believes that it leads, while another one does.
func (f *faults) pauseSlowLeader() bool {
	id := f.cluster.Slow
	if id == "" {
		id = f.victim()
	}
	for range 20 {
		if f.cluster.Leader() == id {
			break
		}
		f.handOver(id)
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(time.Duration(f.rng.Int64N(int64(time.Second))))
	longest := max(3*time.Second, f.cluster.Lease-500*time.Millisecond)
	d := 1200*time.Millisecond + time.Duration(f.rng.Int64N(int64(longest-1200*time.Millisecond)))
	quiet := lull
	if f.rng.IntN(2) == 0 {
		quiet = d // the first thing it hears is a new leader's heartbeat, or a client's write
	}
	for _, each := range f.cluster.IDs {
		f.cluster.Freeze(each, time.Now().Add(quiet))
	}
	time.Sleep(lull - time.Millisecond)
	n := f.cluster.Node(id)
	leads := n != nil && n.IsLeader()
	f.stop(id, d)
	return leads && id == f.cluster.Slow
}

const (
	// lull is the time for which all clients are silent before a leader halts, so that no command
	// waits for a reply then.
	lull = 50 * time.Millisecond
	// thawWithin bounds how long after the end of a halt a server does not hear its clients.
	thawWithin = 30 * time.Millisecond
)

// stop halts a server's disk, network and clients, and later lets them resume. What was
// under way arrives then, as after SIGCONT. Only the server's timers go on.
func (f *faults) stop(id string, d time.Duration) {
	until := time.Now().Add(d)
	f.cluster.disk(id).Slow(func() time.Duration { return max(0, time.Until(until)) })
	thaw := time.Duration(f.rng.Int64N(int64(thawWithin)))
	if f.rng.IntN(2) == 0 {
		thaw = time.Duration(f.rng.Int64N(int64(2*time.Millisecond))) - time.Millisecond
	}
	f.cluster.Freeze(id, until.Add(thaw))
	for _, other := range f.others(id) {
		f.cluster.Network.Cut(other, id)
	}
	time.Sleep(time.Millisecond) // what it has sent arrives and is answered
	for _, other := range f.others(id) {
		f.cluster.Network.Cut(id, other)
	}
	time.Sleep(time.Until(until))
	f.cluster.disk(id).Slow(nil)
	f.reconnect(id)
}

// wipe replaces a server's disk with an empty one. It waits until the cluster is whole, so
// that the cluster can afford the loss.
func (f *faults) wipe() bool {
	id := f.victim()
	if err := f.cluster.Await("whole before a wipe", time.Minute, f.cluster.Whole); err != nil {
		f.errs <- err
		return false
	}
	ran := f.cluster.Wipe(id)
	if f.rng.IntN(2) == 0 {
		f.hold()
	}
	f.start(id)
	if err := f.cluster.Await("whole after a wipe", time.Minute, f.cluster.Whole); err != nil {
		f.errs <- err
	}
	return ran
}

func (f *faults) slowDisk() bool {
	id := f.victim()
	worst := int64(time.Millisecond) << f.rng.IntN(10)
	delay := randomDelay(f.rng.Uint64(), worst)
	var slowed atomic.Bool // a write
	f.cluster.disk(id).Slow(func() time.Duration {
		slowed.Store(true)
		return delay()
	})
	f.hold()
	f.cluster.disk(id).Slow(nil)
	return slowed.Load()
}

// install makes a server miss more entries than the others' logs keep.
func (f *faults) install() bool {
	id := f.victim()
	f.cluster.Crash(id)
	f.hold()
	for _, other := range f.others(id) {
		if n := f.cluster.Node(other); n != nil {
			_ = n.Snapshot() // an error means that there was nothing new
		}
	}
	f.hold()
	before := f.cluster.Installed(id)
	f.start(id)
	return f.cluster.Await("install a snapshot", installWithin, func() error {
		if f.cluster.Installed(id) == before {
			return errors.New("none was restored")
		}
		return nil
	}) == nil
}

// installWithin bounds how long a restarted server needs to restore a snapshot from a
// leader.
const installWithin = 5 * time.Second

func (f *faults) transfer() bool {
	moved := false
	for range 1 + f.rng.IntN(3) {
		moved = f.handOver(f.cluster.IDs[f.rng.IntN(len(f.cluster.IDs))]) || moved
		time.Sleep(time.Duration(f.rng.Int64N(int64(2 * time.Second))))
	}
	return moved
}

// handOver asks the leader to transfer leadership to a server, whether or not it can
// reach it. That may fail, which is part of the test. handOver reports whether it worked.
func (f *faults) handOver(to string) bool {
	from := f.cluster.Leader()
	n := f.cluster.Node(from)
	if n == nil || from == to || f.cluster.Node(to) == nil {
		return false
	}
	return n.TransferLeadershipTo(f.cluster.disk(to).server()) == nil
}

// transferInVain asks the leader, once or twice, to transfer leadership to a server whose
// disk has stalled. The leader accepts no entries for a while, since the other does not
// catch up, and then accepts them again. (A server that does not answer is not even
// tried.)
func (f *faults) transferInVain() bool {
	refused := false
	for range 1 + f.rng.IntN(3) {
		id := f.cluster.Leader()
		n := f.cluster.Node(id)
		if n == nil {
			break
		}
		others := f.others(id)
		target := others[f.rng.IntN(len(others))]
		f.cluster.disk(target).Slow(func() time.Duration { return standstill })
		time.Sleep(time.Duration(f.rng.IntN(100)) * time.Millisecond) // it falls behind
		for range 1 + f.rng.IntN(2) {
			began := time.Now()
			err := n.TransferLeadershipTo(f.cluster.disk(target).server())
			refused = refused || err != nil && time.Since(began) >= vain
		}
		f.cluster.disk(target).Slow(nil)
		time.Sleep(time.Duration(100+f.rng.IntN(200)) * time.Millisecond)
	}
	return refused
}

// standstill is longer than the leader tries to transfer leadership.
const standstill = 2 * time.Second

// vain is the least time that Raft takes to give up a transfer. A transfer that the node
// does not even begin is refused at once.
const vain = 100 * time.Millisecond

// skew changes a server's wall clock, permanently.
func (f *faults) skew() bool {
	id := f.victim()
	clock := f.cluster.clock(id)
	clock.Skew(time.Duration(f.rng.Int64N(int64(20*time.Second))) - 10*time.Second)
	before := clock.Readings()
	f.transfer()
	return clock.Readings() > before
}

// driftTiming returns the timing of a server whose clock runs slowly by a factor. The
// server believes in its lease for longer than the others do.
func driftTiming(factor float64) node.Timing {
	stretch := func(d time.Duration) time.Duration { return time.Duration(float64(d) * factor) }
	return node.Timing{
		Heartbeat: stretch(time.Second), Election: stretch(time.Second),
		LeaderLease: stretch(time.Second), Commit: stretch(50 * time.Millisecond),
	}
}

// randomDelay returns a function that draws delays below worst, safe for concurrent use.
func randomDelay(seed uint64, worst int64) func() time.Duration {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 2))
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return time.Duration(rng.Int64N(worst))
	}
}
