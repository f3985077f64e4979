package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/types"
	"golang.org/x/sys/unix"

	"github.com/kvorum/kvorum/node/store/directory"
	"github.com/kvorum/kvorum/node/store/floor"
	"github.com/kvorum/kvorum/node/store/segments"
)

// The log runs on in-memory directories that forget what was not synced. A crash falls on every
// step in turn (each write, sync, rename, removal). After it, the log must open and hold exactly
// what it held before the interrupted call, or after it.

// rig holds the three directories of a log, and what happens at which step.
type rig struct {
	log, meta, floor *directory.Memory

	steps atomic.Int64
	at    int64        // the step at which it happens, 0: never
	fault func() error // for a single step; nil: a crash, and all later steps fail
	does  bool         // the step is done, too
	op    atomic.Value // which step that was
}

func newRig() *rig {
	r := &rig{}
	r.log, r.meta, r.floor = directory.NewMemory(r.step), directory.NewMemory(r.step), directory.NewMemory(r.step)
	return r
}

func (r *rig) step(s directory.Step) (bool, error) {
	n := r.steps.Add(1)
	switch {
	case r.at == 0 || n < r.at:
		return true, nil
	case n == r.at:
		r.op.Store(s.Op + " " + s.Name)
		if r.fault != nil {
			return r.does, r.fault()
		}
		return r.does, directory.ErrCrashed
	case r.fault == nil:
		return false, directory.ErrCrashed
	}
	return true, nil
}

// after returns the rig as another process finds it. Nothing more happens to the rig: its log may
// still rotate, and the directories are those of one moment.
func (r *rig) after(one func(*directory.Memory) *directory.Memory) *rig {
	for _, dir := range []*directory.Memory{r.log, r.meta, r.floor} {
		dir.Ask(func(directory.Step) (bool, error) { return false, directory.ErrCrashed })
	}
	return &rig{log: one(r.log), meta: one(r.meta), floor: one(r.floor)}
}

func (r *rig) afterKill() *rig { return r.after((*directory.Memory).AfterKill) }

func (r *rig) afterPowerLoss(seed uint64) *rig {
	random := rand.New(rand.NewPCG(seed, 0))
	return r.after(func(m *directory.Memory) *directory.Memory { return m.AfterPowerLoss(random) })
}

// arm makes the rig crash at a step.
func (r *rig) arm(at int64, does bool) {
	r.at, r.does = at, does
	for _, dir := range []*directory.Memory{r.log, r.meta, r.floor} {
		dir.Ask(r.step)
	}
}

// fileMeta is a MetaStore in a directory in memory.
type fileMeta struct{ dir *directory.Memory }

func (m fileMeta) Load(string) (state types.PersistentState, err error) {
	file, err := m.dir.Open("meta", false)
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return state, err
	}
	text, err := io.ReadAll(io.NewSectionReader(file, 0, math.MaxInt64))
	if err != nil {
		return state, err
	}
	return state, json.Unmarshal(text, &state)
}

func (m fileMeta) CommitState(state types.PersistentState) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := m.dir.Remove("meta.tmp"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := m.dir.Open("meta.tmp", true)
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(text, 0); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := m.dir.Rename("meta.tmp", "meta"); err != nil {
		return err
	}
	return m.dir.Sync()
}

func (m fileMeta) GetStable([]byte) ([]byte, error) { return nil, nil }
func (m fileMeta) SetStable(_, _ []byte) error      { return nil }
func (m fileMeta) Close() error                     { return nil }

// running is an open log.
type running struct {
	*contiguousLog
	close func()
}

const rigSegmentBytes = 4 << 10

