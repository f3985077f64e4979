package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/transport/peer/pipe"
)

// The world of a test: machines with disks, a network of pipes, and a model of
// Raft that keeps its promises: a cluster has a leader exactly when a majority
// of its voters runs, one of which holds its configuration.

var errCrashed = errors.New("the process has crashed")

// disk is a vault that survives its processes.
type disk struct {
	mu       sync.Mutex
	identity member.Identity
	boot     uint64
	hasState bool
	held     bool                   // the operator holds upgrades
	known    []member.Server        // the configuration in its log
	onWrite  func(after bool) error // called before and after each
}

func (d *disk) Identity() member.Identity {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.identity
}

func (d *disk) Promise(f member.Formation) error {
	return d.write(func(i *member.Identity) error {
		if i.Promise != nil {
			if !sameFormation(i.Promise, &f) {
				return errors.New("promised otherwise")
			}
			return nil
		}
		if i.Cluster != "" {
			return errors.New("belongs to a cluster")
		}
		i.Promise, i.Cluster = &f, f.Cluster
		return nil
	})
}

func (d *disk) Join(cluster string, seeds []string) error {
	return d.write(func(i *member.Identity) error {
		if i.Cluster != "" && i.Cluster != cluster {
			return errors.New("belongs to another cluster")
		}
		i.Cluster, i.Seeds = cluster, seeds
		return nil
	})
}

func (d *disk) Settle() error {
	return d.write(func(i *member.Identity) error {
		i.Settled = true
		return nil
	})
}

func (d *disk) UpgradeHeld() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held
}

func (d *disk) write(f func(*member.Identity) error) error {
	time.Sleep(time.Millisecond)
	if err := d.hook(false); err != nil {
		return err
	}
	d.mu.Lock()
	err := f(&d.identity)
	d.mu.Unlock()
	return errors.Join(err, d.hook(true))
}

func (d *disk) setHook(hook func(after bool) error) {
	d.mu.Lock()
	d.onWrite = hook
	d.mu.Unlock()
}

func (d *disk) hook(after bool) error {
	d.mu.Lock()
	hook := d.onWrite
	d.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(after)
}

// group is the model of one cluster's Raft.
type group struct {
	servers []member.Server
	index   uint64 // of the configuration
	led     bool   // it has had a leader
	applied uint64
	leading string // who was given leadership: it leads as long as it can
	changes []string
	boots   map[string]uint64
	version uint8 // of the machine, less 1
	raises  []string
}

type world struct {
	t    *testing.T
	net  *pipe.Network
	ids  []string
	list map[string][]Listed // per id, so that lists may differ
	addr map[string]string   // per id, where it is not id:1
	with map[string]func(*Config)

	mu       sync.Mutex
	groups   map[string]*group
	disks    map[string]*disk
	running  map[string]*process
	wipes    int
	messages []string
	dials    map[string]int
	onDial   func(id string, n int)

	opens           chan struct{} // a member that starts waits for it to be closed; nil: it does not
	removeDeadAfter time.Duration
}

// process is one run of a server.
type process struct {
	world   *world
	id      string
	addr    string
	disk    *disk
	service *Service
	cancel  context.CancelFunc
	done    chan struct{}

	mu     sync.Mutex
	dead   bool
	opened bool // its member runs
	lag    uint64
	wrong  bool // its machine has diverged
	err    error
}

func newWorld(t *testing.T, size int) *world {
	w := &world{
		t: t, net: pipe.New(), list: map[string][]Listed{}, groups: map[string]*group{},
		addr: map[string]string{}, with: map[string]func(*Config){},
		disks: map[string]*disk{}, running: map[string]*process{}, dials: map[string]int{},
	}
	var all []Listed
	for i := range size {
		id := fmt.Sprintf("n%d", i+1)
		w.ids = append(w.ids, id)
		all = append(all, Listed{ID: id, PeerAddr: id + ":1"})
	}
	for _, id := range w.ids {
		w.list[id] = all
		w.wipe(id)
	}
	t.Cleanup(func() {
		for _, id := range w.ids {
			w.crash(id)
		}
		if open := w.net.Open(); open != 0 {
			t.Errorf("%d ends of connections are still open", open)
		}
	})
	return w
}

// wipe gives a machine an empty disk; its process must not run.
func (w *world) wipe(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wipes++
	w.disks[id] = &disk{identity: member.Identity{Server: fmt.Sprintf("%s@%d", id, w.wipes)}}
}

