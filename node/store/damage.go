package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	wal "github.com/hashicorp/raft-wal"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/node/store/segments"
)

// DamageError means that a file of the directory does not hold what was stored.
type DamageError struct {
	File   string // path
	Offset int64  // -1: the file as a whole
	Index  uint64 // of the entry, 0: none
	What   string // what is wrong, e.g. "its checksum does not fit"
	Err    error  // the cause, if there is one
}

// Error names the file and the place, then the problem, then the remedy.
func (e *DamageError) Error() string {
	return e.Found() + ": the directory must not be used again; " + node.AdviceEmpty
}

// Found is Error without the remedy, for a caller that has no other copy to be caught up from.
func (e *DamageError) Found() string {
	var place []string
	if e.Offset >= 0 {
		place = append(place, fmt.Sprintf("offset %d", e.Offset))
	}
	if e.Index > 0 {
		place = append(place, fmt.Sprintf("entry %d", e.Index))
	}
	parts := []string{e.File}
	if len(place) > 0 {
		parts = append(parts, strings.Join(place, ", "))
	}
	parts = append(parts, e.What)
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// orUnreadable returns a different error if a disk has failed to read the file: its content may be
// intact.
func (e *DamageError) orUnreadable() error {
	if e.Err == nil || errors.Is(e.Err, fs.ErrNotExist) || !diskFails(e.Err) {
		return e
	}
	return cannotRead(e.File, e.Index, e.Err)
}

// cannotRead returns the error for a file, or an entry in it, that a disk has failed to read.
func cannotRead(file string, index uint64, err error) error {
	subject := file
	if index > 0 {
		subject = fmt.Sprintf("%s: entry %d", file, index)
	}
	return fmt.Errorf("%s: %s cannot be read: %w; make sure that the disk is well, then start this server again; if it cannot be read then either, %s", cause(err), subject, err, node.AdviceEmpty)
}

// logError converts the damage that a log reports into a DamageError. It wraps any other error
// with the step that failed.
func logError(what string, err error) error {
	var found *segments.Damage
	if errors.As(err, &found) {
		damaged := DamageError(*found)
		return damaged.orUnreadable()
	}
	return step(what, err)
}

// describeEntry is node.Stores.Describe. It says what is wrong with an entry, in which file, and
// what to do. A disk that fails may recover; data that it has returned but that cannot be decoded
// is damage.
func (d *Dir) describeEntry(index uint64, what string, err error) error {
	if errors.As(err, new(*DamageError)) {
		return err
	}
	file := d.fileOf(index)
	if err == nil {
		return &DamageError{File: file, Offset: -1, Index: index, What: what}
	}
	if !diskFails(err) {
		return &DamageError{File: file, Offset: -1, Index: index, What: "it cannot be read", Err: err}
	}
	return cannotRead(file, index, err)
}

// diskFails reports whether an error comes from the disk or the process, and not from the data
// that the disk has returned.
func diskFails(err error) bool {
	return errors.As(err, new(syscall.Errno)) || errors.As(err, new(*fs.PathError)) || errors.Is(err, fs.ErrClosed) ||
		errors.Is(err, wal.ErrClosed) || errors.Is(err, bolterrors.ErrDatabaseNotOpen) || errors.Is(err, bolterrors.ErrTxClosed)
}

// fileOf returns the file that holds an entry, or the location of the log if no single file does.
func (d *Dir) fileOf(index uint64) string {
	if d.kind == Bolt {
		return d.file(boltFile)
	}
	holds := d.file(walDirectory)
	found, err := os.ReadDir(d.file(walDirectory)) // sorted by name, which begins with the first entry's index
	if err != nil || index == 0 {
		return holds
	}
	for _, segment := range found {
		var first, id uint64
		if _, err := fmt.Sscanf(segment.Name(), "%020d-%016x.wal", &first, &id); err == nil && first <= index {
			holds = filepath.Join(d.file(walDirectory), segment.Name())
		}
	}
	return holds
}
