package directory

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Sync makes the content and the size durable. It leaves out the timestamps, so that a write into
// space that was written before costs no journal commit.
func (f *diskFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "sync", Path: f.Name(), Err: err}
		}
		return nil
	}
}

func reserve(f *os.File, bytes int64) error { return unix.Fallocate(int(f.Fd()), 0, 0, bytes) }

// From linux/magic.h, because golang.org/x/sys has no names for them.
const (
	magicZFS      = 0x2fc12fc1
	magicBcachefs = 0xca451a4e
)

func copiesOnWrite(volume *unix.Statfs_t) bool {
	switch uint32(volume.Type) {
	case unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC, magicZFS, magicBcachefs:
		return true
	}
	return false
}
