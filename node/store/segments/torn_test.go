package segments

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/types"
	"golang.org/x/sys/unix"

	"github.com/kvorum/kvorum/node/store/directory"
)

// large returns one batch of several sectors.
func large(first uint64) []*raft.Log {
	var batch []*raft.Log
	for i := range uint64(3) {
		batch = append(batch, &raft.Log{Index: first + i, Term: 1, Data: []byte(strings.Repeat(fmt.Sprint("large ", first+i), 100))})
	}
	return batch
}

// tornSample returns a log of two entries and then one large batch, which may seal the segment.
func tornSample(t *testing.T, segmentBytes int) (all files, tail string) {
	t.Helper()
	path := t.TempDir()
	o := testOptions(path, 0)
	o.New, o.FirstBytes, o.SegmentBytes = true, segmentBytes, segmentBytes
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	store(t, l, 1, 2)
	before := readFiles(t, path)
	if err := l.StoreLogs(large(3)); err != nil {
		t.Fatal(err)
	}
	tail = before.segments()[0]
	written, err := os.ReadFile(filepath.Join(path, tail))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return before.with(tail, written), tail
}

func TestATornLastBatchIsDroppedWhateverIsLeftOfIt(t *testing.T) {
	for _, segmentBytes := range []int{8 << 10, 2 << 10} {
		all, tail := tornSample(t, segmentBytes)
		whole := all[tail]
		s := scanSegment(whole, 0)
		if s.sealed() != (segmentBytes == 2<<10) {
			t.Fatalf("with %d bytes the segment is sealed: %v", segmentBytes, s.sealed())
		}
		from := s.last / 512
		sectors := (s.end+511)/512 - from
		for lost := 1; lost < 1<<sectors; lost++ {
			torn := slices.Clone(whole)
			for i := range sectors {
				if lost>>i&1 == 1 {
					clear(torn[max(s.last, (from+i)*512):min(len(torn), (from+i+1)*512)])
				}
			}
			if scanSegment(torn, 0).end == s.end {
				continue // only zeros behind it were lost
			}
			f := all.with(tail, torn)
			if err := f.verified(5); err == nil {
				t.Fatalf("lost sectors %b: dropped, though the batch was stored", lost)
			}
			o := testOptions(f.write(t), 2)
			l, err := Open(o)
			if err != nil {
				t.Fatalf("lost sectors %b: %v", lost, err)
			}
			left := readFiles(t, o.Path)[tail]
			if !zero(left[s.last:]) {
				t.Fatalf("lost sectors %b: something is left behind the end", lost)
			}
			if err := holds(l, 1, 2); err != nil {
				t.Fatalf("lost sectors %b: %v", lost, err)
			}
			store(t, l, 3, 5)
			if err := holds(l, 1, 5); err != nil {
				t.Fatal(err)
			}
			l.Close()
		}
	}
}

// A value may contain what looks like a batch. Only one that could stand at that place counts.
func TestAValueThatLooksLikeABatchIsNone(t *testing.T) {
	inner, tail := tornSample(t, 8<<10)
	copied := inner[tail][:scanSegment(inner[tail], 0).end]
	path := t.TempDir()
	o := testOptions(path, 0)
	o.New, o.FirstBytes = true, 64<<10
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	store(t, l, 1, 4)
	for shift := range uint64(8) {
		data := append(make([]byte, shift), copied...)
		if err := l.StoreLog(&raft.Log{Index: 5 + shift, Term: 1, Data: data}); err != nil {
			t.Fatal(err)
		}
		f := readFiles(t, path)
		name := f.segments()[0]
		s := scanSegment(f[name], 0)
		f[name][s.end-1] ^= 1 // the last batch, whose checksum was not written
		if err := f.verified(4 + shift); err != nil {
			t.Fatalf("shift %d: %v", shift, err)
		}
	}
	l.Close()
}

