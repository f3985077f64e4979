package store

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// volume is the file system that snapshots are written to. Tests make it fail.
type volume interface {
	MakeDir(path string) error
	Create(path string) (volumeFile, error)
	Rename(from, to string) error
	SyncDir(path string) error
	Free(path string) (uint64, error) // bytes available to an unprivileged process
}

type volumeFile interface {
	io.WriteCloser
	WriteBack() error // starts writing dirty pages to the disk; waits at most for room in its queue
	Sync() error
}

// osVolume is the operating system's volume.
type osVolume struct{}

func (osVolume) MakeDir(path string) error { return os.Mkdir(path, 0o700) }
func (osVolume) Create(path string) (volumeFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return osVolumeFile{f}, nil
}

func (osVolume) Rename(from, to string) error { return os.Rename(from, to) }
func (osVolume) SyncDir(path string) error    { return syncDirectory(path) }

// osVolumeFile is a file on an osVolume.
type osVolumeFile struct{ *os.File }

func (f osVolumeFile) WriteBack() error { return writeBack(f.File) }

func (osVolume) Free(path string) (uint64, error) {
	var volume unix.Statfs_t
	if err := unix.Statfs(path, &volume); err != nil {
		return 0, err
	}
	return volume.Bavail * uint64(volume.Bsize), nil
}
