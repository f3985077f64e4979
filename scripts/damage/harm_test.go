package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/scripts/client"
)

func TestARestoredDirectoryHoldsWhatWasCaptured(t *testing.T) {
	dir := t.TempDir()
	content := map[string][]byte{
		"raft.db":    append(make([]byte, pageBytes), "behind a page of zeros"...),
		"wal/tail":   append([]byte("before zeros"), make([]byte, 3*pageBytes)...),
		"empty":      nil,
		"only zeros": make([]byte, 100),
	}
	for name, bytes := range content {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	img, err := capture(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "later"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := img.restore(dir); err != nil {
		t.Fatal(err)
	}
	again, err := capture(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(again) != len(content) {
		t.Errorf("%d files after the restoration, want %d", len(again), len(content))
	}
	for name, want := range content {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes %v, want the %d that were captured", name, len(got), err, len(want))
		}
	}
}

func TestEachKindOfHarmChangesOnlyWhatItSays(t *testing.T) {
	const size = 3 * pageBytes
	before := bytes.Repeat([]byte{0xff}, size)
	for _, c := range []struct {
		kind   string
		offset int64
		want   func([]byte) []byte
	}{
		{flip, 9, func(b []byte) []byte { b[9] ^= 2; return b }},
		{cut, 512, func(b []byte) []byte { return b[:512] }},
		{zero, pageBytes, func(b []byte) []byte { clear(b[pageBytes : 2*pageBytes]); return b }},
		{zero, size - 10, func(b []byte) []byte { clear(b[size-10:]); return b }},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, before, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := (harm{path: "f", kind: c.kind, offset: c.offset}).do(dir); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, c.want(bytes.Clone(before))) {
			t.Errorf("%s at %d: not what it says (%d bytes, %v)", c.kind, c.offset, len(got), err)
		}
		if err := (harm{path: "f", kind: missing}).do(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("missing: the file is there: %v", err)
		}
	}
}

func TestHarmsOfStrideOneTouchEveryByteOfEveryFileButTheLock(t *testing.T) {
	img := image{
		"lock":                            {[]byte("1"), 1},
		"identity.json":                   {[]byte("{}"), 2},
		"raft.db":                         {bytes.Repeat([]byte{1}, 5000), 8192},
		"wal/00000001-0.wal":              {[]byte("sealed"), 100},
		"wal/00000009-1.wal":              {[]byte("tail"), 100},
		"snapshots/2-10-17/meta.json":     {[]byte("m"), 1},
		"snapshots/2-10-17/state.bin":     {[]byte("s"), 1},
		"snapshots/2-9-16/meta.json":      {[]byte("m"), 1},
		"something that came later.state": {[]byte("x"), 1},
	}
	byFile := map[string]int{}
	for _, h := range (plan{kinds: []string{flip}, stride: 1}).harms(img) {
		byFile[h.file]++
	}
	want := map[string]int{"identity.json": 2, "raft.db": 5000 + behindBytes, "sealed": 6 + behindBytes, "tail": 4 + behindBytes,
		"something that came later.state": 1}
	for file, n := range want {
		if byFile[file] != n {
			t.Errorf("%d bytes of %s are flipped, want %d", byFile[file], file, n)
		}
	}
	if _, there := byFile["lock"]; there {
		t.Error("the lock is damaged")
	}
}

func TestTheFramesOfASegmentAreFound(t *testing.T) {
	segment := make([]byte, 32)
	segment = append(segment, 1, 0, 0, 0, 5, 0, 0, 0) // an entry of 5 bytes
	segment = append(segment, "entry\x00\x00\x00"...)
	segment = append(segment, 3, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef) // a commit with a checksum
	segment = append(segment, 1, 0, 0, 0, 8, 0, 0, 0)
	segment = append(segment, "8 bytes."...)
	segment = append(segment, make([]byte, 64)...)
	if got, want := frames(segment), []int64{32, 48, 56}; !slices.Equal(got, want) {
		t.Errorf("frames at %v, want %v", got, want)
	}
}

func TestTheBooksTellWhetherAWriteMayHaveHappened(t *testing.T) {
	for text, want := range map[string]bool{"CLUSTERDOWN no leader": false, "LOADING": false, "UNCERTAIN the leader is gone": true} {
		if got := mayHaveHappened(refused{reply.Err(text)}); got != want {
			t.Errorf("%s: may have happened is %v, want %v", text, got, want)
		}
	}
	if mayHaveHappened(client.ErrNotSent) {
		t.Error("what was not sent may have happened")
	}
	if !mayHaveHappened(os.ErrDeadlineExceeded) {
		t.Error("what was not answered cannot have happened")
	}
}

func TestOnlyACaseThatWasTooSlowIsPlayedAgain(t *testing.T) {
	for _, c := range []struct {
		violations []string
		want       bool
	}{
		{nil, false},
		{[]string{"STARVED: n2 does not serve"}, true},
		{[]string{"STARVED: n2 does not serve", "LOST: GET a answered 1"}, false},
		{[]string{"UNNAMED: the node refuses"}, false},
	} {
		if got := (&trial{violation: c.violations}).slow(); got != c.want {
			t.Errorf("%v: played again is %v, want %v", c.violations, got, c.want)
		}
	}
}
