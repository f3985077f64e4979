package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/scripts/client"
	"github.com/kvorum/kvorum/scripts/damage/tracer"
)

// failing is one failed change of the leader's directory, while clients of every
// node write.
type failing struct {
	trial
	work   work
	at     int // the change that fails, from 1 on; 0: none
	deed   tracer.Deed
	done   bool
	gapMax time.Duration
	gap    time.Duration // the longest time without an answered write, for a client of another node
}

// work says what the leader does beside the clients' writes, and which changes count.
type work struct {
	title string
	only  string
	most  int // how many of the changes fail, 0 for all
	do    func(*failing)
}

var works = []work{
	{title: "writes", most: writesFailedMax, do: func(*failing) {}},
	{title: "snapshot", only: "snapshots/", do: (*failing).save},
	{title: "rotation", only: rotationChanges, do: (*failing).rotate},
}

// save has the leader take a snapshot, which may fail.
func (f *failing) save() {
	conn := client.Conn{Addr: f.cluster.nodes[0].addr, Within: failingFor}
	defer conn.Close()
	_, _ = ask(&conn, "SAVE")
}

// rotate fills a segment of the leader's log through another node.
func (f *failing) rotate() {
	conn := client.Conn{Addr: f.cluster.nodes[1].addr, Within: askWithin}
	defer conn.Close()
	value := strings.Repeat("\x00", bigValueBytes)
	for before := segments(f.cluster.nodes[0]); segments(f.cluster.nodes[0]) == before && f.cluster.nodes[0].runs(); {
		_, _ = ask(&conn, "SET", "big", value)
	}
}

func (f *failing) String() string { return fmt.Sprintf("%s/%s/%d", f.work.title, f.deed, f.at) }

// causes holds, for each deed, what the operator has to read.
var causes = map[tracer.Deed]string{tracer.EIO: "input/output error", tracer.NoSpace: "no space left on device"}

// run fails the change under load, restarts the node, and compares the books.
func (f *failing) run() error {
	c, leader := f.cluster, f.cluster.nodes[0]
	if err := f.begin(); err != nil {
		return err
	}
	defer c.kill()
	l := startLoad(c, f.books)
	defer l.stop()
	if err := await(prepareWithin, "writes through every node", l.flows); err != nil {
		return err
	}
	l.beginGap()
	leader.arm()
	f.work.do(f)
	over := time.Now().Add(failingFor)
	_ = await(failingFor, "the end of the leader", leader.ended) // it may go on
	time.Sleep(time.Until(over))
	f.gap = l.endGap()
	l.stop()
	for _, wrong := range l.wrong {
		f.violate("%s", wrong)
	}
	f.books = l.merged()
	changes, done, err := tracer.Changes(leader.report())
	if err != nil {
		return err
	}
	f.done = done
	f.judge(changes)
	return f.comeBack()
}

// begin restores the directories and starts the cluster with the first node leading.
func (f *failing) begin() error {
	c := f.cluster
	c.kill()
	f.books = f.pristine.books.clone()
	for i, n := range c.nodes {
		if err := f.pristine.images[i].restore(n.data); err != nil {
			return err
		}
		if err := os.RemoveAll(n.log); err != nil {
			return fmt.Errorf("empty the log of %s: %w", n.id, err)
		}
	}
	c.nodes[0].order = &tracer.Order{At: f.at, Deed: f.deed, Only: f.work.only, Repeats: repeatsMax}
	err := c.start(c.nodes[:]...)
	c.nodes[0].order = nil
	if err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := await(prepareWithin, n.id+" to be ready", n.ready); err != nil {
			return err
		}
	}
	return c.leads(c.nodes[0])
}

// judge wants a leader that has ended to have said why, and the others' clients
// not to have waited.
func (f *failing) judge(changes []string) {
	leader := f.cluster.nodes[0]
	f.outcome = harmlessOutcome
	if leader.ended() {
		f.outcome = noticedOutcome
		switch last := leader.lastWords(); {
		case !f.done:
			f.violate("ENDED: the leader has ended without a fault: %s", last)
		case !strings.Contains(last, causes[f.deed]):
			f.violate("UNNAMED: the leader ended after %s of %s and does not say so: %s", f.deed, changes[len(changes)-1], last)
		}
		if leader.panicked() {
			f.violate("TRACE: the leader ended with a stack trace: %s", leader.lastWords())
		}
	}
	if f.done && f.gap > f.gapMax {
		f.violate("GAP: clients of the other nodes waited %v after %s of %s", f.gap.Round(time.Millisecond), f.deed, changes[len(changes)-1])
	}
}

// comeBack restarts the leader and compares everything with the books.
func (f *failing) comeBack() error {
	c, leader := f.cluster, f.cluster.nodes[0]
	leader.kill()
	if err := c.start(leader); err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := await(prepareWithin, n.id+" to be ready", func() bool { return n.ready() || n.ended() }); err != nil || n.ended() {
			f.violate("GONE: %s does not come back: %s", n.id, n.lastWords())
			continue
		}
		f.read(n)
	}
	if len(f.violation) == 0 {
		f.trial.agree(c.nodes[:])
	}
	if len(f.violation) > 0 {
		f.outcome = violated
	}
	return nil
}