// add makes a machine that starts with this configuration and no list.
func (w *world) add(id string, with func(*Config)) {
	w.ids = append(w.ids, id)
	w.with[id] = with
	w.wipe(id)
}

// start runs a server as cmd does: Form, the member, Attach, Settle.
func (w *world) start(id string) *process {
	w.t.Helper()
	addr := cmp.Or(w.addr[id], id+":1")
	l, err := w.net.Listen(addr)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{world: w, id: id, addr: addr, cancel: cancel, done: make(chan struct{})}
	w.mu.Lock()
	p.disk = w.disks[id]
	w.running[id] = p
	w.mu.Unlock()
	p.disk.mu.Lock()
	p.disk.boot++
	boot := p.disk.boot
	p.disk.mu.Unlock()
	dial := w.net.Dialer(addr)
	cfg := Config{
		Members: w.list[id], Vault: p.disk, Versions: newRelease, Hold: p.disk, Boot: boot, Listener: l, Advertise: addr, Logger: slog.New(&capture{w, id}),
		Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			if err := w.dialled(p); err != nil {
				return nil, err
			}
			return dial(ctx, addr)
		},
	}
	if with := w.with[id]; with != nil {
		with(&cfg)
	}
	p.service, err = Open(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		err := p.run(ctx)
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
	}()
	return p
}

func (w *world) dialled(p *process) error {
	if p.isDead() {
		return errCrashed
	}
	w.mu.Lock()
	w.dials[p.id]++
	n, hook := w.dials[p.id], w.onDial
	w.mu.Unlock()
	if hook != nil {
		hook(p.id, n)
	}
	return nil
}

func (p *process) run(ctx context.Context) error {
	p.disk.mu.Lock()
	hasState, known := p.disk.hasState, p.disk.known
	p.disk.mu.Unlock()
	start, err := p.service.Form(ctx, hasState, known)
	if err != nil {
		return err
	}
	if p.isDead() {
		return errCrashed
	}
	if start.Action == Bootstrap {
		p.world.bootstrap(start, p.disk)
	}
	p.world.mu.Lock()
	opens := p.world.opens
	p.world.mu.Unlock()
	if opens != nil {
		<-opens
	}
	p.mu.Lock()
	p.opened = true
	p.mu.Unlock()
	p.world.register(start.Cluster, p)
	p.service.Attach(fakeMember{p}, fakeMember{p}, fakeMember{p})
	return p.service.Settle(ctx)
}

// register tells the log a boot, as a process does first. The log refuses a lower one than it has.
func (w *world) register(cluster string, p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g := w.groups[cluster]; g != nil {
		if g.boots == nil {
			g.boots = map[string]uint64{}
		}
		server := p.disk.Identity().Server
		g.boots[server] = max(g.boots[server], p.service.cfg.Boot)
	}
}

// process returns the process that runs on a machine, nil for none.
func (w *world) process(id string) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[id]
}

