package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"

	"github.com/kvorum/kvorum/node"
)

// boltFile keeps Raft's term and vote, and with the bolt log store the log.
const boltFile = "raft.db"

var (
	// keyOwner is where each of Raft's files names the server that it belongs
	// to, so that a file that vanished and was made anew is told from the
	// one that was there.
	keyOwner = []byte("KvorumServer")
	// keyLogBegun is set in raft.db once the log has held an entry: from then on
	// an empty log without a snapshot is a log that has vanished.
	keyLogBegun = []byte("KvorumLogBegun")
)

// entries is a log store that can be closed and labelled.
type entries interface {
	raft.LogStore
	raft.StableStore
	io.Closer
}

// Stores opens what Raft persists to, and refuses a directory from which
// something is missing that Raft was told to have stored.
func (d *Dir) Stores() (node.Stores, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	stable, logs, err := d.openRaftFiles()
	if err != nil {
		return node.Stores{}, err
	}
	snapshots, err := openSnapshots(d.path, d.verify, d.log)
	if err != nil {
		return node.Stores{}, err
	}
	if err := reconcile(stable, logs, snapshots); err != nil {
		return node.Stores{}, fmt.Errorf("data directory %s: %w", d.path, err)
	}
	votes, err := d.openVotes(stable)
	if err != nil {
		return node.Stores{}, err
	}
	watched := &contiguousLog{LogStore: logs, stable: stable, failed: d.failure.record, whole: d.record.LogStore == WAL}
	watched.begun, err = hasFlag(stable, keyLogBegun)
	if err != nil {
		return node.Stores{}, err
	}
	if err := d.watchFiles(logs); err != nil {
		return node.Stores{}, err
	}
	return node.Stores{Logs: watched, Stable: votes, Snapshots: snapshots}, nil
}

// openRaftFiles opens raft.db and the log, which are the same with bolt.
func (d *Dir) openRaftFiles() (stable, logs entries, err error) {
	if err := d.checkRaftFiles(); err != nil {
		return nil, nil, err
	}
	file, err := openBolt(d.file(boltFile), d.record.Stores, d.log)
	if err != nil {
		return nil, nil, err
	}
	stable = file
	d.open = append(d.open, stable)
	logs = stable
	if d.record.LogStore == WAL {
		if logs, err = d.openWAL(); err != nil {
			return nil, nil, err
		}
	}
	if err := d.label(stable, d.file(boltFile)); err != nil {
		return nil, nil, err
	}
	if d.record.LogStore == WAL {
		if err := d.label(logs, d.file(filepath.Join("wal", metadb.FileName))); err != nil {
			return nil, nil, err
		}
	}
	if d.record.Stores {
		return stable, logs, nil
	}
	if err := syncDirectory(d.path); err != nil {
		return nil, nil, err
	}
	next := d.record
	next.Stores = true
	return stable, logs, d.save(next)
}

func (d *Dir) openWAL() (entries, error) {
	if err := makeDirectory(d.file("wal")); err != nil {
		return nil, fmt.Errorf("make the log's directory: %w", err)
	}
	meta := &metadb.BoltMetaDB{}
	logs, err := wal.Open(d.file("wal"), wal.WithLogger(hashicorpLogger(d.log)), wal.WithMetaStore(meta))
	if err != nil {
		meta.Close() // a failed Open leaves it open and locked
		return nil, fmt.Errorf("open the log in %s: %w", d.file("wal"), err)
	}
	d.open = append(d.open, logs)
	return logs, nil
}

// checkRaftFiles finds what has vanished before opening could make it anew, and
// removes what a crash left of a first opening: nothing was ever stored in it.
func (d *Dir) checkRaftFiles() error {
	if !d.record.Stores {
		return errors.Join(os.RemoveAll(d.file(boltFile)), os.RemoveAll(d.file("wal")))
	}
	names := []string{boltFile}
	if d.record.LogStore == WAL {
		names = append(names, filepath.Join("wal", metadb.FileName))
	}
	for _, name := range names {
		switch _, err := os.Stat(d.file(name)); {
		case errors.Is(err, os.ErrNotExist):
			return &DamageError{File: d.file(name), Offset: -1, What: "votes or entries were stored in it, and it is not there"}
		case err != nil:
			return step("look at "+d.file(name), err)
		}
	}
	return nil
}

// label writes the server's name into a new file, and checks it in an old one.
func (d *Dir) label(file raft.StableStore, path string) error {
	owner, err := file.Get(keyOwner)
	if err != nil && !errors.Is(err, errBoltNotFound) {
		return step("read the owner of "+path, err)
	}
	switch {
	case string(owner) == d.record.Server:
		return nil
	case len(owner) > 0:
		return &DamageError{File: path, Offset: -1, What: fmt.Sprintf("it is a file of %q, and the directory belongs to %s", owner, d.record.Server)}
	case d.record.Stores:
		return &DamageError{File: path, Offset: -1, What: "it names no server, as if it had vanished and been made anew"}
	}
	if err := file.Set(keyOwner, []byte(d.record.Server)); err != nil {
		return step("label "+path, err)
	}
	return nil
}

func hasFlag(stable raft.StableStore, key []byte) (bool, error) {
	value, err := stable.Get(key)
	if err != nil && !errors.Is(err, errBoltNotFound) {
		return false, fmt.Errorf("read flag %s: %w", key, err)
	}
	return len(value) > 0, nil
}
