package store

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// failure is the first entry that could not be stored. There is no way on from
// it: raft-wal keeps refusing after a segment could not be made, also when
// there is space again, and a server that stores nothing is in nobody's
// majority. Its process has to end, say why, and be started again.
type failure struct {
	path   string
	once   sync.Once
	failed chan struct{}
	err    error // set before failed is closed
}

func newFailure(path string) *failure { return &failure{path: path, failed: make(chan struct{})} }

func (f *failure) record(err error) {
	f.once.Do(func() {
		f.err = fmt.Errorf("the log cannot be written: %w (%s free at %s); make sure that there is space and that the disk is well, then start this server again", err, freeSpace(f.path), f.path)
		close(f.failed)
	})
}

func freeSpace(path string) string {
	var volume unix.Statfs_t
	if err := unix.Statfs(path, &volume); err != nil {
		return "unknown space is"
	}
	return fmt.Sprintf("%d MB are", volume.Bavail*uint64(volume.Bsize)>>20)
}

// Failed is closed when an entry could not be stored; Err says why.
func (d *Dir) Failed() <-chan struct{} { return d.failure.failed }

// Err is nil until Failed is closed.
func (d *Dir) Err() error {
	select {
	case <-d.failure.failed:
		return d.failure.err
	default:
		return nil
	}
}
