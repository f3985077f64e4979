package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kvorum/kvorum/scripts/damage/tracer"
)

// plan says which cases are run.
type plan struct {
	kvorum  string    // the binary
	log     io.Writer // of violations, as they are found
	dir     string
	stores  []string
	files   []string // kinds of file, none for all
	kinds   []string
	scenes  []string
	sampled bool // a few damages of each kind, each in one scene
	sealed  bool // with a full segment of the log
	stride  int64

	together  []bool   // whether one node is killed, or all
	sequences []string // that are cut short, none for all
	deeds     []tracer.Deed
	step      int64 // every so many-th change of a sequence
	gapMax    time.Duration
	show      []string // outcomes whose cases are printed

	workers int
	port    int
	only    string // one case, as a violation names it
	at      int    // the only change to crash at, 0 for all
}

// sweep runs the cases of one store and fills the table.
func (p plan) sweep(ctx context.Context, store string, t *table) error {
	return p.beside(ctx, func(ctx context.Context, number int) error { return p.work(ctx, store, share{number, t, p.log}) })
}

// beside runs the plan's workers; the first that fails ends the others.
func (p plan) beside(ctx context.Context, work func(ctx context.Context, number int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	for i := range p.workers {
		workers.Go(func() {
			if err := work(ctx, i); err != nil {
				cancel(fmt.Errorf("worker %d: %w", i, err)) // the first counts
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// share is one worker's part.
type share struct {
	number int
	table  *table
	to     io.Writer
}

// work runs every case whose turn is this worker's: its directories carry its
// own ports and are its own.
func (p plan) work(ctx context.Context, store string, s share) error {
	c, err := newCluster(p.kvorum, filepath.Join(p.dir, store+strconv.Itoa(s.number)), store, p.port+s.number*portsPerWorker)
	if err != nil {
		return err
	}
	defer c.close()
	pristine, err := prepare(c, p.sealed)
	if err != nil {
		return err
	}
	for turn, h := range p.harms(pristine.images[0]) {
		if turn%p.workers != s.number {
			continue
		}
		if p.sampled {
			p.scenes = []string{scenes[turn%len(scenes)].title}
		}
		if err := p.play(ctx, c, s, trial{cluster: c, pristine: pristine, harm: h}); err != nil {
			return err
		}
	}
	return nil
}

// play runs the scenes of one damage.
func (p plan) play(ctx context.Context, c *cluster, s share, from trial) error {
	refused := false
	for _, scene := range scenes {
		reproduce := c.store + "/" + from.harm.String() + "/" + scene.title
		if p.only != "" && p.only != reproduce || !slices.Contains(p.scenes, scene.title) {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		result := from
		if refused && scene.title == "restart" {
			result.outcome = refusedOutcome // before it asks anybody
		} else if err := result.run(scene); err != nil {
			return err
		}
		if result.slow() {
			fmt.Fprintf(s.to, "-only %s: played again, after %s\n", reproduce, result.violation[0])
			result = from
			if err := result.run(scene); err != nil {
				return err
			}
		}
		refused = refused || scene.title == "alone" && result.outcome == refusedOutcome
		title := strings.Join([]string{c.store, from.harm.file, from.harm.kind, scene.title}, " ")
		s.table.add(s.to, title, reproduce, &result)
	}
	return nil
}

// harms lists the damages that the plan asks for, in a fixed order.
func (p plan) harms(img image) []harm {
	byPath := fileKinds(img)
	var all []harm
	for _, path := range slices.SortedFunc(maps.Keys(byPath), func(a, b string) int { return strings.Compare(byPath[a]+a, byPath[b]+b) }) {
		file := byPath[path]
		if len(p.files) > 0 && !slices.Contains(p.files, file) {
			continue
		}
		for _, kind := range p.kinds {
			found := img[path].each(harm{file: file, path: path, kind: kind}, p.stride)
			if p.sampled {
				found = img[path].sample(found)
			}
			all = append(all, found...)
		}
	}
	if p.only == "" {
		return all
	}
	return slices.DeleteFunc(all, func(h harm) bool { return !strings.Contains("/"+p.only+"/", "/"+h.String()+"/") })
}
