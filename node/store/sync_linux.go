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