func (p *process) isDead() bool {
	if p == nil {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// kill marks a process dead: nothing that it does reaches anything any more.
func (p *process) kill() {
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	p.cancel()
}

// crash ends a process and waits for its goroutines.
func (w *world) crash(id string) {
	w.mu.Lock()
	p := w.running[id]
	delete(w.running, id)
	w.mu.Unlock()
	if p == nil {
		return
	}
	p.kill()
	p.service.Close()
	<-p.done
}

func (w *world) bootstrap(start Start, d *disk) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.groups[start.Cluster] == nil {
		w.groups[start.Cluster] = &group{servers: slices.Clone(start.Formation.Servers), index: 1, applied: 1}
	}
	d.mu.Lock()
	d.hasState = true
	d.mu.Unlock()
}

// leader is the model's election; it replicates to every server that runs. The
// caller holds mu.
func (w *world) leader(cluster string) (leader *process) {
	g := w.groups[cluster]
	if g == nil {
		return nil
	}
	up := 0
	var followers []*process
	for _, s := range g.servers {
		p := w.runs(s, cluster)
		if p == nil {
			continue
		}
		followers = append(followers, p)
		if s.Voter {
			up++
			p.disk.mu.Lock()
			if p.disk.hasState && (leader == nil || s.ID == g.leading) {
				leader = p
			}
			p.disk.mu.Unlock()
		}
	}
	if up <= voters(g.servers)/2 || leader == nil {
		return nil
	}
	g.led = true
	for _, p := range followers {
		p.disk.mu.Lock()
		p.disk.hasState, p.disk.known = true, slices.Clone(g.servers)
		p.disk.mu.Unlock()
	}
	return leader
}

// runs finds the process that serves as a server of a cluster at the address
// that the configuration has for it, nil for none. The caller holds mu.
func (w *world) runs(s member.Server, cluster string) *process {
	for _, p := range w.running {
		if p.addr == s.PeerAddr && p.serves(s.ID, cluster) {
			return p
		}
	}
	return nil
}

// serves reports whether a process runs the member of a server of a cluster.
func (p *process) serves(server, cluster string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	identity := p.disk.Identity()
	return !p.dead && p.opened && identity.Server == server && identity.Cluster == cluster
}

// fakeMember is a process's member.
type fakeMember struct{ *process }

func (m fakeMember) group() (*group, string) {
	cluster := m.disk.Identity().Cluster
	return m.world.groups[cluster], cluster
}

func (m fakeMember) AcceptForward(_ string, batch []byte, answer func(error)) {
	if m.Leader() != m.disk.Identity().Server {
		answer(ErrNotLeader)
		return
	}
	if string(batch) == "busy" {
		answer(ErrBusy)
		return
	}
	if string(batch) == "malformed" {
		answer(&Refused{"no such command"})
		return
	}
	if string(batch) == "broken" {
		answer(errors.New("leadership lost"))
		return
	}
	answer(nil)
}

func (m fakeMember) AnswerReadIndex(server string, term uint64, answer func(ReadAnswer, error)) {
	if m.Leader() != m.disk.Identity().Server {
		answer(ReadAnswer{}, ErrNotLeader)
		return
	}
	answer(ReadAnswer{Index: uint64(len(server)), Term: term, StampMS: -1}, nil)
}

func (m fakeMember) CurrentTerm() uint64 { return 7 }

func (m fakeMember) HearBeat(string, Beat) BeatAnswer { return BeatAnswer{} }

func (m fakeMember) AnswerSilence(_ SilenceQuestion, answer func(SilenceAnswer)) {
	answer(SilenceAnswer{})
}

func (m fakeMember) State() State {
	m.world.mu.Lock()
	defer m.world.mu.Unlock()
	g, _ := m.group()
	if g == nil {
		return State{}
	}
	return State{Stored: g.applied + 1, Applied: g.applied - min(g.applied, m.lag), Term: 7, Leader: "somebody", Diverged: m.wrong}
}

func (m fakeMember) Servers() []member.Server {
	m.world.mu.Lock()
	defer m.world.mu.Unlock()
	m.disk.mu.Lock()
	hasState := m.disk.hasState
	m.disk.mu.Unlock()
	g, _ := m.group()
	if g == nil || !hasState {
		return nil
	}
	return slices.Clone(g.servers)
}

func (m fakeMember) Leader() string {
	m.world.mu.Lock()
	defer m.world.mu.Unlock()
	_, cluster := m.group()
	p := m.world.leader(cluster)
	if p == nil {
		return ""
	}
	return p.disk.Identity().Server
}

// lead runs f on the group if this member leads.
func (m fakeMember) lead(f func(*group) error) error {
	time.Sleep(time.Millisecond)
	m.world.mu.Lock()
	defer m.world.mu.Unlock()
	g, cluster := m.group()
	if m.world.leader(cluster) != m.process {
		return ErrNotLeader
	}
	return f(g)
}

func (m fakeMember) Committed(context.Context) (now Configuration, err error) {
	err = m.lead(func(g *group) error {
		now = Configuration{Index: g.index, Servers: slices.Clone(g.servers)}
		return nil
	})
	return now, err
}

// Change does what Raft does, which checks little: a wrong step shows.
func (m fakeMember) Change(_ context.Context, c Change) error {
	return m.lead(func(g *group) error {
		if c.From != 0 && c.From != g.index {
			return fmt.Errorf("the configuration is at %d, and the change starts from %d", g.index, c.From)
		}
		i := slices.IndexFunc(g.servers, func(s member.Server) bool { return s.ID == c.Server.ID })
		own := c.Server.ID == m.disk.Identity().Server
		switch {
		case own && (c.Step == StepRemove || c.Step == StepDemote):
			return errors.New("a leader takes its own vote away, and nobody leads until an election")
		case c.Step == StepRemove && i >= 0:
			g.servers = slices.Delete(g.servers, i, i+1)
		case c.Step == StepAdd && i < 0:
			g.servers = append(g.servers, member.Server{ID: c.Server.ID, PeerAddr: c.Server.PeerAddr})
		case c.Step == StepPromote && i >= 0:
			g.servers[i].Voter = true
		case c.Step == StepDemote && i >= 0:
			g.servers[i].Voter = false
		case c.Step == StepMove && i >= 0:
			g.servers[i].PeerAddr = c.Server.PeerAddr
		default:
			return fmt.Errorf("step %d of %s makes no sense in %v", c.Step, c.Server.ID, g.servers)
		}
		g.index++
		g.changes = append(g.changes, fmt.Sprintf("%d %s", c.Step, c.Server.ID))
		return nil
	})
}

func (m fakeMember) Transfer(_ context.Context, server string) error {
	return m.lead(func(g *group) error {
		_, cluster := m.group()
		for _, s := range g.servers {
			if s.Voter && s.ID != m.disk.Identity().Server && (server == "" || s.ID == server) && m.world.runs(s, cluster) != nil {
				g.leading = s.ID
				return nil
			}
		}
		return errors.New("nobody to lead")
	})
}

func (m fakeMember) Raise(_ context.Context, version uint8, term uint64) error {
	return m.lead(func(g *group) error {
		if term != m.CurrentTerm() {
			return ErrNotLeader
		}
		for _, s := range g.servers {
			if p := m.world.runs(s, m.service.endpoint.Cluster()); p != nil && p.service.cfg.Versions.Newest < version {
				m.world.t.Errorf("raised to version %d, which %s does not know", version, s.ID)
			}
		}
		g.version = version - 1
		g.raises = append(g.raises, fmt.Sprint(version))
		return nil
	})
}

func (m fakeMember) Version() uint8 {
	m.world.mu.Lock()
	defer m.world.mu.Unlock()
	g, _ := m.group()
	if g == nil {
		return 1
	}
	return g.version + 1
}

func (m fakeMember) Boot(server string) uint64 {
	m.world.mu.Lock()
	defer m.world.mu.Unlock()
	g, _ := m.group()
	return g.boots[server]
}

func (m fakeMember) RemoveDeadAfter() time.Duration {
	m.world.mu.Lock()
	defer m.world.mu.Unlock()
	return m.world.removeDeadAfter
}

// capture keeps what the servers log.
type capture struct {
	world *world
	id    string
}

func (c *capture) Enabled(context.Context, slog.Level) bool { return true }
func (c *capture) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *capture) WithGroup(string) slog.Handler            { return c }
func (c *capture) Handle(_ context.Context, r slog.Record) error {
	text := c.id + ": " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	c.world.mu.Lock()
	c.world.messages = append(c.world.messages, text)
	c.world.mu.Unlock()
	return nil
}

