package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncContent syncs a file whose size has not changed, without its times.
func syncContent(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return nil
	}
}

// writeBack has a file's pages written. It commits nothing in the file system's journal,
// for which the log's syncs would wait.
func writeBack(f *os.File) error {
	if err := unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE); err != nil && err != unix.ENOSYS && err != unix.EINTR {
		return &os.PathError{Op: "sync_file_range", Path: f.Name(), Err: err}
	}
	return nil
}
