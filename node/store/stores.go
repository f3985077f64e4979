package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/metadb"

	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/node/store/directory"
	"github.com/kvorum/kvorum/node/store/floor"
	"github.com/kvorum/kvorum/node/store/segments"
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
	if err := d.checkRaftFiles(); err != nil {
		return node.Stores{}, err
	}
	known, err := d.openFloor()
	if err != nil {
		return node.Stores{}, err
	}
	stable, logs, err := d.openRaftFiles(known)
	if err != nil {
		return node.Stores{}, err
	}
	snapshots, err := openSnapshots(d)
	if err != nil {
		return node.Stores{}, err
	}
	watched := &contiguousLog{LogStore: checkedLog{logs, d.describeEntry}, path: d.file(boltFile), stable: stable, floor: known, failed: d.failure.record, whole: d.record.LogStore == WAL}
	if watched.whole {
		watched.path = d.file("wal")
	}
	if watched.begun, err = hasFlag(stable, keyLogBegun); err != nil {
		return node.Stores{}, err
	}
	if err := reconcile(stable, watched, snapshots); err != nil {
		return node.Stores{}, fmt.Errorf("data directory %s: %w", d.path, err)
	}
	votes, err := d.openVotes(stable)
	if err != nil {
		return node.Stores{}, err
	}
	if err := d.keepFloor(known, watched); err != nil {
		return node.Stores{}, err
	}
	if err := d.watchFiles(logs); err != nil {
		return node.Stores{}, err
	}
	sealedFrom, err := d.sealFrom(logs)
	if err != nil {
		return node.Stores{}, err
	}
	return node.Stores{Logs: watched, Stable: votes, Snapshots: snapshots, SealedFrom: sealedFrom, Describe: d.describeEntry}, nil
}

// openRaftFiles opens raft.db and the log, which are the same with bolt.
func (d *Dir) openRaftFiles(known *floor.Floor) (stable, logs entries, err error) {
	file, err := openBolt(d.file(boltFile), d.record.Stores, d.log)
	if err != nil {
		return nil, nil, err
	}
	stable = file
	d.open = append(d.open, stable)
	// A process that was killed before its sync left what it wrote in memory.
	if err := file.Sync(); err != nil {
		return nil, nil, fmt.Errorf("sync %s: %w", d.file(boltFile), err)
	}
	logs = stable
	if d.record.LogStore == WAL {
		logs, err = d.openWAL(known.Index())
	} else {
		err = d.checkBolt(stable, known.Index())
	}
	if err != nil {
		return nil, nil, err
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

func (d *Dir) openWAL(known uint64) (entries, error) {
	path := d.file("wal")
	if err := makeDirectory(path); err != nil {
		return nil, fmt.Errorf("make the log's directory: %w", err)
	}
	disk := directory.Disk(path)
	o := segments.Options{Path: path, Dir: disk, Meta: &segments.BoltMeta{}, SegmentBytes: segments.SegmentBytes(d.record.Server), FirstBytes: firstSegmentBytes,
		Floor: known, New: !d.record.Stores, Failed: d.failure.record, Logger: d.log, RaftWAL: hashicorpLogger(d.log)}
	copies, err := disk.CopiesOnWrite()
	if err != nil {
		return nil, err
	}
	if !copies {
		o.Room = disk.FreeBytes
	}
	logs, err := segments.Open(o)
	if err != nil {
		return nil, damage(err, "open the log in "+path)
	}
	d.open = append(d.open, logs)
	return logs, nil
}

// checkBolt refuses a log in raft.db that has lost its end.
func (d *Dir) checkBolt(logs raft.LogStore, known uint64) error {
	last, err := logs.LastIndex()
	if err != nil {
		return fmt.Errorf("read the log's last index: %w", err)
	}
	if last < known {
		return &DamageError{File: d.file(boltFile), Offset: -1, Index: last + 1, What: fmt.Sprintf("the log ends before it, and the entries to %d were stored", known)}
	}
	return nil
}

// openFloor opens what says how far the log was stored. A binary that knows nothing
// of it, and has used the directory since, has dropped the mark that it counts.
func (d *Dir) openFloor() (*floor.Floor, error) {
	if !d.record.Floor {
		if err := os.Remove(d.file(floor.FileName)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("remove the old %s: %w", d.file(floor.FileName), err)
		}
	} else if _, err := os.Stat(d.file(floor.FileName)); errors.Is(err, os.ErrNotExist) {
		d.log.Warn("the file that says how far the log was stored is gone and is begun anew", "file", floor.FileName)
	}
	known, err := floor.Open(directory.Disk(d.path), d.log)
	if err != nil {
		return nil, err
	}
	d.open = append(d.open, known)
	return known, nil
}

// keepFloor makes the floor count from now on: all that was found is stored.
func (d *Dir) keepFloor(known *floor.Floor, logs raft.LogStore) error {
	last, err := logs.LastIndex()
	if err != nil {
		return fmt.Errorf("read the log's last index: %w", err)
	}
	known.Raise(last)
	if err := known.Sync(); err != nil {
		return err
	}
	if d.record.Floor {
		return nil
	}
	next := d.record
	next.Floor = true
	return d.save(next)
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
		_, err := os.Stat(d.file(name))
		switch {
		case errors.Is(err, os.ErrNotExist):
			return &DamageError{File: d.file(name), Offset: -1, What: "votes or entries were stored in it, and it is not there", Err: err}
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
