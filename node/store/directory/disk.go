package directory

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Disk is the directory at a path.
type Disk string

// Names lists the regular files, sorted.
func (d Disk) Names() ([]string, error) {
	found, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range found {
		if entry.Type().IsRegular() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// Open opens a file for reading and writing. With create the file must not exist yet.
func (d Disk) Open(name string, create bool) (File, error) {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(filepath.Join(string(d), name), flags, 0o600)
	if err != nil {
		return nil, err
	}
	return &diskFile{f}, nil
}

// Rename renames a file.
func (d Disk) Rename(from, to string) error {
	return os.Rename(filepath.Join(string(d), from), filepath.Join(string(d), to))
}

// Remove removes a file.
func (d Disk) Remove(name string) error { return os.Remove(filepath.Join(string(d), name)) }

// Sync makes the set of names durable.
func (d Disk) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// CopiesOnWrite reports whether the file system is copy-on-write, or keeps its files in memory.
// Zeroing a file in advance gains nothing there.
func (d Disk) CopiesOnWrite() (bool, error) {
	var volume unix.Statfs_t
	if err := unix.Statfs(string(d), &volume); err != nil {
		return false, fmt.Errorf("ask for the file system of %s: %w", string(d), err)
	}
	return copiesOnWrite(&volume), nil
}

// FreeBytes returns how much space is left.
func (d Disk) FreeBytes() (uint64, error) {
	var volume unix.Statfs_t
	if err := unix.Statfs(string(d), &volume); err != nil {
		return 0, fmt.Errorf("ask for the space at %s: %w", string(d), err)
	}
	return volume.Bavail * uint64(volume.Bsize), nil
}

// diskFile is a file on a disk.
type diskFile struct{ *os.File }

// Allocate sets the file's size and reserves the space.
func (f *diskFile) Allocate(bytes int64) error {
	err := reserve(f.File, bytes)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINTR) {
		err = f.Truncate(bytes)
	}
	if err != nil {
		return &os.PathError{Op: "allocate", Path: f.Name(), Err: err}
	}
	return nil
}
