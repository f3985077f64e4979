package store

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node"
)

// LogStore names the library that keeps Raft's entries.
type LogStore string

// The log stores.
const (
	Bolt LogStore = "bolt" // hashicorp/raft-boltdb
	WAL  LogStore = "wal"  // hashicorp/raft-wal
)

// DefaultLogStore is the log store of a new directory if nobody chooses one.
const DefaultLogStore = WAL

// ParseLogStore parses a log store's name; "" means that nobody has chosen.
func ParseLogStore(name string) (LogStore, error) {
	switch kind := LogStore(name); kind {
	case Bolt, WAL, "":
		return kind, nil
	}
	return "", fmt.Errorf("log store %q is neither %q nor %q", name, Bolt, WAL)
}

// identityFile is the file that makes a directory a server's.
const identityFile = "identity.json"

// Options says which directory to open, and for which server.
type Options struct {
	Path     string
	ID       string   // the operator's id; the directory must belong to it
	LogStore LogStore // "": the recorded one, or DefaultLogStore for a new directory
	Existing bool     // refuse a directory that is no server's yet; write only what finishes an operation that a crash interrupted
	// NoMint refuses a directory that is no server's yet (ErrNoServer) instead of minting an
	// identity.
	NoMint bool
	// MadeBy names who begins a directory (Begin). Only the same name may finish what it has left
	// unfinished.
	MadeBy string
	// Verify reads a snapshot to its end and returns the index that it holds.
	Verify func(io.Reader) (index uint64, err error)
	// Describe reads a snapshot's own description; nil if snapshots have none.
	Describe func(io.Reader) (node.SnapshotDescription, error)
	Logger   *slog.Logger
}

// Dir is a data directory, locked by this process.
type Dir struct {
	path     string
	identity string // the name of the identity file: unfinishedFile until Finish
	existing bool   // the directory is left as it is
	lock     *lockFile
	volume   volume
	verify   func(io.Reader) (uint64, error)
	describe func(io.Reader) (node.SnapshotDescription, error)
	log      *slog.Logger

	failure *failure
	kind    LogStore // what keeps the log; like the fields above, it never changes

	mu     sync.Mutex
	record record
	open   []io.Closer // what Stores has opened, closed in reverse

	present *presence // nil before Stores
}

// Open locks the directory, creating it if necessary, and reads or mints its identity. It refuses
// a directory that is in use, belongs to another server, or holds foreign files, and leaves
// nothing in it.
func Open(o Options) (*Dir, error) {
	if o.Existing {
		if _, err := os.Stat(filepath.Join(o.Path, identityFile)); err != nil {
			return nil, fmt.Errorf("%s is no node's data directory: %w", o.Path, err)
		}
	}
	if !o.Existing {
		if err := checkKnown(o.Path, o.NoMint); err != nil {
			return nil, err
		}
	}
	d, err := lockDir(o)
	if err != nil {
		return nil, err
	}
	if !o.Existing {
		// First: they may have filled the disk.
		if err = removeUnfinished(snapshotsIn(o.Path)); err != nil {
			err = step("remove unfinished snapshots in "+o.Path, err)
		}
	}
	if err == nil {
		err = d.identify(o)
	}
	if err != nil {
		d.lock.release()
		return nil, err
	}
	d.kind = d.record.LogStore
	return d, nil
}

// lockDir creates the directory if necessary and locks it.
func lockDir(o Options) (*Dir, error) {
	if err := makeDirectory(o.Path); err != nil {
		return nil, step("make the data directory", err)
	}
	lock, err := lockDirectory(o.Path)
	if err != nil {
		return nil, err
	}
	return &Dir{path: o.Path, identity: identityFile, existing: o.Existing, lock: lock, volume: osVolume{},
		verify: o.Verify, describe: o.Describe, log: o.Logger, failure: newFailure(o.Path)}, nil
}

// identify reads the identity and checks it against the options, or mints one.
func (d *Dir) identify(o Options) error {
	found := false
	var err error
	d.record, found, err = readIdentity(d.file(identityFile))
	switch {
	case err != nil:
		return err
	case !found:
		return d.mint(o)
	}
	if id := member.ID(d.record.Server); id != o.ID {
		return fmt.Errorf("data directory %s belongs to %s, not to %s: give %s a directory of its own (a copied directory cannot become another server)", d.path, id, o.ID, o.ID)
	}
	if d.record.Diverged != "" {
		return fmt.Errorf("the data in %s has diverged from that of the other servers (%s) and must not be used again: start with an empty directory: the node then joins the cluster as a new server and is caught up by the others. Keep the old one if you want to find out why", d.path, d.record.Diverged)
	}
	if o.LogStore != "" && o.LogStore != d.record.LogStore {
		return fmt.Errorf("data directory %s keeps its log with log store %q: start with --log-store %s; to change it, start with an empty directory, and the node joins the cluster as a new server", d.path, d.record.LogStore, d.record.LogStore)
	}
	return nil
}

