package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kvorum/kvorum/scripts/damage/tracer"
)

// crash is one crash within a sequence: of one node, or frozen: of all at once.
type crash struct {
	trial
	sequence sequence
	all      bool
	at       int // the change at which it happens, from 1 on
	deed     tracer.Deed
	done     bool
}

func (k *crash) String() string {
	who := "one"
	if k.all {
		who = "all"
	}
	return fmt.Sprintf("%s/%s/%s/%s", k.sequence.title, k.deed, who, strconv.Itoa(k.at))
}

// place returns the flags that a node needs to find the cluster.
func (k *crash) place(n *node) []string {
	if !k.sequence.fresh {
		return []string{k.cluster.join(n), "--log-store=" + k.cluster.store}
	}
	var list []string
	for _, n := range k.cluster.nodes {
		list = append(list, n.id+"="+n.peer)
	}
	return []string{"--cluster=" + strings.Join(list, ","), "--log-store=" + k.cluster.store}
}

// run plays the sequence up to the crash, then starts everybody again.
func (k *crash) run() error {
	c := k.cluster
	c.kill()
	if err := k.restore(); err != nil {
		return err
	}
	defer c.kill()
	err := k.sequence.play(k)
	if err == nil {
		err = k.report()
	}
	for _, n := range c.nodes {
		n.order = nil
	}
	if err != nil {
		return fmt.Errorf("%v: %w", k, err)
	}
	if k.all {
		c.kill()
	}
	for _, n := range c.nodes {
		if n.runs() && !n.traced {
			continue
		}
		n.kill()
		if err := n.start(k.place(n)...); err != nil {
			return err
		}
	}
	k.comeBack()
	return nil
}

// restore makes the directories that the sequence begins with.
func (k *crash) restore() error {
	k.books = k.pristine.books.clone()
	if k.sequence.fresh {
		k.books = newBooks()
	}
	for i, n := range k.cluster.nodes {
		img := k.pristine.images[i]
		if k.sequence.fresh {
			img = nil
		}
		if err := img.restore(n.data); err != nil {
			return err
		}
		if err := os.RemoveAll(n.log); err != nil {
			return fmt.Errorf("empty the log of %s: %w", n.id, err)
		}
	}
	return nil
}

// report reads what the victims' tracers have counted.
func (k *crash) report() error {
	for _, n := range k.victims() {
		if n.cmd == nil || !n.traced {
			continue
		}
		_, done, err := tracer.Changes(n.report())
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // another was killed before this tracer began
			return err
		}
		k.done = k.done || done
	}
	return nil
}

// comeBack wants all nodes to serve again, with everything that was acknowledged.
func (k *crash) comeBack() {
	for _, n := range k.cluster.nodes {
		if err := await(prepareWithin, n.id+" to be ready", func() bool { return n.ready() || n.ended() }); err != nil || n.ended() {
			k.violate("GONE: %s does not come back: %s", n.id, n.lastWords())
			continue
		}
		k.read(n)
	}
	if len(k.violation) == 0 {
		k.agree(k.cluster.nodes[:])
	}
	k.outcome = harmlessOutcome
	if len(k.violation) > 0 {
		k.outcome = violated
	}
}

// crashes sweeps every sequence of one store.
func (p plan) crashes(ctx context.Context, store string, t *table) error {
	for _, s := range sequences {
		if len(p.sequences) > 0 && !slices.Contains(p.sequences, s.title) || s.title == "rotation" && store != "wal" {
			continue
		}
		err := p.beside(ctx, func(ctx context.Context, number int) error {
			return p.crashWork(ctx, store, s, share{number, t, p.log})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// crashWork runs a worker's part of one sequence: every p.workers-th change.
func (p plan) crashWork(ctx context.Context, store string, s sequence, part share) error {
	c, err := newCluster(p.kvorum, filepath.Join(p.dir, store+"-"+s.title+strconv.Itoa(part.number)), store, p.port+part.number*portsPerWorker)
	if err != nil {
		return err
	}
	defer c.close()
	pristine, err := prepareFor(c, s)
	if err != nil {
		return err
	}
	for _, all := range p.together {
		for _, deed := range p.deeds {
			from := crash{trial: trial{cluster: c, pristine: pristine}, sequence: s, all: all, deed: deed}
			if err := p.crashSweep(ctx, part, from); err != nil {
				return err
			}
		}
	}
	return nil
}

// crashSweep crashes at each change, until the sequence is over before.
func (p plan) crashSweep(ctx context.Context, part share, from crash) error {
	step := int(p.step)
	for at := 1 + part.number*step; from.sequence.most == 0 || at <= from.sequence.most; at += p.workers * step {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		k := from
		k.at = max(at, p.at)
		if err := k.run(); err != nil {
			return err
		}
		who := map[bool]string{false: "one", true: "all"}[k.all]
		part.table.add(part.to, strings.Join([]string{k.cluster.store, k.sequence.title, string(k.deed), who}, " "), k.cluster.store+"/"+k.String(), &k.trial)
		if !k.done || p.at > 0 {
			return nil // the sequence was over before
		}
	}
	return nil
}
