package simulation

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
)

// Silences are kinds that only a script names: cases in which a leader must be replaced
// soon, and cases in which it must not be.
var Silences = []Fault{
	{Name: "a leader falls silent", strike: (*faults).silenceLeader, alone: true},
	{Name: "a leader's disk stalls", strike: (*faults).stallLeader, alone: true},
	{Name: "all disks stall", strike: (*faults).stallAll, alone: true},
	{Name: "one voter misses the leader", strike: (*faults).hideLeader, alone: true},
	{Name: "nobody reaches the leader", strike: (*faults).shieldLeader, alone: true},
}

// How soon a leader must be replaced, and how long disks stall.
const (
	silentWithin   = 1500 * time.Millisecond
	stalledWithin  = 2500 * time.Millisecond
	shieldedWithin = 3500 * time.Millisecond
	stallLasts     = 5 * time.Second
)

// settled waits until the cluster is whole and returns its leader and term.
func (f *faults) settled() (id string, term uint64, ok bool) {
	if err := f.cluster.Await("whole before a silence", time.Minute, f.cluster.Whole); err != nil {
		f.errs <- err
		return "", 0, false
	}
	time.Sleep(time.Second) // the others have heard its beats
	id = f.cluster.Leader()
	n := f.cluster.Node(id)
	if n == nil {
		return "", 0, false
	}
	return id, n.CurrentTerm(), true
}

// replaced waits until another server leads in a later term.
func (f *faults) replaced(id string, term uint64, within time.Duration) {
	err := f.cluster.Await("another leader than "+id, within, func() error {
		for _, other := range f.others(id) {
			if n := f.cluster.Node(other); n != nil && n.IsLeader() && n.CurrentTerm() > term {
				return nil
			}
		}
		return errors.New("nobody has replaced it")
	})
	if err != nil {
		f.errs <- err
	}
}

// kept reports a broken promise if any server has left the term.
func (f *faults) kept(what string, term uint64) {
	for _, id := range f.cluster.IDs {
		if n := f.cluster.Node(id); n != nil && n.CurrentTerm() != term {
			f.errs <- &broken{fmt.Sprintf("a needless election while %s: %s is in term %d, after %d", what, id, n.CurrentTerm(), term)}
		}
	}
}

func (f *faults) silenceLeader() bool {
	id, term, ok := f.settled()
	if !ok {
		return false
	}
	for _, other := range f.others(id) {
		f.cluster.Network.Cut(id, other)
		f.cluster.Network.Cut(other, id)
	}
	f.replaced(id, term, silentWithin)
	f.hold()
	f.reconnect(id)
	return true
}

// stall stalls disks for a while and runs meanwhile during that time.
func (f *faults) stall(ids []string, meanwhile func()) {
	until := time.Now().Add(stallLasts)
	for _, id := range ids {
		f.cluster.disk(id).Slow(func() time.Duration { return max(0, time.Until(until)) })
	}
	var writing sync.WaitGroup
	for _, id := range f.cluster.IDs { // a stall shows only if something is written
		if p := f.cluster.Process(id); p != nil {
			writing.Go(func() { p.server.Node().Write(p.ctx, []*command.Call{newCall("del", "no such key")}) })
		}
	}
	meanwhile()
	time.Sleep(time.Until(until))
	defer writing.Wait()
	for _, id := range ids {
		f.cluster.disk(id).Slow(nil)
	}
}

func (f *faults) stallLeader() bool {
	id, term, ok := f.settled()
	if !ok {
		return false
	}
	f.stall([]string{id}, func() { f.replaced(id, term, stalledWithin) })
	return true
}

// stallAll simulates a stalled disk that all servers share. No election helps then, and
// once the disk answers again, somebody must lead. (Raft's lease is over by then.)
func (f *faults) stallAll() bool {
	if _, _, ok := f.settled(); !ok {
		return false
	}
	f.stall(f.cluster.IDs, func() {})
	err := f.cluster.Await("a leader after a stall", silentWithin, func() error {
		if f.cluster.Leader() == "" {
			return errors.New("nobody leads")
		}
		return nil
	})
	if err != nil {
		f.errs <- err
	}
	return true
}

// hideLeader cuts the leader off from only one voter.
func (f *faults) hideLeader() bool {
	id, term, ok := f.settled()
	if !ok {
		return false
	}
	others := f.others(id)
	other := others[f.rng.IntN(len(others))]
	f.cluster.Network.Cut(id, other)
	f.cluster.Network.Cut(other, id)
	f.hold()
	f.kept("one voter missed the leader", term)
	f.reconnect(id)
	return true
}

// shieldLeader blocks connections to the leader, while those that it dialled itself go on.
func (f *faults) shieldLeader() bool {
	id, term, ok := f.settled()
	if !ok {
		return false
	}
	f.cluster.Network.Shield(id, true)
	f.replaced(id, term, shieldedWithin)
	f.hold()
	f.cluster.Network.Shield(id, false)
	return true
}
