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

const (
	// boltFile keeps Raft's term and vote, and with the bolt log store the log.
	boltFile = "raft.db"
	// walDirectory holds the log with the wal log store.
	walDirectory = "wal"
)

var (
	// keyOwner is the key under which each of Raft's files names its server. It distinguishes a
	// file that vanished and was created anew from the original.
	keyOwner = []byte("KvorumServer")
	// keyLogBegun is set in raft.db once the log has held an entry. From then on, an empty log
	// without a snapshot is a log that has vanished.
	keyLogBegun = []byte("KvorumLogBegun")
)

// entries is a log store that can be closed and labelled.
type entries interface {
	raft.LogStore
	raft.StableStore
	io.Closer
}

// opening opens the stores step by step. Close closes what each step has opened.
type opening struct {
	*Dir
	known      *floor.Floor // up to which entry the log was stored
	stable     entries      // raft.db
	logs       entries      // the log: raft.db, or the directory wal
	contiguous *contiguousLog
	snapshots  *snapshotStore
	votes      raft.StableStore
}

// Stores opens what Raft persists to. It refuses a directory that lacks something that Raft was
// told to have stored.
//
// Until it returns, Raft has stored nothing. So the identity is replaced once, in the last step,
// and a crash before that leaves it as it was.
func (d *Dir) Stores() (node.Stores, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := &opening{Dir: d}
	for _, step := range []func() error{
		o.checkRaftFiles, // before opening could make what has vanished anew
		o.openFloor,      // how far the log must reach
		o.openRaftDB,
		o.openLog,
		o.openSnapshots,
		o.reconcile, // log and snapshots, after a crash between the two
		o.openVotes,
		o.raiseFloor,
		o.keepMarks, // all of it must be there from now on
		o.watchFiles,
	} {
		if err := step(); err != nil {
			return node.Stores{}, err
		}
	}
	return node.Stores{Logs: o.contiguous, Stable: o.votes, Snapshots: o.snapshots, SetAside: o.snapshots.setAsides, SealedFrom: d.record.SealedFrom, Describe: d.describeEntry}, nil
}

// openRaftDB opens raft.db, which with the bolt log store also holds the log.
func (o *opening) openRaftDB() error {
	path := o.file(boltFile)
	file, err := openBolt(path, o.record.Stores, o.log)
	if err != nil {
		return err
	}
	o.stable = file
	o.open = append(o.open, file)
	// A process that was killed before its sync left what it wrote in memory.
	if err := file.Sync(); err != nil {
		return step("sync "+path, err)
	}
	return o.label(file, path)
}

// openLog opens the log and adds the checks that both kinds of log stores need.
func (o *opening) openLog() error {
	o.contiguous = &contiguousLog{path: o.file(boltFile), stable: o.stable, floor: o.known, failed: o.failure.record}
	var err error
	if o.record.LogStore == WAL {
		o.contiguous.path, o.contiguous.whole = o.file(walDirectory), true
		o.logs, err = o.openWAL(o.known.Index())
	} else {
		o.logs, err = o.stable, o.checkReach(o.stable, o.known.Index())
	}
	if err != nil {
		return err
	}
	o.contiguous.LogStore = o.logs
	o.contiguous.begun, err = hasFlag(o.stable, keyLogBegun)
	return err
}

// openSnapshots finds the snapshots.
func (o *opening) openSnapshots() (err error) {
	if o.snapshots, err = openSnapshots(o.Dir); err != nil {
		return step("open the snapshots in "+o.path, err)
	}
	return nil
}

// reconcile brings the log and the snapshots together.
func (o *opening) reconcile() error {
	r := reconciliation{stable: o.stable, logs: o.contiguous, snapshots: o.snapshots, path: o.contiguous.path,
		stored: node.Stores{Logs: o.contiguous, SealedFrom: o.record.SealedFrom, Describe: o.describeEntry}}
	if err := r.run(); err != nil {
		return step("bring log and snapshots in "+o.path+" together", err)
	}
	return nil
}

// openVotes opens the record of term and vote. A directory that is only read keeps what it has,
// because nobody votes from it.
func (o *opening) openVotes() (err error) {
	if o.votes = o.stable; o.existing {
		return nil
	}
	o.votes, err = openVotes(o.Dir, o.stable)
	return err
}

