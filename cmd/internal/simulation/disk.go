package simulation

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node"
)

// snapshotsKept is the number of snapshots that a disk keeps, as the real store does.
const snapshotsKept = 1

var errDiskLost = errors.New("the process that opened this disk has ended")

// Disk is the data directory of one server. What was stored survives a crash. Nothing that
// an ended process still tries to write reaches it.
type Disk struct {
	mu         sync.Mutex
	identity   member.Identity
	boot       uint64
	held       bool   // whether its operator puts upgrades on hold
	condemned  string // why no server may be started on it again; "": it may
	unfinished bool   // whether the command that makes it was cut short
	opened     uint64 // counts openings; only the newest may read and write
	slow       func() time.Duration
	flaws      flaws
	logs       map[uint64]*raft.Log
	first      uint64
	last       uint64
	values     map[string][]byte
	numbers    map[string]uint64
	snapshots  []*snapshot
}

type snapshot struct {
	meta raft.SnapshotMeta
	data []byte
}

// NewDisk returns an empty disk whose server has the given name.
func NewDisk(server string) *Disk {
	return &Disk{
		identity: member.Identity{Server: server},
		logs:     map[uint64]*raft.Log{},
		values:   map[string][]byte{},
		numbers:  map[string]uint64{},
	}
}

// server returns the name (id@incarnation) of this disk's server.
func (d *Disk) server() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.identity.Server
}

// cluster returns the cluster to which this disk's server belongs, or "".
func (d *Disk) cluster() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.identity.Cluster
}

// knowsItsVote returns nil once the server has stored that it need not ask to become a voter.
func (d *Disk) knowsItsVote() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.identity.Settled {
		return errors.New("it has not stored it")
	}
	return nil
}

// Copy returns a copy of everything that is stored, as when a directory is copied.
func (d *Disk) Copy() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Disk{
		identity: d.identity, boot: d.boot, first: d.first, last: d.last, logs: maps.Clone(d.logs),
		values: maps.Clone(d.values), numbers: maps.Clone(d.numbers), snapshots: slices.Clone(d.snapshots),
	}
}

// restorable returns how many snapshots a process restores when it starts on this disk.
func (d *Disk) restorable() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return uint64(min(1, len(d.snapshots)))
}

// Slow makes every write take as long as delay returns; nil ends that.
func (d *Disk) Slow(delay func() time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow = delay
}

// Open gives the disk to a new process. Whatever an earlier process holds stops working.
func (d *Disk) Open() *Opened {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened++
	return &Opened{disk: d, number: d.opened}
}

// Opened is a disk as one process sees it. It implements server.Disk and Raft's log and
// stable stores.
type Opened struct {
	disk     *Disk
	number   uint64
	voteTerm uint64 // the term of the vote about to be stored; used by Raft's main loop only
}

// write runs f on the disk, unless the process has ended. On a slow disk it first waits
// for the delay.
func (o *Opened) write(f func(*Disk) error) error {
	o.disk.mu.Lock()
	slow := o.disk.slow
	o.disk.mu.Unlock()
	if slow != nil {
		time.Sleep(slow())
	}
	return o.read(f)
}

func (o *Opened) read(f func(*Disk) error) error {
	o.disk.mu.Lock()
	defer o.disk.mu.Unlock()
	if o.disk.opened != o.number {
		return errDiskLost
	}
	return f(o.disk)
}

// Identity implements cluster.Vault.
func (o *Opened) Identity() member.Identity {
	o.disk.mu.Lock()
	defer o.disk.mu.Unlock()
	return o.disk.identity
}

// UpgradeHeld implements server.Disk.
func (o *Opened) UpgradeHeld() bool {
	o.disk.mu.Lock()
	defer o.disk.mu.Unlock()
	return o.disk.held
}

// HoldUpgrade implements server.Disk.
func (o *Opened) HoldUpgrade(hold bool) error {
	return o.write(func(d *Disk) error { d.held = hold; return nil })
}