// load is a client of each node, which counts its own key up.
type load struct {
	clients []*loadClient
	stopped atomic.Bool
	running sync.WaitGroup

	mu    sync.Mutex
	wrong []string
	books *books
}

type loadClient struct {
	conn    client.Conn
	key     string
	books   *books // its own key
	written atomic.Int64

	mu   sync.Mutex
	last time.Time // when a write was answered
	gap  time.Duration
}

func startLoad(c *cluster, b *books) *load {
	l := &load{books: b}
	for _, n := range c.nodes {
		l.clients = append(l.clients, &loadClient{conn: client.Conn{Addr: n.addr, Within: askWithin}, key: "load:" + n.id, books: newBooks(), last: time.Now()})
	}
	for _, w := range l.clients {
		l.running.Go(func() { l.write(w) })
	}
	return l
}

func (l *load) write(w *loadClient) {
	defer w.conn.Close()
	for !l.stopped.Load() {
		wrong, err := w.books.incr(&w.conn, w.key)
		if wrong != "" {
			l.mu.Lock()
			l.wrong = append(l.wrong, wrong)
			l.mu.Unlock()
		}
		if err != nil {
			time.Sleep(pollPause)
			continue
		}
		w.written.Add(1)
		w.answered()
	}
}

func (w *loadClient) answered() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.gap = max(w.gap, now.Sub(w.last))
	w.last = now
}

// flows reports whether every client has been answered some writes.
func (l *load) flows() bool {
	for _, w := range l.clients {
		if w.written.Load() < writesBetween {
			return false
		}
	}
	return true
}

// beginGap forgets the gaps so far.
func (l *load) beginGap() {
	for _, w := range l.clients {
		w.mu.Lock()
		w.gap, w.last = 0, time.Now()
		w.mu.Unlock()
	}
}

// endGap is the longest time without an answer, for the clients of all nodes but the first.
func (l *load) endGap() time.Duration {
	var longest time.Duration
	for _, w := range l.clients[1:] {
		w.mu.Lock()
		longest = max(longest, w.gap, time.Since(w.last))
		w.mu.Unlock()
	}
	return longest
}

// stop ends the load once every client has its answer.
func (l *load) stop() {
	l.stopped.Store(true)
	l.running.Wait()
}

// merged returns what the clients know, after stop.
func (l *load) merged() *books {
	all := l.books.clone()
	for _, w := range l.clients {
		for key, c := range w.books.counters {
			all.counters[key] = c
		}
	}
	return all
}

// failings sweeps the works of one store.
func (p plan) failings(ctx context.Context, store string, t *table) error {
	c, err := newCluster(p.kvorum, filepath.Join(p.dir, store+"-failing"), store, p.port)
	if err != nil {
		return err
	}
	defer c.close()
	pristine, err := prepare(c, false)
	if err != nil {
		return err
	}
	for _, work := range works {
		if work.title == "rotation" && store != "wal" || len(p.sequences) > 0 && !slices.Contains(p.sequences, work.title) {
			continue
		}
		var gaps []time.Duration
		from := failing{trial: trial{cluster: c, pristine: pristine}, work: work, deed: tracer.EIO, gapMax: p.gapMax}
		if err := from.run(); err != nil {
			return err
		}
		p.print("%s %s without a fault: the longest gap was %v", store, work.title, from.gap.Round(time.Millisecond))
		for _, deed := range []tracer.Deed{tracer.EIO, tracer.NoSpace} {
			if p.at > 0 && !slices.Contains(p.deeds, deed) {
				continue
			}
			from.deed = deed
			more, err := p.failingSweep(ctx, share{0, t, p.log}, from)
			gaps = append(gaps, more...)
			if err != nil {
				return err
			}
		}
		slices.Sort(gaps)
		if len(gaps) > 0 {
			p.print("%s %s with a fault: gaps of %d cases: p50 %v, p90 %v, max %v", store, work.title, len(gaps), gaps[len(gaps)/2].Round(time.Millisecond),
				gaps[len(gaps)*9/10].Round(time.Millisecond), gaps[len(gaps)-1].Round(time.Millisecond))
		}
	}
	return nil
}

func (p plan) print(format string, args ...any) {
	fmt.Fprintf(p.log, format+"\n", args...)
}

// failingSweep fails one change after the other; writes go on for ever, so only
// the first of them.
func (p plan) failingSweep(ctx context.Context, part share, from failing) (gaps []time.Duration, err error) {
	for at := 1; from.work.most == 0 || at <= from.work.most; at += int(p.step) {
		if ctx.Err() != nil {
			return gaps, ctx.Err()
		}
		f := from
		f.trial, f.at = trial{cluster: from.cluster, pristine: from.pristine}, max(at, p.at)
		if err := f.run(); err != nil {
			return gaps, fmt.Errorf("%v: %w", &f, err)
		}
		if !f.done {
			return gaps, nil
		}
		gaps = append(gaps, f.gap)
		part.table.add(part.to, strings.Join([]string{f.cluster.store, f.work.title, string(f.deed)}, " "), f.cluster.store+"/"+f.work.title+"/"+string(f.deed)+"/"+strconv.Itoa(f.at), &f.trial)
		if p.at > 0 {
			break
		}
	}
	return gaps, nil
}
