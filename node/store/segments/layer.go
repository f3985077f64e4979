package segments

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/hashicorp/raft-wal/types"
	"golang.org/x/sys/unix"

	"github.com/kvorum/kvorum/node/store/directory"
)

// layer is the file layer below raft-wal. It uses a spare for a new segment, and its syncs leave
// the timestamps out. All of raft-wal's calls concern one directory, so layer ignores their first
// argument.
type layer struct {
	dir    directory.Directory
	spares *spares
	atOnce uint64      // a file of up to this size is zeroed when it is created
	failed func(error) // told of failures that raft-wal would only log
}

// ListDir lists the files.
func (l *layer) ListDir(string) ([]string, error) { return l.dir.Names() }

// Create creates a segment's file. raft-wal logs an error and goes on, so the error is kept.
func (l *layer) Create(_, name string, size uint64) (types.WritableFile, error) {
	file, err := l.create(name, int64(size))
	if err != nil {
		l.failed(fmt.Errorf("make the next segment of the log: %w", err))
		return nil, err
	}
	return &tailFile{File: file, layer: l, soon: int64(size) / spareAtShare}, nil
}

// create takes a spare, or allocates a new file. If the disk is full it frees the spares first.
func (l *layer) create(name string, size int64) (directory.File, error) {
	file, err := l.spares.take(name, size)
	if file != nil || err != nil {
		return file, err
	}
	file, err = l.allocated(name, size)
	if errors.Is(err, unix.ENOSPC) && l.spares.release() { // the space of the spares is reserved for this
		return l.allocated(name, size)
	}
	return file, err
}

// allocated creates a file of the given size.
func (l *layer) allocated(name string, size int64) (directory.File, error) {
	file, err := l.dir.Open(name, true)
	if err != nil {
		return nil, err
	}
	err = file.Allocate(size)
	if err == nil && uint64(size) <= l.atOnce {
		if err = writeZeros(file, 0, size); err == nil {
			err = file.Sync()
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close(), l.dir.Remove(name))
	}
	return file, nil
}

// writeZeros writes zeros, a page at a time. What Linux gets in one piece it caches in one piece,
// and then scans all of it at each sync of a small entry.
func writeZeros(file directory.File, at, bytes int64) error {
	for end := at + bytes; at < end; at += zeroBytes {
		if _, err := file.WriteAt(zeros[:min(zeroBytes, end-at)], at); err != nil {
			return err
		}
	}
	return nil
}

var zeros = make([]byte, zeroBytes)

// Delete removes a segment's file.
func (l *layer) Delete(_, name string) error {
	if err := l.dir.Remove(name); err != nil {
		return err
	}
	return l.dir.Sync()
}

// OpenReader opens a sealed segment.
func (l *layer) OpenReader(_, name string) (types.ReadableFile, error) {
	return l.dir.Open(name, false)
}

// OpenWriter opens the existing tail.
func (l *layer) OpenWriter(_, name string) (types.WritableFile, error) {
	file, err := l.dir.Open(name, false)
	if err != nil {
		return nil, err
	}
	return &tailFile{File: file, layer: l, named: true, soon: l.spares.bytes / spareAtShare}, nil
}

// tailFile is the file that entries are appended to.
type tailFile struct {
	directory.File
	layer *layer
	named bool  // its name is durable
	soon  int64 // the first write beyond this offset asks for a spare
	asked atomic.Bool
}

// WriteAt writes a batch. Once a certain part of the segment is written, it asks for a spare for
// the next one.
func (f *tailFile) WriteAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > f.soon && f.asked.CompareAndSwap(false, true) {
		f.layer.spares.want()
	}
	n, err := f.File.WriteAt(p, at)
	if err != nil {
		f.layer.failed(fmt.Errorf("write the log: %w", err))
	}
	return n, err
}

// Sync makes the batch durable, and the first time also the file's name.
func (f *tailFile) Sync() error {
	err := f.File.Sync()
	if err == nil && !f.named {
		err = f.layer.dir.Sync()
		f.named = err == nil
	}
	if err != nil {
		f.layer.failed(fmt.Errorf("sync the log: %w", err))
	}
	return err
}