// Promise implements cluster.Vault.
func (o *Opened) Promise(f member.Formation) error {
	return o.write(func(d *Disk) error {
		if p := d.identity.Promise; p != nil && (p.Cluster != f.Cluster || !slices.Equal(p.Servers, f.Servers)) {
			return fmt.Errorf("already promised to cluster %s", p.Cluster)
		}
		d.identity.Promise, d.identity.Cluster = &f, f.Cluster
		return nil
	})
}

// Join implements cluster.Vault.
func (o *Opened) Join(cluster string, seeds []string) error {
	return o.write(func(d *Disk) error {
		d.identity.Cluster, d.identity.Seeds = cluster, slices.Clone(seeds)
		return nil
	})
}

// Settle implements cluster.Vault.
func (o *Opened) Settle() error {
	return o.write(func(d *Disk) error {
		d.identity.Settled = true
		return nil
	})
}

// Condemn implements server.Disk.
func (o *Opened) Condemn(reason string) error {
	return o.write(func(d *Disk) error {
		d.condemned = reason
		return nil
	})
}

// RaiseBoot implements server.Disk. Like the real store, it refuses a disk that was
// condemned or is unfinished.
func (o *Opened) RaiseBoot() (boot uint64, err error) {
	err = o.write(func(d *Disk) error {
		if d.condemned != "" {
			return fmt.Errorf("the disk has been condemned: %s", d.condemned)
		}
		if d.unfinished && !faultServeUnfinished {
			return errUnfinished
		}
		d.boot++
		boot = d.boot
		return nil
	})
	return boot, err
}

// Stores implements server.Disk.
func (o *Opened) Stores() (node.Stores, error) {
	return node.Stores{Logs: o, Stable: o, Snapshots: snapshots{o}, SealedFrom: 1}, nil
}

// Close implements server.Disk.
func (o *Opened) Close() error { return nil }

// FirstIndex implements raft.LogStore.
func (o *Opened) FirstIndex() (first uint64, err error) {
	err = o.read(func(d *Disk) error { first = d.first; return nil })
	return first, err
}

// LastIndex implements raft.LogStore.
func (o *Opened) LastIndex() (last uint64, err error) {
	err = o.read(func(d *Disk) error { last = d.last; return nil })
	return last, err
}

// GetLog implements raft.LogStore.
func (o *Opened) GetLog(index uint64, log *raft.Log) error {
	return o.read(func(d *Disk) error {
		stored, ok := d.logs[index]
		if !ok {
			return raft.ErrLogNotFound
		}
		*log = *stored
		return d.flaws.read(log)
	})
}

// IsMonotonic implements raft.MonotonicLogStore. As with the real stores, the log has no
// gaps, and Raft drops it when a snapshot is installed.
func (o *Opened) IsMonotonic() bool { return true }

// StoreLog implements raft.LogStore.
func (o *Opened) StoreLog(log *raft.Log) error { return o.StoreLogs([]*raft.Log{log}) }

// StoreLogs implements raft.LogStore.
func (o *Opened) StoreLogs(logs []*raft.Log) error {
	return o.write(func(d *Disk) error {
		failed := d.flaws.fails(stepLog)
		if failed != nil && !d.flaws.storesAnyway {
			return failed
		}
		for _, l := range logs {
			if d.last > 0 && l.Index > d.last+1 {
				return fmt.Errorf("entry %d after %d leaves a gap", l.Index, d.last)
			}
			stored := *l
			d.logs[l.Index] = &stored
			if d.first == 0 {
				d.first = l.Index
			}
			d.last = max(d.last, l.Index)
		}
		return failed
	})
}

// DeleteRange implements raft.LogStore.
func (o *Opened) DeleteRange(from, to uint64) error {
	return o.write(func(d *Disk) error {
		if d.last == 0 {
			return nil // Raft empties an empty log too
		}
		for i := from; i <= to; i++ {
			delete(d.logs, i)
		}
		if from <= d.first {
			d.first = to + 1
		}
		if to >= d.last {
			d.last = from - 1
		}
		if d.first > d.last {
			d.first, d.last = 0, 0
		}
		return nil
	})
}

// errNoValue has the text by which Raft recognizes that a key was never set.
var errNoValue = errors.New("not found")

