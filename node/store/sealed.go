package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/kvorum/kvorum/node/store/segments"
)

// sealFrom is the first index from which every entry of the log carries a seal: where
// this release first began to write. The record of it is dropped by the first release,
// which stores entries without seals, when it raises the boot number at its start; so
// after an excursion to that the directory is taken leniently once more.
func (d *Dir) sealFrom(logs raft.LogStore) (uint64, error) {
	if d.record.SealedFrom > 0 || d.existing {
		return d.record.SealedFrom, nil
	}
	last, err := logs.LastIndex()
	if err != nil {
		return 0, fmt.Errorf("read the log's last index: %w", err)
	}
	next := d.record
	next.SealedFrom = last + 1
	if err := d.save(next); err != nil {
		return 0, fmt.Errorf("record from where entries are sealed: %w", err)
	}
	return next.SealedFrom, nil
}

// checkedLog is the log as it is read while the directory is opened: damage is an error
// that names the file, and no panic. Seals are checked when all of
// the log is read, next.
type checkedLog struct {
	raft.LogStore
	describe func(index uint64, what string, err error) error
}

// GetLog reads an entry.
func (c checkedLog) GetLog(index uint64, l *raft.Log) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = c.describe(index, fmt.Sprintf("it cannot be decoded: %v", cause), nil)
		}
	}()
	err = c.LogStore.GetLog(index, l)
	switch {
	case errors.Is(err, raft.ErrLogNotFound):
		return err
	case err != nil:
		return c.describe(index, "", err)
	case l.Index != index:
		return c.describe(index, fmt.Sprintf("it says that it is entry %d", l.Index), nil)
	}
	return nil
}

// describeEntry is node.Stores.Describe: what is wrong with an entry, in which file, and
// what to do. A disk that fails may be well again; what it has returned and cannot be
// read is damage.
func (d *Dir) describeEntry(index uint64, what string, err error) error {
	var found *segments.Damage
	switch {
	case errors.As(err, new(*DamageError)):
		return err
	case errors.As(err, &found):
		return damage(err, "")
	}
	file := d.fileOf(index)
	if err == nil {
		return &DamageError{File: file, Offset: -1, Index: index, What: what}
	}
	if !diskFails(err) {
		return &DamageError{File: file, Offset: -1, Index: index, What: "it cannot be read", Err: err}
	}
	subject := file
	if index > 0 {
		subject = fmt.Sprintf("%s: entry %d", file, index)
	}
	return fmt.Errorf("%w: %s cannot be read: make sure that the disk is well, then start this server again; if it cannot be read then either, %s", err, subject, adviceEmpty)
}

// diskFails reports whether an error is of the disk or the process, and not of what
// the disk has returned.
func diskFails(err error) bool {
	return errors.As(err, new(syscall.Errno)) || errors.As(err, new(*fs.PathError)) || errors.Is(err, fs.ErrClosed) ||
		errors.Is(err, wal.ErrClosed) || errors.Is(err, bolterrors.ErrDatabaseNotOpen) || errors.Is(err, bolterrors.ErrTxClosed)
}

// fileOf is the file that holds an entry, or where the log is if no single one does.
func (d *Dir) fileOf(index uint64) string {
	if d.record.LogStore == Bolt {
		return d.file("raft.db")
	}
	holds := d.file("wal")
	found, err := os.ReadDir(d.file("wal")) // by name, which begins with the first entry's index
	if err != nil || index == 0 {
		return holds
	}
	for _, segment := range found {
		var first, id uint64
		if _, err := fmt.Sscanf(segment.Name(), "%020d-%016x.wal", &first, &id); err == nil && first <= index {
			holds = filepath.Join(d.file("wal"), segment.Name())
		}
	}
	return holds
}
