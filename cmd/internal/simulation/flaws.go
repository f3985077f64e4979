package simulation

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"syscall"

	"github.com/hashicorp/raft"
)

// flaws describes how a disk fails, other than by being slow. The disk's lock guards it.
type flaws struct {
	// damage is applied to the entry with index damaged after reads undamaged readings.
	damaged uint64
	reads   int
	damage  func(l *raft.Log) error
	// failing is the step that fails once. losing is the step after which the process
	// loses the disk, as at a kill.
	failing, losing string
	storesAnyway    bool // a failing step stores the entries anyway; only their sync fails

	lost   bool // the disk was lost
	struck bool // a flaw has shown: damage was read, a step failed, or the disk was lost
}

// The steps that can fail or be the last: storing entries, a snapshot, and the values of
// Raft's keys for a term and a vote.
const (
	stepLog           = "log"
	stepSnapshot      = "snapshot"
	stepTerm          = "CurrentTerm"
	stepVoteTerm      = "LastVoteTerm"
	stepVoteCandidate = "LastVoteCand"
)

// errNoSync is the error of a failed sync.
var errNoSync = syscall.EIO

// read damages an entry that is being read, if it is the one to damage.
func (f *flaws) read(l *raft.Log) error {
	if f.damage == nil || l.Index != f.damaged {
		return nil
	}
	if f.reads--; f.reads >= 0 {
		return nil
	}
	f.struck = true
	l.Data, l.Extensions = bytes.Clone(l.Data), bytes.Clone(l.Extensions)
	return f.damage(l)
}

// fails returns an error once for the step that is to fail.
func (f *flaws) fails(step string) error {
	if f.failing != step {
		return nil
	}
	f.failing, f.struck = "", true
	return errNoSync
}

// stored makes the process lose the disk after the step that is to be the last.
func (f *flaws) stored(d *Disk, step string) {
	if f.losing == step {
		f.losing, f.struck, f.lost = "", true, true
		d.opened++
	}
}

// damagesOfEntries lists the ways in which a stored entry is damaged when it is read.
var damagesOfEntries = []func(l *raft.Log) error{
	func(l *raft.Log) error { l.Type ^= raft.LogNoop; return nil },
	func(l *raft.Log) error { l.Term ^= 1; return nil },
	func(l *raft.Log) error { l.Index++; return nil },
	func(l *raft.Log) error { l.Extensions = nil; return nil },
	func(*raft.Log) error { return raft.ErrLogNotFound },
	func(*raft.Log) error { return syscall.EIO },
	func(l *raft.Log) error {
		if len(l.Data) == 0 {
			return errors.New("corrupt frame header")
		}
		l.Data[len(l.Data)/2] ^= 1
		return nil
	},
}

// Damage damages one entry after the newest snapshot. A process reads such an entry
// several times at its start, again to apply it, and again for a follower that lags
// behind. A random one of these readings is the first that returns damage. Damage returns
// false if there is no such entry.
func (d *Disk) Damage(rng *rand.Rand) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := d.first
	for _, s := range d.snapshots {
		first = max(first, s.meta.Index+1)
	}
	if d.last == 0 || first > d.last || d.flaws.has() {
		return false
	}
	d.flaws = flaws{damaged: first + rng.Uint64N(d.last-first+1), reads: rng.IntN(5), damage: damagesOfEntries[rng.IntN(len(damagesOfEntries))]}
	return true
}

// FailOnce makes a step fail once. With storesAnyway, the entries reach the disk all the
// same. FailOnce returns false if the disk has another flaw.
func (d *Disk) FailOnce(step string, storesAnyway bool) bool {
	return d.flaw(flaws{failing: step, storesAnyway: storesAnyway})
}

// LoseAfter makes the process lose the disk right after a step.
func (d *Disk) LoseAfter(step string) bool { return d.flaw(flaws{losing: step}) }

func (d *Disk) flaw(f flaws) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.flaws.has() {
		return false
	}
	d.flaws = f
	return true
}

func (f *flaws) has() bool {
	return f.damage != nil || f.failing != "" || f.losing != "" || f.struck
}

// Struck reports whether a flaw has shown.
func (d *Disk) Struck() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flaws.struck
}

// Lost reports whether the process has lost the disk.
func (d *Disk) Lost() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flaws.lost
}

// Mend removes a disk's flaw and reports whether it has shown.
func (d *Disk) Mend() (struck bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	struck, d.flaws = d.flaws.struck, flaws{}
	return struck
}
