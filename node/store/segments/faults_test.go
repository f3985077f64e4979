package segments

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"

	"github.com/kvorum/kvorum/node/store/directory"
)

var everyByte = flag.Bool("every-byte", false, "damage every byte of wal-meta.db, and open what is not refused each time")

const testSegmentBytes = 2 << 10

func testOptions(path string, known uint64) Options {
	return Options{Path: path, Dir: directory.Disk(path), Meta: &BoltMeta{}, SegmentBytes: testSegmentBytes, FirstBytes: testSegmentBytes / 2,
		Floor: known, Logger: slog.New(slog.DiscardHandler), RaftWAL: hclog.NewNullLogger()}
}

func entry(index uint64) *raft.Log {
	return &raft.Log{Index: index, Term: 1, Type: raft.LogCommand, Data: []byte(strings.Repeat(fmt.Sprintf("entry %d ", index), 9))}
}

func store(t *testing.T, l raft.LogStore, first, last uint64) {
	t.Helper()
	for i := first; i <= last; i++ {
		if err := l.StoreLogs([]*raft.Log{entry(i)}); err != nil {
			t.Fatal(err)
		}
	}
}

// holds checks that a log has the entries from first to last.
func holds(l raft.LogStore, first, last uint64) error {
	gotFirst, err := l.FirstIndex()
	if err != nil {
		return err
	}
	gotLast, err := l.LastIndex()
	if err != nil {
		return err
	}
	if gotFirst != first || gotLast != last {
		return fmt.Errorf("it holds the entries %d to %d and should hold those from %d to %d", gotFirst, gotLast, first, last)
	}
	for i := first; i <= last; i++ {
		var got raft.Log
		if err := l.GetLog(i, &got); err != nil {
			return err
		}
		if want := entry(i); got.Index != i || string(got.Data) != string(want.Data) {
			return fmt.Errorf("entry %d reads %+v", i, got)
		}
	}
	return nil
}

// files is the content of a directory.
type files map[string][]byte

