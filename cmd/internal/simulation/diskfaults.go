package simulation

import (
	"errors"
	"fmt"
	"time"
)

// DiskFaults are the faults after which a server's process must end by itself, or refuse
// to start. Nothing worse may follow.
var DiskFaults = []Fault{
	{Name: "damage an entry", strike: (*faults).damage, alone: true},
	{Name: "fail a sync", strike: (*faults).failSync},
	{Name: "crash between two steps", strike: (*faults).crashBetween},
	{Name: "recover", strike: (*faults).recover, alone: true},
}

// flawWithin bounds how long it takes until a flaw has shown and its process has ended.
const flawWithin = 20 * time.Second

// damage damages an entry in one server's log that no process has applied since its start,
// or makes it unreadable. The others' logs are intact. The server must notice that before
// it uses the entry, whenever it reads it, and end. Its disk is then wiped, and it joins
// as a new server.
func (f *faults) damage() bool {
	if err := f.cluster.Await("whole before damage", time.Minute, f.cluster.Whole); err != nil {
		f.errs <- err
		return false
	}
	id := f.victim()
	defer f.cluster.expectEnd(id)()
	all := f.rng.IntN(2) == 0
	for _, each := range f.cluster.IDs {
		if all || each == id { // so that no process has the entry in memory
			f.cluster.Crash(each)
		}
	}
	f.hold()
	disk := f.cluster.disk(id)
	damaged := disk.Damage(f.rng)
	refused := f.cluster.Start(id)
	f.startOthers(id)
	if !damaged {
		if refused != nil {
			f.errs <- refused
		}
		return false
	}
	ended := func() error {
		if refused == nil && !f.cluster.ended(id) {
			return fmt.Errorf("%s runs on", id)
		}
		return nil
	}
	err := f.cluster.Await("the end of a server whose log is damaged", flawWithin, func() error {
		if disk.Struck() {
			return ended()
		}
		return errors.New("the damaged entry has not been read")
	})
	if !disk.Struck() { // the entry was not read: it was in memory, or gone
		disk.Mend()
		f.start(id)
		return false
	}
	if err != nil {
		f.errs <- &broken{err.Error()}
		return true
	}
	f.cluster.Wipe(id)
	f.start(id)
	if err := f.cluster.Await("whole after damage", time.Minute, f.cluster.Whole); err != nil {
		f.errs <- err
	}
	return true
}

func (f *faults) startOthers(but string) {
	for _, id := range f.others(but) {
		f.start(id)
	}
}

// failSync makes one write of a server's log, term or vote fail. The process must end, and
// is restarted.
func (f *faults) failSync() bool {
	id, step := f.victim(), stepLog
	if f.rng.IntN(4) == 0 {
		step = []string{stepTerm, stepVoteTerm, stepVoteCandidate}[f.rng.IntN(3)]
	}
	return f.flawed(id, step, func(d *Disk) bool { return d.FailOnce(step, f.rng.IntN(2) == 0) })
}

// crashBetween kills a server's process after it has stored a snapshot, a term, or half of
// a vote, and before the next step.
func (f *faults) crashBetween() bool {
	id := f.victim()
	step := []string{stepSnapshot, stepTerm, stepVoteCandidate}[f.rng.IntN(3)]
	return f.flawed(id, step, func(d *Disk) bool { return d.LoseAfter(step) })
}

// flawed gives a server's disk a flaw at a step, makes the server reach that step, and
// restarts it after it has ended.
func (f *faults) flawed(id, step string, arm func(*Disk) bool) bool {
	defer f.cluster.expectEnd(id)()
	disk, process := f.cluster.disk(id), f.cluster.Process(id)
	if process == nil || !arm(disk) {
		return false
	}
	switch step {
	case stepLog:
	case stepSnapshot:
		if n := f.cluster.Node(id); n != nil {
			_ = n.Snapshot() // an error means that it failed as planned, or that there is nothing new
		}
	default:
		f.transfer()
	}
	_ = f.cluster.Await("the flaw of a disk", f.patience(), func() error {
		if !disk.Struck() {
			return errors.New("it has not shown")
		}
		return nil
	})
	lost := disk.Lost()
	struck := disk.Mend()
	if struck && lost {
		f.cluster.Crash(id)
	}
	if struck && !lost {
		err := f.cluster.Await("the end of a server whose disk has failed", flawWithin, func() error {
			if f.cluster.Process(id) == process {
				return fmt.Errorf("%s runs on", id)
			}
			return nil
		})
		if err != nil {
			f.errs <- &broken{err.Error()}
		}
	}
	f.start(id)
	return struck
}

// patience returns how long to wait for a flaw to show. It is short, as the workload ends soon.
func (f *faults) patience() time.Duration {
	return time.Duration(f.rng.Int64N(int64(4 * time.Second)))
}
