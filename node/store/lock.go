package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockName is the name of the lock file.
const lockName = "lock"

// lockFile holds the directory for this process. The kernel releases the lock when the process
// ends, however it ends. The file itself stays, so two processes can never lock two different
// files of that name.
type lockFile struct{ file *os.File }

// lockDirectory locks a directory for this process, or says which process holds it.
func lockDirectory(dir string) (*lockFile, error) {
	path := filepath.Join(dir, lockName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, step("open the lock of the data directory", err)
	}
	err = flock(file)
	if errors.Is(err, unix.EWOULDBLOCK) {
		holder := lockHolder(file)
		file.Close()
		return nil, fmt.Errorf("data directory %s is in use by %s: stop that process, or give this one a directory of its own", dir, holder)
	}
	if err != nil {
		file.Close()
		return nil, step("lock the data directory "+dir, err)
	}
	if err := writePID(file); err != nil {
		file.Close()
		return nil, step("write the lock of the data directory", err)
	}
	return &lockFile{file}, nil
}

// writePID overwrites what the last process wrote. That takes no space: a full disk must not keep
// a server from starting.
func writePID(file *os.File) error {
	n, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	if err != nil {
		return err
	}
	return file.Truncate(int64(n))
}

// flock waits a little for the lock, because a process that was just killed may still be exiting.
func flock(file *os.File) error {
	deadline := time.Now().Add(lockWait)
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(lockRetry)
	}
}

// lockHolder names the process that holds the lock, if the lock file tells.
func lockHolder(file *os.File) string {
	text := make([]byte, 32)
	n, _ := file.ReadAt(text, 0)
	if pid := strings.TrimSpace(string(text[:n])); pid != "" {
		return "process " + pid
	}
	return "another process"
}

func (l *lockFile) release() error { return l.file.Close() }