// A client's value may consist of what looks like frames. Searching it takes no longer than
// searching anything else.
func TestATornValueFullOfFramesIsSearchedInNoTime(t *testing.T) {
	frames := func(index uint64, commit bool) []byte {
		data := make([]byte, 8<<20)
		for at := headerBytes; at+2*frameHeaderBytes <= len(data); at += 2 * frameHeaderBytes {
			data[at], data[at+4] = frameEntry, frameHeaderBytes
			binary.PutUvarint(data[at+frameHeaderBytes:], index)
		}
		if commit {
			end := data[len(data)-2*frameHeaderBytes:]
			clear(end)
			end[0] = frameCommit
		}
		return data
	}
	for name, c := range map[string]struct {
		data []byte
		want verdict
	}{
		"no commit":                 {frames(6, false), nothingWhole},
		"a commit, other indexes":   {frames(1, true), nothingWhole},
		"a commit, fitting indexes": {frames(6, true), undecided},
	} {
		begun := time.Now()
		if _, is := batchBehind(c.data, headerBytes, 5); is != c.want {
			t.Errorf("%s: %v, want %v", name, is, c.want)
		}
		if took := time.Since(begun); took > 5*time.Second { // some 0.1 s; it took hours
			t.Errorf("%s: took %v", name, took)
		}
	}
}

// failing is a directory in which one kind of step fails.
func failing(op string, cause error) (*directory.Memory, *bool) {
	armed := new(bool)
	return directory.NewMemory(func(s directory.Step) (bool, error) {
		if *armed && s.Op == op {
			return false, cause
		}
		return true, nil
	}), armed
}

func TestAfterAFailureNothingIsWritten(t *testing.T) {
	memory, armed := failing("sync", unix.EIO)
	path := t.TempDir()
	o := testOptions(path, 0)
	o.New, o.Dir = true, memory
	var told error
	o.Failed = func(err error) { told = err }
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	store(t, l, 1, 3)
	*armed = true
	if err := l.StoreLog(entry(4)); !errors.Is(err, unix.EIO) || !errors.Is(told, unix.EIO) {
		t.Fatalf("the store says %v, and told was %v", err, told)
	}
	*armed = false
	memory.Ask(func(s directory.Step) (bool, error) {
		t.Errorf("%s %s after the failure", s.Op, s.Name)
		return true, nil
	})
	if err := l.StoreLog(entry(4)); !errors.Is(err, unix.EIO) {
		t.Errorf("the next store says %v", err)
	}
	if err := l.DeleteRange(2, 3); !errors.Is(err, unix.EIO) {
		t.Errorf("a deletion says %v", err)
	}
}

func TestAFileThatCannotBeReadIsNamedWithItsCause(t *testing.T) {
	all := sample(t)
	name := all.segments()[1]
	v := verifier{path: "wal", dir: unreadable{directory.Disk(all.write(t)), name}}
	state, err := all.meta()
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.verify(state)
	wantDamage(t, "unreadable", name, err)
	if !errors.Is(err, unix.EIO) {
		t.Error(err)
	}
}

// unreadable is a directory with one file of which only the beginning can be read.
type unreadable struct {
	directory.Directory
	name string
}

func (u unreadable) Open(name string, create bool) (directory.File, error) {
	f, err := u.Directory.Open(name, create)
	if name == u.name && err == nil {
		return badFile{f}, nil
	}
	return f, err
}

type badFile struct{ directory.File }

func (f badFile) ReadAt(p []byte, at int64) (int, error) {
	if at >= 512 {
		return 0, unix.EIO
	}
	return f.File.ReadAt(p[:min(len(p), 512-int(at))], at)
}

// segmentNames returns the names of a log's segments while spares are being made.
func segmentNames(t *testing.T, path string) (names []string) {
	t.Helper()
	all, err := directory.Disk(path).Names()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if strings.HasSuffix(name, segmentSuffix) {
			names = append(names, name)
		}
	}
	return names
}

