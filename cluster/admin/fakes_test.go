package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/fsm/setting"
)

// world is a node in memory, as far as an Admin sees one.
type world struct {
	mu        sync.Mutex
	status    Status
	servers   []Server
	stored    map[string]uint64
	databases []Database
	values    *setting.Values
	tuned     map[string]string
	refuse    string // the setting that Tune refuses
	written   reply.Value
	writing   func() // what a write waits for
	snapshots int
	snapshot  func(context.Context) error
	stalled   time.Duration
	digest    func(whole bool) cluster.DigestReport
	stopped   []bool // the argument of each Shutdown
	resets    int
	counters  map[string][][2]string
	links     []Link
	changes   []string                    // what Members was asked for
	change    func(context.Context) error // what becomes of it; nil: it is made
}

const start = 1_700_000_000

func newWorld(servers ...string) *world {
	w := &world{
		status: Status{State: "leader", Leading: true, Ready: true, Leader: servers[0] + "@1",
			Term: 3, LastIndex: 43, LastTerm: 3, Alarm: AlarmStatus{State: "none"}, CommitIndex: 42, AppliedIndex: 42},
		stored: map[string]uint64{},
		values: setting.NewValues(),
		tuned:  map[string]string{},
	}
	for i, id := range servers {
		port := string(rune('0' + i))
		w.servers = append(w.servers, Server{
			Server:     member.Server{ID: id + "@1", PeerAddr: "127.0.0.1:1638" + port, Voter: true},
			ClientAddr: "127.0.0.1:638" + port, Reachable: true})
		w.stored[id+"@1"] = 42
	}
	return w
}

func (w *world) admin(t *testing.T, change func(*Config)) *Admin {
	t.Helper()
	cfg := Config{Server: w.servers[0].ID, Cluster: "c0ffee", Boot: 1, Version: "1.2.3", LogStore: "bolt",
		ClientPort: 6380, Now: func() time.Time { return time.Unix(start, 0) },
		Executor: w, Member: w, Roster: w, Members: w, Upgrader: w, Auditor: w, Settings: w, Tuner: w, Statistics: []Statistics{w}, Process: w}
	if change != nil {
		change(&cfg)
	}
	a := New(cfg, nil)
	t.Cleanup(a.Close)
	return a
}

func (w *world) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

func (w *world) Snapshot(ctx context.Context) error {
	w.mu.Lock()
	w.snapshots++
	f := w.snapshot
	w.mu.Unlock()
	if f != nil {
		return f(ctx)
	}
	return nil
}

func (w *world) Digest(_ context.Context, whole bool) (cluster.DigestReport, error) {
	if w.digest == nil {
		return cluster.DigestReport{}, errors.New("no leader")
	}
	return w.digest(whole), nil
}

func (w *world) Stall(_ context.Context, d time.Duration) { w.stalled += d }

func (w *world) Databases() []Database { return w.databases }

func (w *world) Servers() []Server { return w.servers }

func (w *world) Stored(_ context.Context, server string) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	index, ok := w.stored[server]
	if !ok {
		return 0, errors.New("no answer")
	}
	return index, nil
}

func (w *world) Links() []Link { return w.links }

// ask notes a change of the members.
func (w *world) ask(ctx context.Context, what ...any) error {
	w.mu.Lock()
	w.changes = append(w.changes, strings.TrimSuffix(fmt.Sprintln(what...), "\n"))
	f := w.change
	w.mu.Unlock()
	if f != nil {
		return f(ctx)
	}
	return nil
}

func (w *world) Invite(ctx context.Context, addr string, voter bool) error {
	return w.ask(ctx, "invite", addr, voter)
}

func (w *world) Remove(ctx context.Context, server string, force bool) error {
	return w.ask(ctx, "remove", server, force)
}

func (w *world) Promote(ctx context.Context, server string) error {
	return w.ask(ctx, "promote", server)
}

func (w *world) Demote(ctx context.Context, server string, force bool) error {
	return w.ask(ctx, "demote", server, force)
}

func (w *world) Transfer(ctx context.Context, server string) error {
	return w.ask(ctx, "transfer", server)
}

func (w *world) Upgrade() cluster.UpgradeStatus {
	return cluster.UpgradeStatus{Active: 1, Newest: 2, Waits: "n2, which does not answer"}
}

func (w *world) FinishUpgrade(ctx context.Context) error { return w.ask(ctx, "finish", "") }

func (w *world) Setting(name string) (string, bool) { return w.values.Get(name) }

func (w *world) Tune(name, value string) error {
	if name == w.refuse {
		return errors.New("the system says no")
	}
	w.tuned[name] = value
	return nil
}

func (w *world) InfoFields(section string) [][2]string { return w.counters[section] }

func (w *world) ResetStats() { w.resets++ }

func (w *world) Shutdown(now bool) { w.stopped = append(w.stopped, now) }

// Write runs what CONFIG SET sends through the log on the world's settings.
func (w *world) Write(_ context.Context, calls []*command.Call) {
	if w.writing != nil {
		w.writing()
	}
	for _, call := range calls {
		call.Reply = w.written
		if w.written.IsError() {
			continue
		}
		c := &command.Context{Args: call.Args, Settings: w.values, Command: call.Command}
		call.Reply = call.Command.Run(c)
	}
}

// do sends one command line as a connection would.
func do(t *testing.T, a *Admin, line ...string) reply.Value {
	t.Helper()
	call := call(t, line...)
	if call.Command == nil {
		return call.Reply
	}
	if !a.Run(t.Context(), call) {
		t.Fatalf("%q is not answered by the administration", strings.Join(line, " "))
	}
	return call.Reply
}

// call looks a command line up as a connection would.
func call(t *testing.T, line ...string) *command.Call {
	t.Helper()
	args := make([][]byte, len(line))
	for i, word := range line {
		args[i] = []byte(word)
	}
	row, refusal := command.Lookup(args)
	return &command.Call{Command: row, Args: args, Reply: refusal}
}

// text renders a reply for comparison with an expected one.
func text(v reply.Value) string {
	return strings.ReplaceAll(string(reply.AppendRESP(nil, v, 2)), "\r\n", " ")
}