func (r *rig) open(fresh, spares bool) (running, error) {
	quiet := slog.New(slog.DiscardHandler)
	known, err := floor.Open(r.floor, quiet)
	if err != nil {
		return running{}, err
	}
	o := segments.Options{Path: "wal", Dir: r.log, Meta: fileMeta{r.meta}, SegmentBytes: rigSegmentBytes, FirstBytes: rigSegmentBytes / 2,
		Floor: known.Index(), New: fresh, Logger: quiet, RaftWAL: hclog.NewNullLogger()}
	if spares {
		o.Room = func() (uint64, error) { return math.MaxInt64, nil }
	}
	logs, err := segments.Open(o)
	if err != nil {
		known.Close()
		return running{}, err
	}
	closed := func() { logs.Close(); known.Close() }
	log := &contiguousLog{LogStore: logs, path: "wal", stable: raft.NewInmemStore(), floor: known, failed: func(error) {}, whole: true}
	if last, err := logs.LastIndex(); err != nil {
		closed()
		return running{}, err
	} else if last > 0 {
		known.Raise(last)
	}
	if err := known.Sync(); err != nil {
		closed()
		return running{}, err
	}
	return running{log, closed}, nil
}

// content returns the entries of a log, as index and text.
type content []string

func (l running) content() (content, error) {
	first, last, err := bounds(l)
	if err != nil || last == 0 {
		return nil, err
	}
	var all content
	for i := first; i <= last; i++ {
		var entry raft.Log
		if err := l.GetLog(i, &entry); err != nil {
			return nil, err
		}
		all = append(all, entryText(&entry))
	}
	return all, nil
}

func entryText(entry *raft.Log) string { return fmt.Sprintf("%d:%.24s", entry.Index, entry.Data) }

// change is one call on a log.
type change struct {
	name string
	do   func(raft.LogStore) error
	then func(content) content
}

func appends(first, count uint64, bytes int) change {
	var entries []*raft.Log
	var texts content
	for i := range count {
		data := slices.Repeat(fmt.Appendf(nil, "v%d-%d ", first+i, bytes), bytes/8+3)
		entries = append(entries, &raft.Log{Index: first + i, Term: 1, Data: data})
		texts = append(texts, entryText(entries[i]))
	}
	return change{fmt.Sprintf("append %d from %d", count, first),
		func(l raft.LogStore) error { return l.StoreLogs(entries) },
		func(before content) content { return append(slices.Clone(before), texts...) }}
}

func deletes(from, to uint64, keepFrom, keepTo int) change {
	return change{fmt.Sprintf("delete %d to %d", from, to),
		func(l raft.LogStore) error { return l.DeleteRange(from, to) },
		func(before content) content { return slices.Clone(before[keepFrom : len(before)-keepTo]) }}
}

// workload is a first start, rotations, both truncations, and the truncation after an install.
func workload() []change {
	var all []change
	for i := range uint64(14) {
		all = append(all, appends(1+2*i, 2, 300+int(i)*20)) // to 28, rotating on the way
	}
	return append(all,
		deletes(26, 28, 0, 3), appends(26, 1, 900), appends(27, 3, 700), // a conflict in the tail
		deletes(12, 29, 0, 18), appends(12, 6, 500), // a conflict over segments
		deletes(1, 9, 9, 0), appends(18, 4, 640), // a compaction
		deletes(10, 21, 12, 0), appends(101, 3, 300), appends(104, 5, 800)) // an install
}

// outcome tells where a run of the workload ended.
type outcome struct {
	before, after content // the call under way
	err           error   // nil: it ended by itself
	name          string
}

func (r *rig) run(spares bool) outcome {
	log, err := r.open(true, spares)
	if err != nil {
		return outcome{err: err, name: "open"}
	}
	defer log.close()
	var held content
	for _, c := range workload() {
		next := c.then(held)
		if err := c.do(log); err != nil {
			return outcome{held, next, err, c.name}
		}
		held = next
	}
	return outcome{before: held, after: held}
}

