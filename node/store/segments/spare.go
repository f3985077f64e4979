package segments

import (
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kvorum/kvorum/node/store/directory"
)

// The names of the spare. raft-wal ignores files that do not end in ".wal".
const (
	spareName     = "spare"
	spareMaking   = "spare.part"
	segmentSuffix = ".wal"
)

// spares keeps one file of zeros ready, which becomes the next segment by a rename. A write into
// it allocates nothing, so a sync of it needs no commit of the file system's journal. One
// goroutine makes it, in pieces, while traffic goes on. Without a spare a segment is made as
// raft-wal does, so a failure here is no failure of the log.
//
// The zeros are synced before the file gets its name. No spare outlives its process.
type spares struct {
	dir   directory.Directory
	bytes int64
	room  func() (uint64, error)
	log   *slog.Logger

	wanted chan struct{}
	stop   chan struct{}
	done   chan struct{}

	mu       sync.Mutex
	ready    bool
	released bool // the spare in the making is abandoned
}

// newSpares starts the goroutine. Without a Room function there are never any spares.
func newSpares(o *Options) *spares {
	s := &spares{dir: o.Dir, bytes: int64(o.SegmentBytes), room: o.Room, log: o.Logger,
		wanted: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	if s.room == nil {
		close(s.done)
		return s
	}
	go s.run()
	return s
}

// want asks for a spare if there is none.
func (s *spares) want() {
	select {
	case s.wanted <- struct{}{}:
	default:
	}
}

// take renames the spare to a segment. It returns no file if none is ready or the rename fails.
func (s *spares) take(name string, size int64) (directory.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready || size != s.bytes {
		return nil, nil
	}
	s.ready = false
	if err := s.dir.Rename(spareName, name); err != nil {
		s.log.Warn("the spare segment cannot be taken; the next one is made when it is needed", "error", err)
		return nil, nil
	}
	return s.dir.Open(name, false)
}

// release frees the space of the spares, and reports whether there were any.
func (s *spares) release() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	had := false
	for _, name := range []string{spareName, spareMaking} {
		if s.dir.Remove(name) == nil {
			had = true
		}
	}
	s.ready, s.released = false, true
	return had
}

// clean removes what an earlier process left. After a power loss, a spare that was already used
// and written to may have its old name back. Also, data that was read into the cache in large
// pieces is slow to sync in small ones.
func (s *spares) clean() error {
	for _, name := range []string{spareName, spareMaking} {
		if err := s.dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (s *spares) close() {
	close(s.stop)
	<-s.done
}

// run makes a spare whenever one is wanted.
func (s *spares) run() {
	defer close(s.done)
	for {
		select {
		case <-s.stop:
			return
		case <-s.wanted:
		}
		if err := s.prepare(); err != nil && !errors.Is(err, errStopped) {
			s.log.Warn("no spare segment was made; the next one is made when it is needed", "error", err)
		}
	}
}

var errStopped = errors.New("stopped")

// prepare makes a spare, unless there is one already or there is no room.
func (s *spares) prepare() error {
	s.mu.Lock()
	ready := s.ready
	s.released = false
	s.mu.Unlock()
	if ready {
		return nil
	}
	free, err := s.room()
	if err != nil {
		return err
	}
	if free < uint64(s.bytes)+spareRoomBytes {
		return nil
	}
	if err := s.make(); err != nil {
		if gone := s.dir.Remove(spareMaking); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		if errors.Is(err, unix.ENOSPC) {
			return nil // somebody else needs the space
		}
		return err
	}
	return nil
}

// make creates the file, zeroes it in chunks, and gives it its name.
func (s *spares) make() error {
	file, err := s.dir.Open(spareMaking, true)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Allocate(s.bytes); err != nil {
		return err
	}
	for at := int64(0); at < s.bytes; at += spareChunkBytes {
		if s.givenUp() {
			return errStopped
		}
		began := time.Now()
		if err := writeZeros(file, at, min(spareChunkBytes, s.bytes-at)); err != nil {
			return err
		}
		if err := file.Sync(); err != nil {
			return err
		}
		if err := s.rest(time.Since(began)); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.dir.Rename(spareMaking, spareName); err != nil {
		return err
	}
	s.ready = true
	return nil
}

func (s *spares) givenUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.released
}

// rest leaves the disk to the log for a while.
func (s *spares) rest(worked time.Duration) error {
	pause := time.NewTimer(max(sparePauseMin, sparePauseShare*worked))
	defer pause.Stop()
	select {
	case <-s.stop:
		return errStopped
	case <-pause.C:
		return nil
	}
}
