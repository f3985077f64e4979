package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncContent syncs the content of a file whose size has not changed, without its timestamps.
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

// writeBack starts writing a file's dirty pages. It commits nothing in the file system's journal;
// the log's syncs would have to wait for such a commit.
func writeBack(f *os.File) error {
	if err := unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE); err != nil && err != unix.ENOSYS && err != unix.EINTR {
		return &os.PathError{Op: "sync_file_range", Path: f.Name(), Err: err}
	}
	return nil
}
