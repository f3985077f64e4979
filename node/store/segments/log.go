package segments

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
	"golang.org/x/sys/unix"

	"github.com/kvorum/kvorum/node/store/directory"
)

// Options says which log to open.
type Options struct {
	Path         string // of the directory; also used in messages
	Dir          directory.Directory
	Meta         types.MetaStore
	SegmentBytes int    // size of a new segment; see SegmentBytes
	FirstBytes   int    // size of a new log's first segment, which is zeroed when it is created
	Floor        uint64 // the last entry that is known to have been stored; 0: none
	New          bool   // nothing was ever stored in it
	// Room returns how much space is free. If it is nil, no spares are made.
	Room func() (uint64, error)
	// Failed is told of the first failure, which ends all appending. It may be nil.
	Failed  func(error)
	Logger  *slog.Logger
	RaftWAL hclog.Logger // what raft-wal logs
}

// SegmentBytes returns the size of a server's segments. It differs from server to server, so that
// they do not all rotate at the same entry.
func SegmentBytes(server string) int {
	name := fnv.New32a()
	name.Write([]byte(server))
	return segmentBytes + int(name.Sum32()%(segmentBytesSpread/segmentBytesStep))*segmentBytesStep
}

// Log is a raft-wal log whose files have been verified, and whose errors name their cause.
type Log struct {
	*wal.WAL
	spares *spares
	cause  *cause
}

// Open verifies the log, finishes what a crash interrupted, and opens it. It changes nothing in a
// log that it refuses.
func Open(o Options) (*Log, error) {
	c := &cause{told: o.Failed}
	l := &Log{spares: newSpares(&o), cause: c}
	meta := &watchedMeta{MetaStore: o.Meta, failed: c.record, release: l.spares.release}
	if err := o.prepare(meta); err != nil {
		l.spares.close()
		return nil, errors.Join(err, meta.Close())
	}
	if err := l.spares.clean(); err != nil {
		o.Logger.Warn("what is left of spare segments cannot be removed", "error", err)
	}
	files := &layer{dir: o.Dir, spares: l.spares, atOnce: uint64(o.FirstBytes), failed: c.record}
	opened, err := wal.Open(o.Path, wal.WithLogger(o.RaftWAL), wal.WithMetaStore(meta),
		wal.WithSegmentFiler(segment.NewFiler(o.Path, files)), wal.WithSegmentSize(o.SegmentBytes))
	if err != nil {
		l.spares.close()
		return nil, errors.Join(c.explain(err), meta.Close())
	}
	l.WAL = opened
	return l, nil
}

// prepare verifies and repairs the log so that raft-wal can open it.
func (o *Options) prepare(meta types.MetaStore) error {
	state, err := meta.Load(o.Path)
	if err != nil {
		return err
	}
	if o.New && len(state.Segments) == 0 {
		state = firstState(o.FirstBytes)
	} else {
		v := verifier{path: o.Path, dir: o.Dir, floor: o.Floor}
		found, err := v.verify(state)
		if err != nil {
			return err
		}
		if state, err = o.repair(found); err != nil {
			return err
		}
	}
	// Also where nothing has changed: what a process wrote that was killed before its
	// sync is synced now.
	if err := meta.CommitState(state); err != nil {
		return err
	}
	if err := o.Dir.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", o.Path, err)
	}
	return nil
}

// StoreLog stores one entry.
func (l *Log) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

// StoreLogs stores entries. If raft-wal only says that it cannot go on, the error says why. After
// a failed write nothing more is stored.
func (l *Log) StoreLogs(logs []*raft.Log) error {
	if err := l.cause.earlier(); err != nil {
		return err
	}
	if err := l.WAL.StoreLogs(logs); err != nil {
		return l.cause.explain(err)
	}
	return nil
}

// DeleteRange deletes the beginning or the end of the log.
func (l *Log) DeleteRange(from, to uint64) error {
	if err := l.cause.earlier(); err != nil {
		return err
	}
	if err := l.WAL.DeleteRange(from, to); err != nil {
		return l.cause.explain(err)
	}
	return nil
}

// GetLog reads an entry. raft-wal still finds entries before the first of the log while their
// segment is the tail; GetLog does not. It also turns a panic of raft-wal's decoder over an
// unterminated number into an error.
func (l *Log) GetLog(index uint64, entry *raft.Log) (err error) {
	first, err := l.FirstIndex()
	if err != nil {
		return err
	}
	if index < first {
		return raft.ErrLogNotFound
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it does not decode: %v", r)
		}
	}()
	return l.WAL.GetLog(index, entry)
}

// Close closes the log.
func (l *Log) Close() error {
	l.spares.close()
	return l.WAL.Close()
}

// cause keeps the first failure. raft-wal only logs a failed rotation, and says "segment is
// sealed" ever after.
type cause struct {
	told func(error)
	mu   sync.Mutex
	err  error
}

// record keeps the first failure and reports it.
func (c *cause) record(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
	}
	c.mu.Unlock()
	if first && c.told != nil {
		c.told(err)
	}
}

// explain puts the first failure before an error that followed from it.
func (c *cause) explain(err error) error {
	first := c.earlier()
	if first == nil || errors.Is(first, err) {
		return cmp.Or(first, err)
	}
	return fmt.Errorf("%w (then: %w)", first, err)
}

func (c *cause) earlier() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// watchedMeta is a MetaStore that reports a failed commit.
type watchedMeta struct {
	types.MetaStore
	failed  func(error)
	release func() bool // frees the space of the spares
}

// CommitState replaces the state durably. After a failure, either of the two states may be on the
// disk.
func (m *watchedMeta) CommitState(state types.PersistentState) error {
	err := m.MetaStore.CommitState(state)
	if errors.Is(err, unix.ENOSPC) && m.release() {
		err = m.MetaStore.CommitState(state)
	}
	if err != nil {
		err = fmt.Errorf("commit the list of the log's segments: %w", err)
		m.failed(err)
	}
	return err
}
