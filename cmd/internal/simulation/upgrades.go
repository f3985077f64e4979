package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/fsm"
)

// Upgrades are the kinds that change which release a server runs. They strike a cluster of
// mixed releases whose operator holds the upgrade, so only finishing the upgrade raises the
// machine's version.
var Upgrades = []Fault{
	{Name: "upgrade a server", strike: (*faults).upgradeOne},
	{Name: "put a server back", strike: (*faults).putBack},
	{Name: "finish an upgrade too early", strike: (*faults).finishTooEarly},
	{Name: "finish an upgrade", strike: (*faults).finishUpgrade},
}

// The releases of the simulated programs, by the machine versions that they know.
var (
	firstRelease = cluster.Versions{Oldest: 1, Newest: 1}
	newRelease   = cluster.Versions{Oldest: fsm.OldestVersion, Newest: fsm.NewestVersion}
)

// mix gives the first release to at least one machine, and makes the operator hold the
// upgrade. It draws from a source of its own, so that everything else that the seed decides
// stays the same.
func (c *Cluster) mix(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 4))
	last := c.IDs[rng.IntN(len(c.IDs))]
	for _, id := range c.IDs {
		if id == last || rng.IntN(2) == 0 {
			c.machine[id].release = firstRelease
		}
	}
	c.machine[c.IDs[0]].disk.held = true
}

// release returns the versions that a machine's program knows.
func (c *Cluster) release(id string) cluster.Versions {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.machine[id].release
}

// installRelease installs another program on a machine, for its next start.
func (c *Cluster) installRelease(id string, release cluster.Versions) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.machine[id].release = release
}

// raised reports whether any server's machine version is above 1.
func (c *Cluster) raised() bool {
	for _, id := range c.IDs {
		if n := c.Node(id); n != nil && n.MachineVersion() > 1 {
			return true
		}
	}
	return false
}

// replaceProgram restarts a server with another program.
func (f *faults) replaceProgram(id string, release cluster.Versions) {
	f.cluster.Crash(id)
	f.cluster.installRelease(id, release)
	if f.rng.IntN(2) == 0 {
		f.hold()
	}
	f.start(id)
}

func (f *faults) upgradeOne() bool {
	return f.operate(func() (bool, error) {
		id := f.some(func(id string, p place) bool { return p.in && f.cluster.release(id) == firstRelease })
		if id == "" {
			return false, nil
		}
		f.replaceProgram(id, newRelease)
		return true, nil
	})
}

// putBack returns a server to the first release, while there is a way back.
func (f *faults) putBack() bool {
	return f.operate(func() (bool, error) {
		id := f.newcomer()
		if id == "" {
			return false, nil
		}
		f.replaceProgram(id, firstRelease)
		return true, nil
	})
}

// newcomer returns a member that runs the new release and can go back, or "".
func (f *faults) newcomer() string {
	if f.cluster.finished {
		return ""
	}
	return f.some(func(id string, p place) bool { return p.in && f.cluster.release(id) != firstRelease })
}

// finishTooEarly asks to finish the upgrade right after a server was put back. What that
// server said before must not count.
func (f *faults) finishTooEarly() bool {
	return f.operate(func() (bool, error) {
		id := f.newcomer()
		if id == "" {
			return false, nil
		}
		for _, other := range f.cluster.IDs {
			if f.cluster.release(other) == firstRelease {
				f.replaceProgram(other, newRelease)
			}
		}
		time.Sleep(leaderLooks)
		f.replaceProgram(id, firstRelease)
		ctx, cancel := context.WithTimeout(context.Background(), askWithin)
		defer cancel()
		for _, asked := range f.cluster.Members() {
			if p := f.cluster.Process(asked); p != nil && asked != id {
				if err := p.server.Service().FinishUpgrade(ctx); err == nil {
					return false, &broken{fmt.Sprintf("the version was raised while %s ran the first release", id)}
				}
				return true, nil
			}
		}
		return false, nil
	})
}

// leaderLooks is longer than a leader waits before it asks again for the others' versions.
const leaderLooks = 6 * time.Second

// finishUpgrade gives all servers the new release and raises the version, possibly while a
// fault strikes the leader.
func (f *faults) finishUpgrade() bool {
	return f.operate(func() (bool, error) {
		if f.cluster.finished {
			return false, nil
		}
		for _, id := range f.cluster.IDs {
			if f.cluster.release(id) == firstRelease {
				f.replaceProgram(id, newRelease)
			}
		}
		f.cluster.finished = true
		over := f.unrest()
		err := f.ask("finish the upgrade", func(ctx context.Context, s *cluster.Service) error { return s.FinishUpgrade(ctx) })
		over()
		if err != nil {
			return false, err
		}
		if f.rng.IntN(2) == 0 { // some restart from a snapshot of the old layout, and replay the raise from the log
			f.crashAll()
		}
		return true, f.cluster.Await("the new version", changeWithin, func() error {
			if !f.cluster.raised() {
				return errors.New("version 1 is active")
			}
			return nil
		})
	})
}
