package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hashicorp/raft"
)

func options(path string) Options {
	return Options{Path: path, ID: "n1", LogStore: WAL, Logger: slog.New(slog.DiscardHandler), Verify: func(io.Reader) (uint64, error) { return 0, nil }}
}

// What a running server does with its own files must not be noticed: it replaces its identity,
// begins segments, and removes them at both ends of its log.
func TestWhatAServerDoesItselfIsNotNoticed(t *testing.T) {
	dir, err := Open(options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	stores, err := dir.Stores()
	if err != nil {
		t.Fatal(err)
	}
	look := func(after string) {
		t.Helper()
		for range 2 {
			if err := dir.present.look(); err != nil {
				t.Fatalf("after %s: %v", after, err)
			}
		}
	}
	next := uint64(1)
	store := func(count int) {
		t.Helper()
		for range count {
			if err := stores.Logs.StoreLog(&raft.Log{Index: next, Term: 1, Data: bytes.Repeat([]byte("x"), 1<<20)}); err != nil {
				t.Fatal(err)
			}
			next++
		}
	}
	remove := func(first, last uint64) {
		t.Helper()
		if err := stores.Logs.DeleteRange(first, last); err != nil {
			t.Fatal(err)
		}
	}
	store(200)
	look("three segments")
	if _, err := dir.RaiseBoot(); err != nil {
		t.Fatal(err)
	}
	look("a new boot number")
	remove(1, 100)
	look("a shorter head")
	remove(120, 200)
	look("a shorter tail")
	next = 120
	store(90)
	look("a new tail")
	remove(101, 209)
	look("an empty log")
	next = 1000
	store(3)
	look("a log that begins elsewhere")
}

// looking is a log handler that looks, like the watch, whenever something is logged.
type looking struct {
	slog.Handler
	look func()
}

func (l looking) Handle(context.Context, slog.Record) error {
	l.look()
	return nil
}

func (looking) Enabled(context.Context, slog.Level) bool { return true }

// On a slow disk many looks may fall into the replacement of the identity.
func TestAnIdentityThatIsBeingReplacedIsNotNoticed(t *testing.T) {
	o := options(t.TempDir())
	var dir *Dir
	looks := 0
	o.Logger = slog.New(looking{slog.DiscardHandler, func() {
		for range 2 {
			looks++
			if err := dir.present.look(); err != nil {
				t.Error(err)
			}
		}
	}})
	dir, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if _, err := dir.Stores(); err != nil {
		t.Fatal(err)
	}
	// No spare can be made; this is logged when the identity has been replaced.
	spare := dir.file(identityFile) + spareSuffix
	if err := errors.Join(os.Remove(spare), os.MkdirAll(filepath.Join(spare, "in the way"), 0o700)); err != nil {
		t.Fatal(err)
	}
	looks = 0
	if err := dir.Settle(); err != nil || looks == 0 {
		t.Fatalf("%d looks, %v", looks, err)
	}
	if err := os.Remove(dir.file(identityFile)); err != nil {
		t.Fatal(err)
	}
	if dir.present.look() != nil || dir.present.look() == nil {
		t.Error("it is not watched any more")
	}
}

// If there are too many open files nobody can look, but nothing is gone.
func TestWhatNobodyCanLookAtIsNotGone(t *testing.T) {
	for err, want := range map[error]bool{
		syscall.ENOENT: true, syscall.ENOTDIR: true, syscall.ESTALE: true,
		syscall.EMFILE: false, syscall.ENOSPC: false, syscall.ENOMEM: false, syscall.EACCES: false, syscall.EIO: false,
	} {
		if got := gone(&os.PathError{Op: "open", Path: "wal", Err: err}); got != want {
			t.Errorf("%v: gone %v", err, got)
		}
	}
}

// A segment in the middle of the log is one of many.
func TestASegmentInTheMidstIsNeeded(t *testing.T) {
	files := map[string]segmentFile{}
	for i, base := range []uint64{1, 100, 200, 300} {
		files[string(rune('a'+i))] = segmentFile{base: base, number: uint64(i)}
	}
	w := &segmentWatch{known: files}
	for _, c := range []struct {
		gone        string
		first, last uint64
		cut         bool // the log was cut off at 150 since
		needed      bool
	}{
		{"a", 1, 350, false, true}, {"a", 99, 350, false, true}, {"a", 100, 350, false, false},
		{"b", 1, 350, false, true}, {"b", 200, 350, false, false},
		{"d", 1, 350, false, true}, {"d", 1, 299, false, false}, {"d", 0, 0, false, false},
		{"c", 1, 350, true, false}, {"b", 1, 350, true, true},
	} {
		now := map[string]segmentFile{}
		for name, file := range files {
			if name != c.gone {
				now[name] = file
			}
		}
		if c.cut {
			now["new"] = segmentFile{base: 150, number: 9}
		}
		if got := w.needed(files[c.gone], now, c.first, c.last); got != c.needed {
			t.Errorf("segment %s of a log from %d to %d (cut: %v): needed %v", c.gone, c.first, c.last, c.cut, got)
		}
	}
}
