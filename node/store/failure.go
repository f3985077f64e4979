package store

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// failure is the first thing that the directory could not do, or that was found wrong with it.
// There is no recovery: raft-wal keeps refusing after a segment could not be created, even when
// there is space again, and a server that stores nothing is in nobody's majority. The process has
// to end, say why, and be restarted.
type failure struct {
	path   string
	once   sync.Once
	failed chan struct{}
	err    error // set before failed is closed
}

func newFailure(path string) *failure { return &failure{path: path, failed: make(chan struct{})} }

// record records that an entry could not be stored.
func (f *failure) record(err error) { f.unwritable("the log", err) }

// unwritable records that something could not be written. The message begins with the cause.
func (f *failure) unwritable(what string, err error) {
	if damage := (*DamageError)(nil); errors.As(err, &damage) {
		f.keep(damage)
		return
	}
	f.keep(fmt.Errorf("%s: %s cannot be written: %w (%s free at %s); %s, then start this server again",
		cause(err), what, err, freeSpace(f.path), f.path, remedy(err)))
}

// keep records err as the failure unless there is one already.
func (f *failure) keep(err error) {
	f.once.Do(func() {
		f.err = err
		close(f.failed)
	})
}

// step returns the error of a failed step: the cause first, then the step, then the remedy.
func step(what string, err error) error {
	if errors.As(err, new(*DamageError)) {
		return err
	}
	return fmt.Errorf("%s: %s: %w; %s", cause(err), what, err, remedy(err))
}

// cause returns what the operating system has said, without the steps that led there.
func cause(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err.Error()
}

// remedy returns what an operator can do about an error of the operating system.
func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "make space there"
	case errors.Is(err, syscall.EIO):
		return "see whether the disk is well"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "let this process write there"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "raise the limit of open files"
	case errors.Is(err, syscall.ENOTDIR):
		return "give a directory"
	}
	return "make sure that there is space and that the disk is well"
}

func freeSpace(path string) string {
	var volume unix.Statfs_t
	if err := unix.Statfs(path, &volume); err != nil {
		return "unknown space is"
	}
	return fmt.Sprintf("%d MB are", volume.Bavail*uint64(volume.Bsize)>>20)
}

// Failed returns a channel that is closed when the directory cannot be used any more. Err says
// why.
func (d *Dir) Failed() <-chan struct{} { return d.failure.failed }

// Err returns why the directory has failed. It is nil until Failed is closed.
func (d *Dir) Err() error {
	select {
	case <-d.failure.failed:
		return d.failure.err
	default:
		return nil
	}
}