// said reports whether any server has logged a text.
func (w *world) said(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.messages, func(m string) bool { return strings.Contains(m, text) })
}

// saidBy reports whether one server has logged a text.
func (w *world) saidBy(id, text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.messages, func(m string) bool { return strings.HasPrefix(m, id+": ") && strings.Contains(m, text) })
}

// whole returns nil when one cluster has exactly the present disks as voters,
// all of them running.
func (w *world) whole() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var led []string
	for cluster := range w.groups {
		if w.leader(cluster) != nil {
			led = append(led, cluster)
		}
	}
	if len(led) != 1 {
		return fmt.Errorf("%d clusters have a leader", len(led))
	}
	have := map[string]bool{}
	for _, s := range w.groups[led[0]].servers {
		have[s.ID] = s.Voter
	}
	for _, id := range w.ids {
		if server := w.disks[id].Identity().Server; !have[server] {
			return fmt.Errorf("%s is no voter of %v", server, have)
		}
		if w.running[id] == nil {
			return fmt.Errorf("%s does not run", id)
		}
	}
	if len(have) != len(w.ids) {
		return fmt.Errorf("the configuration is %v", have)
	}
	return nil
}

// everLed counts the clusters that have ever had a leader: more than one is a
// split brain.
func (w *world) everLed() (count int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.groups {
		if g.led {
			count++
		}
	}
	return count
}

// await polls a condition for virtual time.
func (w *world) await(what string, condition func() error) {
	w.t.Helper()
	if err := w.within(time.Minute, condition); err != nil {
		w.t.Fatalf("%s: %v; the log:\n%s", what, err, strings.Join(w.messages, "\n"))
	}
}

func (w *world) within(limit time.Duration, condition func() error) (err error) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = condition(); err == nil {
			return nil
		}
	}
	return err
}

// inWorld runs f with a world in a synctest bubble.
func inWorld(t *testing.T, size int, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(newWorld(t, size)) })
}