func TestASpareIsTakenAndIsZero(t *testing.T) {
	path := t.TempDir()
	o := testOptions(path, 0)
	o.New = true
	o.Room = func() (uint64, error) { return math.MaxInt64, nil }
	// The leftovers of a process that was killed, and of one that lost power after it took a
	// spare.
	for name, data := range map[string]string{spareMaking: "half", spareName: strings.Repeat("x", testSegmentBytes)} {
		if err := os.WriteFile(filepath.Join(path, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if left := readFiles(t, path); left[spareMaking] != nil || left[spareName] != nil {
		t.Fatal("what an earlier process left is still there")
	}
	if err := l.spares.prepare(); err != nil {
		t.Fatal(err)
	}
	made := readFiles(t, path)
	if spare := made[spareName]; len(spare) != testSegmentBytes || !zero(spare) || made[spareMaking] != nil {
		t.Fatalf("the spare has %d bytes", len(spare))
	}
	was, err := os.Stat(filepath.Join(path, spareName))
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); len(segmentNames(t, path)) < 2; i++ {
		store(t, l, i, i)
	}
	names := segmentNames(t, path)
	is, err := os.Stat(filepath.Join(path, names[1]))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(was, is) {
		t.Error("the second segment is not the spare")
	}
	l.Close()
}

// Somebody has tidied up.
func TestWithoutTheSpareASegmentIsMadeAsEver(t *testing.T) {
	path := t.TempDir()
	o := testOptions(path, 0)
	o.New = true
	o.Room = func() (uint64, error) { return math.MaxInt64, nil }
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := errors.Join(l.spares.prepare(), os.Remove(filepath.Join(path, spareName))); err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); len(segmentNames(t, path)) < 3; i++ {
		store(t, l, i, i)
	}
}

func TestSparesGiveTheirSpaceBackAndAreNotMadeWhereThereIsLittle(t *testing.T) {
	o := testOptions(t.TempDir(), 0)
	free := uint64(math.MaxInt64)
	o.Room = func() (uint64, error) { return free, nil }
	s := newSpares(&o)
	defer s.close()
	if err := s.prepare(); err != nil || readFiles(t, o.Path)[spareName] == nil {
		t.Fatalf("no spare: %v", err)
	}
	if !s.release() || len(readFiles(t, o.Path)) != 0 {
		t.Fatal("the spare is not given back")
	}
	free = spareRoomBytes
	if err := s.prepare(); err != nil || len(readFiles(t, o.Path)) != 0 {
		t.Fatalf("a spare was made where there is no room: %v", err)
	}
}

func TestAFullDiskTakesTheSpaceOfTheSpare(t *testing.T) {
	memory, armed := failing("allocate", unix.ENOSPC)
	o := testOptions("wal", 0)
	o.Dir = memory
	o.Room = func() (uint64, error) { return math.MaxInt64, nil }
	l := &layer{dir: memory, spares: newSpares(&o), failed: func(error) {}}
	defer l.spares.close()
	if _, err := memory.Open(spareMaking, true); err != nil { // in the making
		t.Fatal(err)
	}
	*armed = true
	memory.Ask(func(s directory.Step) (bool, error) {
		if s.Op == "remove" && s.Name == spareMaking {
			*armed = false
		}
		if s.Op == "allocate" && *armed {
			return false, unix.ENOSPC
		}
		return true, nil
	})
	if _, err := l.Create("", "x"+segmentSuffix, testSegmentBytes); err != nil {
		t.Fatal(err)
	}
}

// fullMeta is a MetaStore on a disk that is full while there is a spare.
type fullMeta struct {
	*BoltMeta
	path string
}

func (m fullMeta) CommitState(state types.PersistentState) error {
	if _, err := os.Stat(filepath.Join(m.path, spareName)); err == nil {
		return unix.ENOSPC
	}
	return m.BoltMeta.CommitState(state)
}

func TestAFullDiskTakesTheSpaceOfTheSpareForTheListToo(t *testing.T) {
	path := sample(t).write(t)
	o := testOptions(path, sampleLast)
	o.Meta = fullMeta{&BoltMeta{}, path}
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.WriteFile(filepath.Join(path, spareName), make([]byte, testSegmentBytes), 0o600); err != nil {
		t.Fatal(err)
	}
	store(t, l, sampleLast+1, sampleLast+20)
}
