package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	boltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/kvorum/kvorum/node/store/boltpages"
)

// errBoltNotFound is the error for a missing key. Raft recognizes it by its text.
var errBoltNotFound = boltdb.ErrKeyNotFound

// The buckets of raft-boltdb.
const (
	logsBucket = "logs"
	confBucket = "conf"
)

// boltStore is raft.db without trust in what bbolt does not check. Before each operation it checks
// the pages that the operation will touch, from outside. It turns bbolt's panics and memory faults
// into errors. After the first of these it runs no further operation: the state of bbolt's locks
// and of its list of free pages is unknown.
type boltStore struct {
	*boltdb.BoltStore
	path string
	file *os.File // opened beside bbolt's own, for the checks

	mu     sync.Mutex    // one writer at a time, as in bbolt
	txid   atomic.Uint64 // of the last commit
	last   atomic.Uint64 // index of the last entry
	broken atomic.Pointer[error]
}

// openBolt opens raft.db. It checks the whole file first, unless the file is new.
func openBolt(path string, existing bool, log *slog.Logger) (*boltStore, error) {
	if existing {
		if err := checkBolt(path, log); err != nil {
			return nil, err
		}
	}
	s := &boltStore{path: path}
	err := s.guarded(0, func() (err error) {
		s.BoltStore, err = boltdb.New(boltdb.Options{
			Path: path,
			BoltOptions: &bbolt.Options{
				Timeout: boltLockWait,
				// Else the free list is written again at every commit.
				NoFreelistSync: true,
				FreelistType:   bbolt.FreelistMapType,
			},
		})
		return err
	})
	if errors.Is(err, bbolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%s is in use by another process, which does not respect the directory's lock: stop it, then start this server again", path)
	}
	if err != nil {
		return nil, step("open "+path, err)
	}
	if s.file, err = os.Open(path); err == nil {
		var meta boltpages.Meta
		meta, err = boltpages.ReadMeta(s.file)
		s.txid.Store(meta.TxID)
	}
	if err == nil {
		err = s.noteLast()
	}
	if err != nil {
		return nil, errors.Join(step("read "+path, err), s.Close())
	}
	return s, nil
}

// checkBolt checks a whole file before bbolt sees it: bbolt would panic over damage in a goroutine
// of its own. It reads the keys of the log, not the entries.
func checkBolt(path string, log *slog.Logger) error {
	file, err := os.Open(path)
	if err != nil {
		return step("open "+path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return step("look at "+path, err)
	}
	w := boltpages.Walk{Buckets: []string{logsBucket, confBucket}, Visit: contiguousKeys()}
	meta, err := w.Run(file, info.Size())
	if err != nil {
		return boltDamage(path, err).orUnreadable()
	}
	if meta.Alone {
		log.Warn("one of the two roots of raft.db is damaged, or was torn by a crash: the other one is used", slog.String("file", path), slog.Uint64("commit", meta.TxID))
	}
	return nil
}

// contiguousKeys returns a visitor that refuses a log with a gap.
func contiguousKeys() func(bucket string, key []byte, _ boltpages.Value) error {
	last := uint64(0)
	return func(bucket string, key []byte, _ boltpages.Value) error {
		if bucket != logsBucket {
			return nil
		}
		if len(key) != 8 {
			return fmt.Errorf("an entry of the log has a key of %d bytes", len(key))
		}
		index := binary.BigEndian.Uint64(key)
		if last != 0 && index != last+1 {
			return fmt.Errorf("entry %d of the log is followed by entry %d", last, index)
		}
		last = index
		return nil
	}
}

// boltDamage converts what a check has found into the directory's error.
func boltDamage(path string, err error) *DamageError {
	damage := &DamageError{File: path, Offset: -1, What: "it is damaged", Err: err}
	if fault := (*boltpages.Fault)(nil); errors.As(err, &fault) {
		damage.Offset, damage.What, damage.Err = fault.Offset, fault.What, fault.Err
	}
	return damage
}

// guarded runs an operation of bbolt. It turns a panic, or a fault in the memory that the file is
// mapped to, into an error.
func (s *boltStore) guarded(index uint64, do func() error) (err error) {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = s.fail(&DamageError{File: s.path, Offset: -1, Index: index, What: "it is damaged, or cannot be read", Err: panicCause(r, s.file)})
		}
	}()
	return do()
}

// panicCause returns why bbolt panicked. A fault in mapped memory does not say whether the disk is
// temporarily unreadable, which is no damage; reading the file does.
func panicCause(r any, file io.ReaderAt) error {
	if _, fault := r.(interface{ Addr() uintptr }); !fault {
		return fmt.Errorf("%v", r)
	}
	if _, err := io.Copy(io.Discard, io.NewSectionReader(file, 0, math.MaxInt64)); err != nil {
		return fmt.Errorf("%w (%v)", err, r)
	}
	return fmt.Errorf("%v", r)
}

// fail keeps the first damage that was found, and returns it.
func (s *boltStore) fail(damage *DamageError) error {
	err := damage.orUnreadable()
	s.broken.CompareAndSwap(nil, &err)
	return *s.broken.Load()
}

// read runs an operation that only reads, at the newest commit.
func (s *boltStore) read(index uint64, do func() error) error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	if err := s.newest(); err != nil {
		return err
	}
	return s.guarded(index, do)
}

