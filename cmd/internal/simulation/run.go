package simulation

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Limits of one run.
const (
	clients           = 5
	operationsEach    = 48  // at least 240 in all
	operationsMost    = 160 // bound while faults strike: checking a longer history takes too long
	diaryEntries      = 200
	bulkyUsually      = 16
	faultsEach        = 3
	settleLimit       = 2 * time.Minute // virtual time in which the healed cluster must agree
	checkLimit        = 30 * time.Second
	driftFactorMax    = 3
	faultPauseLongest = 2 * time.Second
	// One seed in aloneOneIn has a cluster that one server founded; no regression's seed does.
	aloneOneIn, aloneSeed = 7, 2
)

// Scenario describes a run. What it leaves out is drawn from the seed.
type Scenario struct {
	Seed    uint64
	Kinds   []string // the faults to draw from; nil: all
	Script  []string // the faults to inject, in this order; nil: three are drawn
	Size    int      // the number of servers; 0: three or five
	Guests  int      // machines that may join; if there are any, the membership changes while other faults strike
	Drift   float64  // the factor by which one server's clock is slow; 0: in one run of three, 1 to driftFactorMax
	Mix     []share  // what clients do; nil: the usual
	Diaries int      // the number of diaries; 0: one
	Mixed   bool     // some servers run the first release, and upgrades are among the faults
	Alone   bool     // one server founds the cluster and the others join it; some seeds do so anyway
	Names   bool     // a planted fault: a wiped server keeps its name
	Bulky   int      // one of a diarist's pipelines in this many carries large values; 0: the usual
	Quiet   bool     // no entry is made merely to ask for a digest
	Log     uint64   // how many entries a log may hold before a snapshot; 0: few
	Logger  *slog.Logger
}

// Report says what happened in a run.
type Report struct {
	Faults    []string // the faults that were drawn, in order
	Struck    []string // those that did harm, as far as they can tell
	Installed uint64   // snapshots that servers restored from leaders
	Unjudged  bool     // whether the checker of histories gave up
	Uncertain int64    // UNCERTAIN replies of living servers; what a dead one said does not count
	Late      int      // numbers of unknown outcome that come after later ones in a diary
	Scans     int      // scans that reached their end
	History   *History
}

// broken is the error for a broken promise, other than a history that is not linearizable.
type broken struct{ text string }

func (b *broken) Error() string { return b.text }

// Run simulates one scenario and returns an error for a broken promise. It must be called
// in a synctest bubble. The caller checks the history, outside the bubble.
func Run(s Scenario) (report Report, err error) {
	rng := rand.New(rand.NewPCG(s.Seed, 0))
	c := s.cluster(rng)
	defer c.Stop()
	for _, id := range c.IDs {
		if err := c.Start(id); err != nil {
			return report, err
		}
	}
	if err := c.Await("first start", time.Minute, c.Whole); err != nil {
		return report, err
	}
	w := newWorkload(c, rng, s)
	if err := w.scanner.prepare(); err != nil {
		return report, err
	}
	w.begin()
	err = harm(c, rng, s, &report)
	w.end()
	report.History, report.Uncertain, report.Scans = w.history, w.uncertain.Load(), w.scanner.scans
	if err == nil {
		err = settle(c)
	}
	for _, id := range c.IDs {
		report.Installed += c.Installed(id)
	}
	if err == nil {
		err = w.judge()
		report.Late = w.late()
	}
	return report, errors.Join(c.Wrong(), err)
}

// cluster makes the machines of a scenario.
func (s Scenario) cluster(rng *rand.Rand) *Cluster {
	size := 3
	if rng.IntN(3) == 0 {
		size = 5
	}
	if s.Size > 0 {
		size = s.Size
	}
	c := NewCluster(size, rng, s.Logger)
	if s.Alone || s.Seed%aloneOneIn == aloneSeed && !s.Mixed {
		c.foundAlone()
	}
	c.AddGuests(s.Guests)
	c.keepNames = s.Names
	if s.Mixed {
		c.mix(s.Seed)
	}
	if s.Quiet {
		c.digests.Every = time.Hour
	}
	if s.Log > 0 {
		c.policy.Entries, c.policy.Trailing = s.Log, s.Log
	}
	drift := s.Drift
	if rng.IntN(3) == 0 && drift == 0 {
		drift = 1 + rng.Float64()*(driftFactorMax-1)
	}
	if drift > 0 {
		c.Slow = c.IDs[rng.IntN(size)]
		c.timing[c.Slow] = driftTiming(drift)
		c.Lease = c.timing[c.Slow].LeaderLease
	}
	return c
}

// script returns the names of the faults to inject, in order.
func (s Scenario) script(rng *rand.Rand) (names []string) {
	if len(s.Script) > 0 {
		return s.Script
	}
	draw := func(from []Fault) { names = append(names, from[rng.IntN(len(from))].Name) }
	for range faultsEach {
		switch {
		case len(s.Kinds) > 0:
			names = append(names, s.Kinds[rng.IntN(len(s.Kinds))])
		case s.Mixed && s.Guests > 0:
			draw(Upgrades)
			draw(Changes)
		case s.Mixed:
			draw(Upgrades)
			draw(Faults)
		case s.Guests > 0:
			draw(Changes)
			draw(Faults)
		case rng.IntN(3) == 0:
			draw(DiskFaults)
		default:
			draw(Faults)
		}
	}
	return names
}

func kindOf(name string) Fault {
	kinds := slices.Concat(Faults, Changes, DiskFaults, Upgrades, Scripted, Silences)
	return kinds[slices.IndexFunc(kinds, func(f Fault) bool { return f.Name == name })]
}

// harm injects the faults of a scenario, some of them at the same time.
func harm(c *Cluster, rng *rand.Rand, s Scenario, report *Report) error {
	names := s.script(rng)
	report.Faults = names
	errs := make(chan error, 16*len(names))
	struck := make(chan string, len(names))
	var striking sync.WaitGroup
	for _, name := range names {
		kind := kindOf(name)
		f := &faults{cluster: c, rng: rand.New(rand.NewPCG(rng.Uint64(), 3)), errs: errs}
		if kind.alone {
			striking.Wait()
			c.Network.HealAll()
			f.startAll()
			if kind.strike(f) {
				struck <- name
			}
			continue
		}
		striking.Go(func() {
			if kind.strike(f) {
				struck <- name
			}
		})
		time.Sleep(time.Duration(rng.Int64N(int64(faultPauseLongest))))
	}
	striking.Wait()
	close(struck)
	for name := range struck {
		report.Struck = append(report.Struck, name)
	}
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// settle heals everything and waits until all servers agree.
func settle(c *Cluster) error {
	c.Network.HealAll()
	for _, id := range c.IDs {
		c.disk(id).Slow(nil)
		c.disk(id).Mend()
		if err := c.Start(id); err != nil {
			return err
		}
	}
	if err := c.OneCluster(); err != nil {
		return err
	}
	var different *divergence
	err := c.Await("agreement after healing", settleLimit, func() error {
		if err := c.Whole(); err != nil {
			return err
		}
		if err := c.Wrong(); err != nil {
			return err
		}
		err := c.Agree()
		if errors.As(err, &different) {
			return nil
		}
		return err
	})
	if different != nil {
		return different
	}
	if err != nil {
		return fmt.Errorf("the healed cluster: %w", err)
	}
	return nil
}
