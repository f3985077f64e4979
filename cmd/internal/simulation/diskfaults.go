package simulation

import (
	"errors"
	"fmt"
	"time"
)

// DiskFaults are the kinds that make a server's process end by itself, or refuse to
// start: it must, and nothing else may come of it.
var DiskFaults = []Fault{
	{Name: "damage an entry", strike: (*faults).damage, alone: true},
	{Name: "fail a sync", strike: (*faults).failSync},
	{Name: "crash between two steps", strike: (*faults).crashBetween},
	{Name: "recover", strike: (*faults).recover, alone: true},
}

// flawWithin bounds the time in which a flaw must show and its process must end.
const flawWithin = 20 * time.Second

// damage flips a bit in an entry of one server's log that nobody has applied since its
// process began, or makes it unreadable, while the others' are intact. The server
// must notice before it believes it, whenever it reads it, and end; its directory is
// emptied then, and it joins as a new server.
func (f *faults) damage() bool {
	if err := f.cluster.Await("whole before damage", time.Minute, f.cluster.Whole); err != nil {
		f.errs <- err
		return false
	}
	id := f.victim()
	defer f.cluster.expectEnd(id)()
	all := f.rng.IntN(2) == 0
	for _, each := range f.cluster.IDs {
		if all || each == id { // so that nobody has the entry in memory
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
	if !disk.Struck() { // nobody needed it: it may have been in memory, or gone
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

// failSync has one write of a server's log, term or vote fail. Its process must end,
// and may be started again.
func (f *faults) failSync() bool {
	id, step := f.victim(), stepLog
	if f.rng.IntN(4) == 0 {
		step = []string{stepTerm, stepVoteTerm, stepVoteCandidate}[f.rng.IntN(3)]
	}
	return f.flawed(id, step, func(d *Disk) bool { return d.FailOnce(step, f.rng.IntN(2) == 0) })
}

// crashBetween kills a server's process right after it has stored a snapshot, a
// term, or half of a vote, and before the next step.
func (f *faults) crashBetween() bool {
	id := f.victim()
	step := []string{stepSnapshot, stepTerm, stepVoteCandidate}[f.rng.IntN(3)]
	return f.flawed(id, step, func(d *Disk) bool { return d.LoseAfter(step) })
}

// flawed gives a server's disk a flaw at a step, has the server come to that step, and
// starts it again after it has ended.
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
			_ = n.Snapshot() // it fails, or there is nothing new
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

// patience bounds the wait for a flaw to show: the workload ends soon.
func (f *faults) patience() time.Duration {
	return time.Duration(f.rng.Int64N(int64(4 * time.Second)))
}