// newest makes sure that the newest root is that of the last commit. bbolt reads the roots at each
// operation, and uses the older one if the newer one is damaged.
func (s *boltStore) newest() error {
	last := s.txid.Load()
	meta, err := boltpages.ReadMeta(s.file)
	if err != nil {
		return s.fail(boltDamage(s.path, err))
	}
	if meta.TxID < last {
		return s.fail(&DamageError{File: s.path, Offset: -1, What: fmt.Sprintf("the root of its last commit, %d, is damaged", last)})
	}
	return nil
}

// write runs one transaction after checking the pages that it may touch: those of all small
// buckets, and those of the log with entries from first to last.
func (s *boltStore) write(first, last uint64, do func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.broken.Load(); err != nil {
		return *err
	}
	if err := s.newest(); err != nil {
		return err
	}
	info, err := s.file.Stat()
	if err != nil {
		return fmt.Errorf("look at %s: %w", s.path, err)
	}
	from, to := binary.BigEndian.AppendUint64(nil, first), binary.BigEndian.AppendUint64(nil, last)
	w := boltpages.Walk{Only: func(bucket string, low, high []byte) bool {
		return bucket != logsBucket || bytes.Compare(low, to) <= 0 && (high == nil || bytes.Compare(high, from) > 0)
	}}
	if _, err := w.Run(s.file, info.Size()); err != nil {
		return s.fail(boltDamage(s.path, err))
	}
	if err := s.guarded(first, do); err != nil {
		return err
	}
	s.txid.Add(1)
	return nil
}

// FirstIndex implements raft.LogStore.
func (s *boltStore) FirstIndex() (index uint64, err error) {
	err = s.read(0, func() (err error) { index, err = s.BoltStore.FirstIndex(); return err })
	return index, err
}

// LastIndex implements raft.LogStore.
func (s *boltStore) LastIndex() (index uint64, err error) {
	err = s.read(0, func() (err error) { index, err = s.BoltStore.LastIndex(); return err })
	return index, err
}

// GetLog implements raft.LogStore.
func (s *boltStore) GetLog(index uint64, log *raft.Log) error {
	get := func() error { return s.BoltStore.GetLog(index, log) }
	err := s.read(index, get)
	if errors.Is(err, raft.ErrLogNotFound) {
		if first, firstErr := s.FirstIndex(); firstErr != nil {
			return firstErr
		} else if first == 0 || index < first || index > s.last.Load() {
			return err
		}
		err = s.read(index, get) // it may have been deleted or stored since
	}
	switch {
	case errors.Is(err, raft.ErrLogNotFound):
		return s.fail(&DamageError{File: s.path, Offset: -1, Index: index, What: "it is not there, between others that are"})
	case err == nil, errors.As(err, new(*DamageError)):
		return err
	}
	return &DamageError{File: s.path, Offset: -1, Index: index, What: "it cannot be decoded", Err: err}
}

// noteLast stores the index of the last entry.
func (s *boltStore) noteLast() error {
	last, err := s.LastIndex()
	if err == nil {
		s.last.Store(last)
	}
	return err
}

// StoreLog implements raft.LogStore.
func (s *boltStore) StoreLog(log *raft.Log) error { return s.StoreLogs([]*raft.Log{log}) }

// StoreLogs implements raft.LogStore.
func (s *boltStore) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	first, last := logs[0].Index, logs[len(logs)-1].Index
	err := s.write(first, last, func() error { return s.BoltStore.StoreLogs(logs) })
	if err == nil {
		s.last.Store(last)
	}
	return err
}

// DeleteRange implements raft.LogStore.
func (s *boltStore) DeleteRange(first, last uint64) error {
	if last >= s.last.Load() {
		s.last.Store(first - 1)
	}
	if err := s.write(first, last, func() error { return s.BoltStore.DeleteRange(first, last) }); err != nil {
		return err
	}
	return s.noteLast()
}

// Set implements raft.StableStore.
func (s *boltStore) Set(key, value []byte) error {
	return s.write(1, 0, func() error { return s.BoltStore.Set(key, value) })
}

// Get implements raft.StableStore.
func (s *boltStore) Get(key []byte) (value []byte, err error) {
	err = s.read(0, func() (err error) { value, err = s.BoltStore.Get(key); return err })
	return value, err
}

// SetUint64 implements raft.StableStore.
func (s *boltStore) SetUint64(key []byte, value uint64) error {
	return s.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// GetUint64 implements raft.StableStore.
func (s *boltStore) GetUint64(key []byte) (uint64, error) {
	value, err := s.Get(key)
	if err != nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, &DamageError{File: s.path, Offset: -1, What: fmt.Sprintf("%s has %d bytes", key, len(value))}
	}
	return binary.BigEndian.Uint64(value), nil
}

// Close closes raft.db. After a panic bbolt may have been left with a lock held, for which its
// Close would wait. In that case the end of the process does the rest.
func (s *boltStore) Close() error {
	var err error
	if s.file != nil {
		err = s.file.Close()
	}
	closed := make(chan error, 1)
	go func() { closed <- s.BoltStore.Close() }()
	if s.broken.Load() == nil {
		return errors.Join(err, <-closed)
	}
	select {
	case closeErr := <-closed:
		return errors.Join(err, closeErr)
	case <-time.After(boltLockWait):
		return err
	}
}
