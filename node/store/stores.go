package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
	boltdb "github.com/hashicorp/raft-boltdb/v2"
	"github.com/hashicorp/raft-wal/metadb"
	"go.etcd.io/bbolt"

	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/node/store/boltfile"
	"github.com/kvorum/kvorum/node/store/directory"
	"github.com/kvorum/kvorum/node/store/floor"
	"github.com/kvorum/kvorum/node/store/segments"
)

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
	watched := &contiguousLog{LogStore: logs, path: d.file("raft.db"), stable: stable, floor: known, failed: d.failure.record, whole: d.record.LogStore == WAL}
	if watched.whole {
		watched.path = d.file("wal")
	}
	if watched.begun, err = hasFlag(stable, keyLogBegun); err != nil {
		return node.Stores{}, err
	}
	if err := reconcile(stable, checkedLog{watched, d.describeEntry}, snapshots); err != nil {
		return node.Stores{}, fmt.Errorf("data directory %s: %w", d.path, err)
	}
	if err := d.keepFloor(known, watched); err != nil {
		return node.Stores{}, err
	}
	sealedFrom, err := d.sealFrom(logs)
	if err != nil {
		return node.Stores{}, err
	}
	return node.Stores{Logs: watched, Stable: &votes{StableStore: stable}, Snapshots: snapshots, SealedFrom: sealedFrom, Describe: d.describeEntry}, nil
}

// openRaftFiles opens raft.db and the log, which are the same with bolt.
func (d *Dir) openRaftFiles(known *floor.Floor) (stable *boltdb.BoltStore, logs entries, err error) {
	if err := d.checkRaftDB(); err != nil {
		return nil, nil, err
	}
	stable, err = boltdb.New(boltdb.Options{
		Path: d.file("raft.db"),
		BoltOptions: &bbolt.Options{
			Timeout: boltLockWait,
			// Else the free list is written again at every commit.
			NoFreelistSync: true,
			FreelistType:   bbolt.FreelistMapType,
		},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", d.file("raft.db"), err)
	}
	d.open = append(d.open, stable)
	// A process that was killed before its sync left what it wrote in memory.
	if err := stable.Sync(); err != nil {
		return nil, nil, fmt.Errorf("sync %s: %w", d.file("raft.db"), err)
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
	for _, file := range []entries{stable, logs} {
		if err := d.label(file); err != nil {
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

// checkRaftDB reads raft.db without bbolt, which would fall back to its last state but
// one, and so forget a vote, or end the process.
func (d *Dir) checkRaftDB() error {
	if !d.record.Stores {
		return nil // it is not there yet
	}
	if err := boltfile.CheckFile(d.file("raft.db")); err != nil {
		return &DamageError{File: d.file("raft.db"), Offset: -1, What: "the term and the vote cannot be read", Err: err}
	}
	return nil
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
func (d *Dir) checkBolt(logs *boltdb.BoltStore, known uint64) error {
	last, err := logs.LastIndex()
	if err != nil {
		return fmt.Errorf("read the log's last index: %w", err)
	}
	if last < known {
		return &DamageError{File: d.file("raft.db"), Offset: -1, Index: last + 1, What: fmt.Sprintf("the log ends before it, and the entries to %d were stored", known)}
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
		return errors.Join(os.RemoveAll(d.file("raft.db")), os.RemoveAll(d.file("wal")))
	}
	names := []string{"raft.db"}
	if d.record.LogStore == WAL {
		names = append(names, filepath.Join("wal", metadb.FileName))
	}
	for _, name := range names {
		_, err := os.Stat(d.file(name))
		if errors.Is(err, os.ErrNotExist) {
			return &DamageError{File: d.file(name), Offset: -1, What: "votes or entries were stored in it, and it is not there", Err: err}
		}
		if err != nil {
			return fmt.Errorf("look for %s: %w", name, err)
		}
	}
	return nil
}

// label writes the server's name into a new file, and checks it in an old one.
func (d *Dir) label(file raft.StableStore) error {
	owner, err := file.Get(keyOwner)
	if err != nil && !errors.Is(err, boltdb.ErrKeyNotFound) {
		return fmt.Errorf("read the owner of Raft's files: %w", err)
	}
	switch {
	case string(owner) == d.record.Server:
		return nil
	case len(owner) > 0:
		return fmt.Errorf("data directory %s holds Raft's files of %s, and belongs to %s: %s", d.path, owner, d.record.Server, adviceEmpty)
	case d.record.Stores:
		return &DamageError{File: d.path, Offset: -1, What: "Raft's files have vanished and were made anew"}
	}
	if err := file.Set(keyOwner, []byte(d.record.Server)); err != nil {
		return fmt.Errorf("label Raft's files: %w", err)
	}
	return nil
}

func hasFlag(stable raft.StableStore, key []byte) (bool, error) {
	value, err := stable.Get(key)
	if err != nil && !errors.Is(err, boltdb.ErrKeyNotFound) {
		return false, fmt.Errorf("read flag %s: %w", key, err)
	}
	return len(value) > 0, nil
}