func readFiles(t *testing.T, path string) files {
	t.Helper()
	all := files{}
	names, err := directory.Disk(path).Names()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if all[name], err = os.ReadFile(filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// with returns the same files with one replaced.
func (f files) with(name string, data []byte) files {
	changed := maps.Clone(f)
	changed[name] = data
	return changed
}

func (f files) write(t *testing.T) (path string) {
	t.Helper()
	path = t.TempDir()
	for name, data := range f {
		if err := os.WriteFile(filepath.Join(path, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// meta returns what wal-meta.db lists.
func (f files) meta() (types.PersistentState, error) {
	return parseMeta(bytes.NewReader(f[metaFile]), int64(len(f[metaFile])))
}

// verified returns the result of the checks before an open.
func (f files) verified(known uint64) error {
	state, err := f.meta()
	if err != nil {
		return &Damage{File: metaFile, What: "unreadable", Err: err}
	}
	memory := directory.NewMemory(nil)
	for name, data := range f {
		if name == metaFile {
			continue
		}
		file, err := memory.Open(name, true)
		if err != nil {
			return err
		}
		if _, err := file.WriteAt(data, 0); err != nil {
			return err
		}
	}
	v := verifier{path: "wal", dir: memory, floor: known}
	_, err = v.verify(state)
	return err
}

// opens opens the files and checks that they hold the entries from first to last and accept
// another one.
func (f files) opens(t *testing.T, known, first, last uint64) error {
	t.Helper()
	l, err := Open(testOptions(f.write(t), known))
	if err != nil {
		return err
	}
	defer l.Close()
	if err := holds(l, first, last); err != nil {
		return err
	}
	return l.StoreLog(entry(last + 1))
}

// refusedOrHarmless fails unless the damage is refused with the name of the file, or nothing
// differs. whole says that files that are not refused are also opened.
func (f files) refusedOrHarmless(t *testing.T, what, name string, whole bool) {
	t.Helper()
	if err := f.verified(sampleLast); err != nil {
		wantDamage(t, what, name, err)
		return
	}
	if !whole && !*everyByte {
		return
	}
	if err := f.opens(t, sampleLast, sampleFirst, sampleLast); err != nil {
		wantDamage(t, what, name, err)
	}
}

func wantDamage(t *testing.T, what, name string, err error) {
	t.Helper()
	var damage *Damage
	if !errors.As(err, &damage) || filepath.Base(damage.File) != name && filepath.Base(damage.File) != metaFile {
		t.Fatalf("%s: %v", what, err)
	}
}

const sampleFirst, sampleLast = 3, 66

// sample returns a log of four segments or more, without its first entries.
func sample(t *testing.T) files {
	t.Helper()
	path := t.TempDir()
	o := testOptions(path, 0)
	o.New = true
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	store(t, l, 1, sampleLast)
	if err := l.DeleteRange(1, sampleFirst-1); err != nil {
		t.Fatal(err)
	}
	if err := l.SetUint64([]byte("Label"), 7); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return readFiles(t, path)
}

// segmentsOf returns the names of the segments in order; the last one is the tail.
func (f files) segments() []string {
	names := slices.Sorted(maps.Keys(f))
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, segmentSuffix) })
}

func TestEveryDamagedByteOfASegmentIsRefusedOrHarmless(t *testing.T) {
	if testing.Short() {
		t.Skip("byte after byte, on one goroutine")
	}
	all := sample(t)
	names := all.segments()
	if len(names) < 4 {
		t.Fatalf("only %d segments", len(names))
	}
	for _, name := range names {
		for at := range all[name] {
			for _, flip := range []byte{0x01, 0x80, 0xff} {
				damaged := slices.Clone(all[name])
				damaged[at] ^= flip
				if scanSegment(all[name], 0).end < at && (flip != 0x01 || at%16 != 0) {
					continue // behind the end
				}
				all.with(name, damaged).refusedOrHarmless(t, fmt.Sprintf("%s byte %d ^ %x", name, at, flip), name, flip == 0x01 && at%3 == 0)
			}
		}
	}
}

func TestEveryDamagedByteOfTheListIsRefusedOrHarmless(t *testing.T) {
	if testing.Short() {
		t.Skip("byte after byte, on one goroutine")
	}
	all := sample(t)
	for at, b := range all[metaFile] {
		if b == 0 && at%509 != 0 && !*everyByte {
			continue
		}
		damaged := slices.Clone(all[metaFile])
		damaged[at] ^= 0x10
		all.with(metaFile, damaged).refusedOrHarmless(t, fmt.Sprintf("%s byte %d", metaFile, at), metaFile, at%3 == 0)
	}
}

func TestAFileThatIsCutOrZeroedOrNotThereIsRefusedOrHarmless(t *testing.T) {
	all := sample(t)
	for name, data := range all {
		for cut := 0; cut < len(data); cut += 8 {
			if cut > testSegmentBytes*2 && cut%512 != 0 {
				continue
			}
			all.with(name, data[:cut]).refusedOrHarmless(t, fmt.Sprintf("%s cut at %d", name, cut), name, true)
		}
		for _, page := range []int{512, 4096} {
			for at := 0; at < len(data); at += page {
				damaged := slices.Clone(data)
				clear(damaged[at:min(at+page, len(data))])
				all.with(name, damaged).refusedOrHarmless(t, fmt.Sprintf("%s with %d zeros at %d", name, page, at), name, true)
			}
		}
		if name == metaFile {
			continue // store finds that it is not there
		}
		gone := maps.Clone(all)
		delete(gone, name)
		if err := gone.verified(sampleLast); err == nil {
			t.Errorf("%s may be missing", name)
		}
	}
}

func TestWithoutAFloorOnlyTheLastBatchMayBeTakenForTorn(t *testing.T) {
	all := sample(t)
	names := all.segments()
	tail := names[len(names)-1]
	last := scanSegment(all[tail], 0).last
	for at := range scanSegment(all[tail], 0).end {
		damaged := slices.Clone(all[tail])
		damaged[at] ^= 0x04
		f := all.with(tail, damaged)
		err := f.verified(0)
		if at < last && err == nil { // three bytes of a commit frame mean nothing
			err = f.opens(t, 0, sampleFirst, sampleLast)
			if err != nil {
				t.Fatalf("byte %d of %d before the last batch: %v", at, last, err)
			}
		}
		if at >= last && (err != nil || at%7 == 0 && f.opens(t, 0, sampleFirst, sampleLast-1) != nil) {
			t.Fatalf("byte %d is in the last batch, which may be torn: %v", at, err)
		}
	}
}

// The first release's log is raft-wal as it is.
func TestTheFirstReleaseReadsTheLogAndItsLogIsRead(t *testing.T) {
	path := t.TempDir()
	first := func() *wal.WAL {
		t.Helper()
		l, err := wal.Open(path, wal.WithLogger(hclog.NewNullLogger()), wal.WithSegmentSize(testSegmentBytes),
			wal.WithSegmentFiler(segment.NewFiler(path, fs.New())))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := first()
	store(t, l, 1, 40)
	l.Close()
	last := uint64(40)
	for range 3 {
		ours, err := Open(testOptions(path, last))
		if err != nil {
			t.Fatal(err)
		}
		if err := holds(ours, 1, last); err != nil {
			t.Fatal(err)
		}
		store(t, ours, last+1, last+23)
		ours.Close()
		theirs := first()
		if err := holds(theirs, 1, last+23); err != nil {
			t.Fatal(err)
		}
		store(t, theirs, last+24, last+31)
		theirs.Close()
		last += 31
	}
}

// bbolt keeps its two newest states, and falls back to the older one if the newer one is damaged.
// raft-wal would then delete what was stored since.
func TestAnOlderListThanTheFilesIsRefused(t *testing.T) {
	path := t.TempDir()
	o := testOptions(path, 0)
	o.New = true
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); len(readFiles(t, path).segments()) < 3; i++ {
		store(t, l, i, i)
	}
	l.Close()
	all := readFiles(t, path)
	damaged := slices.Clone(all[metaFile])
	const pageBytes, txid = 4096, 16 + 48
	newest := damaged[:pageBytes]
	if other := damaged[pageBytes : 2*pageBytes]; binary.LittleEndian.Uint64(other[txid:]) > binary.LittleEndian.Uint64(newest[txid:]) {
		newest = other
	}
	clear(newest)
	err = all.with(metaFile, damaged).opens(t, 0, 1, 1)
	if wantDamage(t, "an older list", metaFile, err); !strings.Contains(err.Error(), "it is older than") {
		t.Fatal(err)
	}
}

// The first release's list has no checksum, so its content must match the files. Nothing that was
// stored depends on the first entry, the times and the size of a segment.
func TestADamagedListWithoutAChecksumIsRefusedOrSaysTheSame(t *testing.T) {
	all := sample(t)
	state, err := all.meta()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	dir := directory.Disk(all.write(t))
	told := func(state types.PersistentState) (places []types.SegmentInfo) {
		for _, s := range state.Segments {
			places = append(places, types.SegmentInfo{ID: s.ID, BaseIndex: s.BaseIndex, MaxIndex: s.MaxIndex, IndexStart: s.IndexStart, Codec: s.Codec})
		}
		return places
	}
	for at := range whole {
		for bit := range 8 {
			damaged := slices.Clone(whole)
			damaged[at] ^= 1 << bit
			other, err := decodeState(damaged)
			if err != nil {
				continue
			}
			v := verifier{path: "wal", dir: dir, floor: sampleLast}
			if _, err := v.verify(other); err == nil && !slices.Equal(told(other), told(state)) {
				t.Fatalf("byte %d, bit %d: accepted, and says\n%s\nfor\n%s", at, bit, damaged, whole)
			}
		}
	}
}
