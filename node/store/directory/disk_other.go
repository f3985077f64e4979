//go:build !linux

package directory

import (
	"os"

	"golang.org/x/sys/unix"
)

// Sync makes durable what was written.
func (f *diskFile) Sync() error { return f.File.Sync() }

func reserve(*os.File, int64) error { return unix.ENOTSUP }

// copiesOnWrite returns true, because APFS is copy-on-write.
func copiesOnWrite(*unix.Statfs_t) bool { return true }