// Set implements raft.StableStore. As in the real store, a vote is stored once its
// candidate is set: first the candidate, then the term.
func (o *Opened) Set(key, value []byte) error {
	err := o.remember(string(key), func(d *Disk) { d.values[string(key)] = bytes.Clone(value) })
	if err != nil || string(key) != stepVoteCandidate {
		return err
	}
	return o.remember(stepVoteTerm, func(d *Disk) { d.numbers[stepVoteTerm] = o.voteTerm })
}

// remember writes a term or a vote, and applies the disk's flaws.
func (o *Opened) remember(key string, f func(*Disk)) error {
	return o.write(func(d *Disk) error {
		if err := d.flaws.fails(key); err != nil {
			return err
		}
		f(d)
		d.flaws.stored(d, key)
		return nil
	})
}

// Get implements raft.StableStore.
func (o *Opened) Get(key []byte) (value []byte, err error) {
	err = o.read(func(d *Disk) error {
		v, ok := d.values[string(key)]
		if !ok {
			return errNoValue
		}
		value = v
		return nil
	})
	return value, err
}

// SetUint64 implements raft.StableStore.
func (o *Opened) SetUint64(key []byte, n uint64) error {
	if string(key) == stepVoteTerm {
		o.voteTerm = n
		return nil
	}
	return o.remember(string(key), func(d *Disk) { d.numbers[string(key)] = n })
}

// GetUint64 implements raft.StableStore.
func (o *Opened) GetUint64(key []byte) (n uint64, err error) {
	err = o.read(func(d *Disk) error { n = d.numbers[string(key)]; return nil })
	return n, err
}

// snapshots implements raft.SnapshotStore.
type snapshots struct{ *Opened }

// Create implements raft.SnapshotStore.
func (s snapshots) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	meta := raft.SnapshotMeta{
		Version: version, ID: fmt.Sprintf("%d-%d-%d", term, index, time.Now().UnixNano()),
		Index: index, Term: term, Configuration: configuration, ConfigurationIndex: configurationIndex,
	}
	return &sink{store: s, meta: meta}, nil
}

// List implements raft.SnapshotStore: the newest first.
func (s snapshots) List() (metas []*raft.SnapshotMeta, err error) {
	err = s.read(func(d *Disk) error {
		for _, stored := range slices.Backward(d.snapshots) {
			meta := stored.meta
			metas = append(metas, &meta)
		}
		return nil
	})
	return metas, err
}

// Open implements raft.SnapshotStore.
func (s snapshots) Open(id string) (meta *raft.SnapshotMeta, data io.ReadCloser, err error) {
	err = s.read(func(d *Disk) error {
		for _, stored := range d.snapshots {
			if stored.meta.ID == id {
				found := stored.meta
				meta, data = &found, io.NopCloser(bytes.NewReader(stored.data))
				return nil
			}
		}
		return fmt.Errorf("no snapshot %s", id)
	})
	return meta, data, err
}

// sink collects a snapshot and stores it when it is closed.
type sink struct {
	store  snapshots
	meta   raft.SnapshotMeta
	buffer bytes.Buffer
	done   bool
}

func (s *sink) ID() string                  { return s.meta.ID }
func (s *sink) Write(b []byte) (int, error) { return s.buffer.Write(b) }

func (s *sink) Cancel() error {
	s.done = true
	return nil
}

func (s *sink) Close() error {
	if s.done {
		return nil
	}
	s.done = true
	s.meta.Size = int64(s.buffer.Len())
	return s.store.write(func(d *Disk) error {
		d.snapshots = append(d.snapshots, &snapshot{meta: s.meta, data: s.buffer.Bytes()})
		slices.SortFunc(d.snapshots, func(a, b *snapshot) int {
			if a.meta.Term != b.meta.Term {
				return int(a.meta.Term) - int(b.meta.Term)
			}
			return int(a.meta.Index) - int(b.meta.Index)
		})
		if extra := len(d.snapshots) - snapshotsKept; extra > 0 {
			d.snapshots = slices.Clone(d.snapshots[extra:])
		}
		d.flaws.stored(d, stepSnapshot)
		return nil
	})
}