// mint creates the identity of a directory that has none.
func (d *Dir) mint(o Options) error {
	if err := checkNew(d.path); err != nil {
		return err
	}
	return d.save(mintRecord(o.ID, cmp.Or(o.LogStore, DefaultLogStore)))
}

// mintRecord returns a new server's record.
func mintRecord(id string, kind LogStore) record {
	incarnation := make([]byte, incarnationBytes)
	rand.Read(incarnation)
	return record{Server: member.ServerID(id, hex.EncodeToString(incarnation)), LogStore: kind}
}

func (d *Dir) file(name string) string { return filepath.Join(d.path, name) }

// save stores r, and only then makes it the directory's record.
func (d *Dir) save(r record) error {
	text, err := encodeIdentity(r)
	if err != nil {
		return fmt.Errorf("encode the identity: %w", err)
	}
	path := d.file(d.identity)
	d.present.release(path) // a slow disk may take longer than two looks
	if err := d.replaceIdentity(path, text); err != nil {
		return step("store the identity", errors.Join(err, d.present.hold(path)))
	}
	d.record = r
	return d.present.hold(path)
}

// Identity returns which server the directory belongs to.
func (d *Dir) Identity() member.Identity {
	d.mu.Lock()
	defer d.mu.Unlock()
	return member.Identity{Server: d.record.Server, Cluster: d.record.Cluster, Promise: d.record.Promise.member(),
		Seeds: slices.Clone(d.record.Seeds), Settled: d.record.Settled, Rebuilt: d.record.Rebuilt}
}

// LogStore returns the log store that keeps the directory's log.
func (d *Dir) LogStore() LogStore {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.record.LogStore
}

// Promise binds the server to a first configuration, for ever. Repeating the same promise changes
// nothing; a different one is refused.
func (d *Dir) Promise(f member.Formation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	promised := newFormation(f)
	if d.record.Promise != nil {
		if d.record.Promise.equal(promised) {
			return nil
		}
		return fmt.Errorf("this server has promised itself to cluster %s, in another configuration", d.record.Promise.Cluster)
	}
	if d.record.Cluster != "" {
		return fmt.Errorf("this server belongs to cluster %s", d.record.Cluster)
	}
	next := d.record
	next.Promise, next.Cluster = promised, f.Cluster
	return d.save(next)
}

// Join records the cluster that has admitted this server, and the peer addresses at which the
// cluster can be found until there is a log.
func (d *Dir) Join(cluster string, seeds []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.record.Cluster == cluster {
		return nil
	}
	if d.record.Cluster != "" {
		return fmt.Errorf("this server belongs to cluster %s and cannot join %s", d.record.Cluster, cluster)
	}
	next := d.record
	next.Cluster, next.Seeds = cluster, slices.Clone(seeds)
	return d.save(next)
}

// Settle records that this server never asks on its own to become a voter.
func (d *Dir) Settle() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.record.Settled {
		return nil
	}
	next := d.record
	next.Settled = true
	return d.save(next)
}

// Condemn records that the server has diverged from the others. Its directory is refused from then
// on. The first reason stays.
func (d *Dir) Condemn(reason string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.record.Diverged != "" {
		return nil
	}
	next := d.record
	next.Diverged = reason
	return d.save(next)
}

// RaiseBoot increments the boot number, stores it and returns it.
func (d *Dir) RaiseBoot() (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.record
	next.Boot++
	if err := d.save(next); err != nil {
		return 0, err
	}
	return next.Boot, nil
}

// Close closes what Stores has opened and releases the directory.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return errors.Join(d.closeFiles(), d.lock.release())
}

// closeFiles closes what Stores has opened.
func (d *Dir) closeFiles() error {
	errs := []error{d.present.end()}
	d.present = nil
	for i := len(d.open) - 1; i >= 0; i-- {
		errs = append(errs, d.open[i].Close())
	}
	d.open = nil
	return errors.Join(errs...)
}
