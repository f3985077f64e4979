// Package floor remembers up to which entry a log is known to have been stored. So a log that ends
// before that entry can be told from one that a crash cut short.
//
// The floor is written after each store, without a sync. After a kill it is exact. After a power
// loss it lags by what was written since its last sync; it syncs itself soon after a change. It is
// never ahead of the log: it is raised after an entry was synced, and lowered, durably, before
// entries are removed.
//
// A floor that is damaged or missing is no loss of the log, only of this protection.
package floor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/kvorum/kvorum/node/store/directory"
)

const (
	// FileName is the name of the file, and fileMaking that of a new one until it is renamed.
	FileName   = "floor"
	fileMaking = "floor.tmp"
	// The file: a magic, the index, a checksum over both. It fits one sector, which is written
	// whole or not at all.
	magic       = "KVFLOOR1"
	recordBytes = 20
	// syncPause is the time for which further changes are collected before the next sync.
	syncPause = time.Second
)

// Floor is the floor of one log. Its methods may be called concurrently.
type Floor struct {
	file directory.File
	log  *slog.Logger

	mu     sync.Mutex
	index  uint64
	warned bool

	moved chan struct{}
	stop  chan struct{}
	done  chan struct{}
}

// Open opens the floor in dir, or creates an empty one.
func Open(dir directory.Directory, log *slog.Logger) (*Floor, error) {
	file, index, err := open(dir, log)
	if err != nil {
		return nil, fmt.Errorf("open the file %s: %w", FileName, err)
	}
	f := &Floor{file: file, log: log, index: index,
		moved: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go f.run()
	return f, nil
}

// open opens or creates the file and reads its index. It starts over if the file is damaged.
func open(dir directory.Directory, log *slog.Logger) (directory.File, uint64, error) {
	file, err := dir.Open(FileName, false)
	if errors.Is(err, fs.ErrNotExist) {
		file, err = create(dir)
	}
	if err != nil {
		return nil, 0, err
	}
	record := make([]byte, recordBytes)
	n, err := file.ReadAt(record, 0)
	index, ok := decode(record[:n])
	if !ok {
		index = 0
		if err == nil {
			err = errors.New("its checksum does not fit")
		}
		log.Warn("the file that says how far the log was stored cannot be read and is begun anew", "file", FileName, "error", err)
	}
	return file, index, nil
}

// create creates a file with index 0, durably.
func create(dir directory.Directory) (directory.File, error) {
	if err := dir.Remove(fileMaking); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	file, err := dir.Open(fileMaking, true)
	if err != nil {
		return nil, err
	}
	if _, err = file.WriteAt(encode(0), 0); err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = dir.Rename(fileMaking, FileName)
	}
	if err == nil {
		err = dir.Sync()
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func encode(index uint64) []byte {
	record := binary.LittleEndian.AppendUint64([]byte(magic), index)
	return binary.LittleEndian.AppendUint32(record, crc32.Checksum(record, crc32.MakeTable(crc32.Castagnoli)))
}

func decode(record []byte) (index uint64, ok bool) {
	if len(record) != recordBytes {
		return 0, false
	}
	index = binary.LittleEndian.Uint64(record[len(magic):])
	return index, string(encode(index)) == string(record)
}

// Index returns the last entry that is known to have been stored, 0 for none.
func (f *Floor) Index() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.index
}

// Raise records that the entries up to index have been stored and synced. A failure to write this
// down is not fatal: the floor is then lower than it could be.
func (f *Floor) Raise(index uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if index <= f.index {
		return
	}
	f.index = index
	if _, err := f.file.WriteAt(encode(index), 0); err != nil {
		f.warn(err)
		return
	}
	select {
	case f.moved <- struct{}{}:
	default:
	}
}

// Lower records that the entries behind index are about to be removed. If it fails, they must
// stay.
func (f *Floor) Lower(index uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if index >= f.index {
		return nil
	}
	_, err := f.file.WriteAt(encode(index), 0)
	if err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("lower the floor of the log to %d: %w", index, err)
	}
	f.index = index
	return nil
}

// Sync makes the floor durable.
func (f *Floor) Sync() error {
	if err := f.file.Sync(); err != nil {
		return fmt.Errorf("sync the floor of the log: %w", err)
	}
	return nil
}

// Close makes the floor durable and closes it.
func (f *Floor) Close() error {
	close(f.stop)
	<-f.done
	return errors.Join(f.Sync(), f.file.Close())
}

// warn logs the first failure.
func (f *Floor) warn(err error) {
	if !f.warned {
		f.warned = true
		f.log.Warn("how far the log was stored cannot be written down; a damaged end of the log may not be noticed", "error", err)
	}
}

// run syncs the file after changes, at most once per syncPause.
func (f *Floor) run() {
	defer close(f.done)
	for {
		select {
		case <-f.stop:
			return
		case <-f.moved:
		}
		if err := f.Sync(); err != nil {
			f.mu.Lock()
			f.warn(err)
			f.mu.Unlock()
		}
		pause := time.NewTimer(syncPause)
		select {
		case <-f.stop:
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}