// raiseFloor records that everything that was found is stored.
func (o *opening) raiseFloor() error {
	if o.existing {
		return nil
	}
	last, err := o.contiguous.LastIndex()
	if err != nil {
		return fmt.Errorf("read the log's last index: %w", err)
	}
	o.known.Raise(last)
	if err := o.known.Sync(); err != nil {
		return step("sync "+o.file(floor.FileName), err)
	}
	return nil
}

// keepMarks records that Raft's files exist, that the vote file and the floor count, and from
// which index on every entry carries a seal: this release stores no other. The first release drops
// the last three marks when it raises the boot number at its start. So after a downgrade to it,
// the directory is accepted leniently once more.
func (o *opening) keepMarks() error {
	if o.existing || o.record.Stores && o.record.VoteFile && o.record.Floor && o.record.SealedFrom > 0 {
		return nil
	}
	next := o.record
	next.Stores, next.VoteFile, next.Floor = true, true, true
	if next.SealedFrom == 0 {
		last, err := o.contiguous.LastIndex()
		if err != nil {
			return fmt.Errorf("read the log's last index: %w", err)
		}
		next.SealedFrom = last + 1
	}
	// The files' names first: the mark says that they are there.
	if err := syncDirectory(o.path); err != nil {
		return step("sync "+o.path, err)
	}
	return o.save(next)
}

// openWAL opens the log in the directory wal, and creates it if the directory is new.
func (d *Dir) openWAL(known uint64) (entries, error) {
	path := d.file(walDirectory)
	if err := makeDirectory(path); err != nil {
		return nil, step("make the log's directory "+path, err)
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
		return nil, logError("open the log in "+path, err)
	}
	d.open = append(d.open, logs)
	return logs, d.label(logs, filepath.Join(path, metadb.FileName))
}

// checkReach refuses a log in raft.db that has lost its end.
func (d *Dir) checkReach(logs raft.LogStore, known uint64) error {
	last, err := logs.LastIndex()
	if err != nil {
		return fmt.Errorf("read the log's last index: %w", err)
	}
	if last < known {
		return &DamageError{File: d.file(boltFile), Offset: -1, Index: last + 1, What: fmt.Sprintf("the log ends before it, and the entries to %d were stored", known)}
	}
	return nil
}

// openFloor opens the file that says how far the log was stored. If a binary that does not know
// the file has used the directory since, it has dropped the mark that makes the file count.
func (o *opening) openFloor() (err error) {
	var dir directory.Directory = directory.Disk(o.path)
	switch {
	case o.record.Floor:
		if _, err := os.Stat(o.file(floor.FileName)); errors.Is(err, os.ErrNotExist) {
			o.log.Warn("the file that says how far the log was stored is gone and is begun anew", "file", floor.FileName)
		}
	case o.existing:
		dir = directory.NewMemory(nil) // so that no file is left behind
	default:
		if err := os.Remove(o.file(floor.FileName)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return step("remove the old "+o.file(floor.FileName), err)
		}
	}
	if o.known, err = floor.Open(dir, o.log); err != nil {
		return step("open "+o.file(floor.FileName), err)
	}
	o.open = append(o.open, o.known)
	return nil
}

// checkRaftFiles finds files that have vanished, before opening could create them anew. It removes
// what a crash left of a first opening, in which nothing was ever stored.
func (d *Dir) checkRaftFiles() error {
	if !d.record.Stores && d.existing {
		return fmt.Errorf("data directory %s holds no entry and no snapshot: its server has never come as far as that", d.path)
	}
	if !d.record.Stores {
		return errors.Join(os.RemoveAll(d.file(boltFile)), os.RemoveAll(d.file(walDirectory)))
	}
	names := []string{boltFile}
	if d.record.LogStore == WAL {
		names = append(names, filepath.Join(walDirectory, metadb.FileName))
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

// label writes the server's name into a new file, and checks the name in an old one.
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

// hasFlag reports whether a key is set.
func hasFlag(stable raft.StableStore, key []byte) (bool, error) {
	value, err := stable.Get(key)
	if err != nil && !errors.Is(err, errBoltNotFound) {
		return false, fmt.Errorf("read flag %s: %w", key, err)
	}
	return len(value) > 0, nil
}
