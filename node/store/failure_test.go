package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/kvorum/kvorum/node/store/boltpages"
	"github.com/kvorum/kvorum/node/store/segments"
)

// An operator reads the cause first, then what failed, then what to do. A backup
// of the directory is never the remedy: an older copy has forgotten votes.
func TestAFailureBeginsWithItsCauseAndEndsWithTheRemedy(t *testing.T) {
	for _, c := range []struct {
		err    error
		begins string
		remedy string
	}{
		{syscall.ENOSPC, "no space left on device: the log cannot be written", "make space there"},
		{syscall.EIO, "input/output error: the log cannot be written", "see whether the disk is well"},
		{&os.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, "permission denied: the log cannot be written", "let this process write there"},
		{errors.New("odd"), "odd: the log cannot be written", "make sure that there is space"},
	} {
		f := newFailure(t.TempDir())
		f.record(fmt.Errorf("store 3 entries: %w", c.err))
		got := f.err.Error()
		if !strings.HasPrefix(got, c.begins) || !strings.Contains(got, c.remedy) || !strings.Contains(got, "start this server again") || !errors.Is(f.err, c.err) {
			t.Errorf("%v is told as %q", c.err, got)
		}
	}
}

func TestDamageFoundWhileRunningIsToldAsItIs(t *testing.T) {
	f := newFailure(t.TempDir())
	damage := &DamageError{File: "raft.db", Offset: 8192, What: "its keys are not in order"}
	f.record(fmt.Errorf("store 1 entries: %w", damage))
	if !errors.Is(f.err, damage) || !strings.HasPrefix(f.err.Error(), "raft.db: offset 8192: its keys") || strings.Contains(f.err.Error(), "backup") {
		t.Errorf("damage is told as %q", f.err)
	}
}

// A start that finds no space says so first, and what to do last.
func TestALogThatCannotBeOpenedSaysWhyFirst(t *testing.T) {
	text := logError("open the log", fmt.Errorf("make the next segment: %w", syscall.ENOSPC)).Error()
	if !strings.HasPrefix(text, "no space left on device: open the log: ") || !strings.HasSuffix(text, "make space there") {
		t.Error(text)
	}
}

// A disk that fails to read is distinguished from one that returns what was not stored.
func TestADiskThatFailsToReadAFileIsNotCalledDamaged(t *testing.T) {
	eio := &os.PathError{Op: "read", Path: "x", Err: syscall.EIO}
	for name, err := range map[string]error{
		"a segment": logError("open the log", &segments.Damage{File: "x.wal", Offset: 512, What: "it cannot be read", Err: eio}),
		"raft.db":   boltDamage("raft.db", &boltpages.Fault{What: "it cannot be read", Err: eio}).orUnreadable(),
		"an entry":  (&Dir{path: "d", record: record{LogStore: Bolt}}).describeEntry(7, "", fmt.Errorf("read: %w", eio)),
	} {
		if errors.As(err, new(*DamageError)) || !errors.Is(err, syscall.EIO) || !strings.HasPrefix(err.Error(), "input/output error: ") || !strings.Contains(err.Error(), "make sure that the disk is well") {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone := logError("open the log", &segments.Damage{File: "x.wal", Offset: -1, What: "it is not there", Err: &os.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}})
	if !errors.As(gone, new(*DamageError)) {
		t.Errorf("a file that is gone: %v", gone)
	}
}
