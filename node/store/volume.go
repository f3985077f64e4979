package store

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// volume is what snapshots are written to; tests have it fail.
type volume interface {
	MakeDir(path string) error
	Create(path string) (volumeFile, error)
	Rename(from, to string) error
	SyncDir(path string) error
	Free(path string) (uint64, error) // bytes, for a process without privileges
}

type volumeFile interface {
	io.WriteCloser
	Sync() error
}

// osVolume is the operating system's.
type osVolume struct{}

func (osVolume) MakeDir(path string) error { return os.Mkdir(path, 0o700) }
func (osVolume) Create(path string) (volumeFile, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}
func (osVolume) Rename(from, to string) error { return os.Rename(from, to) }
func (osVolume) SyncDir(path string) error    { return syncDirectory(path) }

func (osVolume) Free(path string) (uint64, error) {
	var volume unix.Statfs_t
	if err := unix.Statfs(path, &volume); err != nil {
		return 0, err
	}
	return volume.Bavail * uint64(volume.Bsize), nil
}