// opened opens what is left, and checks its content.
func opened(left *rig, o outcome, spares bool) error {
	fresh := o.name == "open"
	log, err := left.open(fresh, spares)
	if err != nil {
		return fmt.Errorf("it does not open: %w", err)
	}
	defer log.close()
	held, err := log.content()
	if err != nil {
		return fmt.Errorf("it cannot be read: %w", err)
	}
	if !slices.Equal(held, o.before) && !slices.Equal(held, o.after) {
		return fmt.Errorf("it holds %v\n  before the call it was %v\n  after it, %v", held, o.before, o.after)
	}
	_, last, err := bounds(log)
	if err != nil {
		return err
	}
	more := appends(last+1, 3, 400)
	if err := more.do(log); err != nil {
		return fmt.Errorf("it takes no entry: %w", err)
	}
	again, err := left.afterPowerLoss(last).open(false, false)
	if err != nil {
		return fmt.Errorf("it does not open a second time: %w", err)
	}
	defer again.close()
	kept, err := again.content()
	if err != nil {
		return err
	}
	if want := more.then(held); !slices.Equal(kept, want) {
		return fmt.Errorf("the second time it holds %v\n  and should hold %v", kept, want)
	}
	return nil
}

func TestALogSurvivesACrashAtEveryStep(t *testing.T) {
	for _, spares := range []bool{false, true} {
		for at := int64(1); ; at++ {
			ended := false
			for _, does := range []bool{false, true} {
				r := newRig()
				r.at, r.does = at, does
				o := r.run(spares)
				if ended = r.op.Load() == nil; ended {
					break
				}
				lefts := []*rig{r.afterKill()}
				for seed := range uint64(4) {
					lefts = append(lefts, r.afterPowerLoss(seed))
				}
				for i, left := range lefts {
					if err := opened(left, o, spares); err != nil {
						t.Fatalf("crash at step %d (%v, done %v) in %q, left %d, spares %v: %v", at, r.op.Load(), does, o.name, i, spares, err)
					}
				}
			}
			if ended {
				t.Logf("%d steps, spares %v", at-1, spares)
				break
			}
		}
	}
}

func TestALogSurvivesACrashWhileItIsRepaired(t *testing.T) {
	repaired := 0
	for at := int64(3); ; at += 4 {
		r := newRig()
		r.at, r.does = at, at%8 < 4
		o := r.run(false)
		if r.op.Load() == nil {
			break
		}
		for again := int64(1); ; again++ {
			left := r.afterPowerLoss(uint64(at))
			if at%3 == 0 {
				left = r.afterKill()
			}
			left.arm(again, again%2 == 0)
			if log, err := left.open(o.name == "open", false); err == nil {
				log.close()
			}
			if left.op.Load() == nil {
				break
			}
			repaired++
			for i, last := range []*rig{left.afterKill(), left.afterPowerLoss(1), left.afterPowerLoss(2)} {
				if err := opened(last, o, false); err != nil {
					t.Fatalf("crash at step %d (%v) in %q, then at step %d (%v) of the next open, left %d: %v", at, r.op.Load(), o.name, again, left.op.Load(), i, err)
				}
			}
		}
	}
	if repaired < 100 {
		t.Errorf("only %d crashes while the log was repaired", repaired)
	}
}

func TestAFailedStepIsNamedAndLosesNothing(t *testing.T) {
	for _, cause := range []error{unix.EIO, unix.ENOSPC} {
		for at := int64(1); ; at++ {
			ended := false
			for _, does := range []bool{false, true} {
				r := newRig()
				r.at, r.does, r.fault = at, does, func() error { return cause }
				o := r.run(false)
				if ended = r.op.Load() == nil; ended {
					break
				}
				if o.err != nil && !errors.Is(o.err, cause) {
					t.Fatalf("%v at step %d (%v): %q says %v", cause, at, r.op.Load(), o.name, o.err)
				}
				if err := opened(r.afterKill(), o, false); err != nil {
					t.Fatalf("%v at step %d (%v, done %v) in %q (%v), then: %v", cause, at, r.op.Load(), does, o.name, o.err, err)
				}
			}
			if ended {
				break
			}
		}
	}
}
