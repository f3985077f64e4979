package store_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/node/store"
)

// brittle is a volume in which one step fails, or before each step of which something is done.
type brittle struct {
	store.OSVolume
	step   int
	failAt int            // 0: never
	before func(step int) // nil: nothing
	free   uint64         // 0: as much as the disk has

	unsynced map[string]bool   // files whose content could be lost, and names that could
	renamed  map[string]string // new names that could be lost, and the old ones
}

func newBrittle() *brittle {
	return &brittle{unsynced: map[string]bool{}, renamed: map[string]string{}}
}

func (b *brittle) next() error {
	b.step++
	if b.before != nil {
		b.before(b.step)
	}
	if b.step == b.failAt {
		return syscall.ENOSPC
	}
	return nil
}

func (b *brittle) MakeDir(path string) error {
	if err := b.next(); err != nil {
		return err
	}
	b.unsynced[path] = true
	return b.OSVolume.MakeDir(path)
}

func (b *brittle) Create(path string) (store.VolumeFile, error) {
	if err := b.next(); err != nil {
		return nil, err
	}
	file, err := b.OSVolume.Create(path)
	b.unsynced[path], b.unsynced[path+"#content"] = true, true
	return &brittleFile{file, b, path}, err
}

func (b *brittle) Rename(from, to string) error {
	if err := b.next(); err != nil {
		return err
	}
	for path := range b.unsynced {
		if rest, ok := strings.CutPrefix(path, from); ok {
			delete(b.unsynced, path)
			b.unsynced[to+rest] = true
		}
	}
	delete(b.unsynced, to)
	b.renamed[to] = from
	return b.OSVolume.Rename(from, to)
}

func (b *brittle) SyncDir(path string) error {
	if err := b.next(); err != nil {
		return err
	}
	for name := range b.unsynced {
		if filepath.Dir(name) == path && !strings.HasSuffix(name, "#content") {
			delete(b.unsynced, name)
		}
	}
	for name := range b.renamed {
		if filepath.Dir(name) == path {
			delete(b.renamed, name)
		}
	}
	return b.OSVolume.SyncDir(path)
}

func (b *brittle) Free(path string) (uint64, error) {
	if b.free > 0 {
		return b.free, nil
	}
	return b.OSVolume.Free(path)
}

type brittleFile struct {
	store.VolumeFile
	volume *brittle
	path   string
}

func (f *brittleFile) Write(p []byte) (int, error) {
	if err := f.volume.next(); err != nil {
		n, _ := f.VolumeFile.Write(p[:len(p)/2])
		return n, err
	}
	f.volume.unsynced[f.path+"#content"] = true
	return f.VolumeFile.Write(p)
}

func (f *brittleFile) WriteBack() error {
	if err := f.volume.next(); err != nil {
		return err
	}
	return f.VolumeFile.WriteBack() // which promises nothing
}

func (f *brittleFile) Sync() error {
	if err := f.volume.next(); err != nil {
		return err
	}
	delete(f.volume.unsynced, f.path+"#content")
	return f.VolumeFile.Sync()
}

// image copies a directory as it is at this moment: after a kill, or after a power loss that has
// forgotten everything that was not synced.
func (b *brittle) image(t *testing.T, path string, forgetful bool) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "image")
	if err := os.CopyFS(copied, os.DirFS(path)); err != nil {
		t.Fatal(err)
	}
	if !forgetful {
		return copied
	}
	inCopy := func(name string) string { return filepath.Join(copied, strings.TrimPrefix(name, path)) }
	for name := range b.unsynced {
		if file, ok := strings.CutSuffix(name, "#content"); ok {
			os.Truncate(inCopy(file), 0)
		}
	}
	for name := range b.unsynced {
		if !strings.HasSuffix(name, "#content") {
			os.RemoveAll(inCopy(name))
		}
	}
	for to, from := range b.renamed {
		os.Rename(inCopy(to), inCopy(from))
	}
	return copied
}

// wantSnapshots opens a directory, which must be valid, and compares the indexes of its snapshots.
func wantSnapshots(t *testing.T, what, path string, want ...string) {
	t.Helper()
	o := options(path, "n1", "")
	dir, err := store.Open(o)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer dir.Close()
	stores, err := dir.Stores()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	metas, err := stores.Snapshots.List()
	if err != nil || len(metas) == 0 {
		t.Fatalf("%s: snapshots %v, %v", what, metas, err)
	}
	if got := fmt.Sprint(metas[0].Index); !strings.Contains(" "+strings.Join(want, " ")+" ", " "+got+" ") {
		t.Fatalf("%s: the newest snapshot is of %s, not of %v", what, got, want)
	}
	if _, _, err := openSnapshot(stores.Snapshots, metas[0].ID); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if left, _ := filepath.Glob(filepath.Join(path, "snapshots", "*.tmp")); len(left) > 0 {
		t.Fatalf("%s: %v is left", what, left)
	}
}

// If the disk is full at any step of a snapshot, nothing of the snapshot is left, what was there
// stays, and the next one succeeds.
func TestASnapshotThatFailsAtAnyStepLeavesNothing(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	dir, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	volume := newBrittle()
	dir.SetVolume(volume)
	defer dir.Close()
	stores, err := dir.Stores()
	if err != nil {
		t.Fatal(err)
	}
	if err := writeSnapshot(stores.Snapshots, 10, "whole"); err != nil {
		t.Fatal(err)
	}
	steps := volume.step
	if steps < 8 {
		t.Fatalf("a snapshot has %d steps", steps)
	}
	for failAt := 1; failAt <= steps; failAt++ {
		volume.step, volume.failAt = 0, failAt
		wantRefusal(t, writeSnapshot(stores.Snapshots, 20, "whole"), "no space left on device")
		names, _ := filepath.Glob(filepath.Join(o.Path, "snapshots", "*"))
		metas, _ := stores.Snapshots.List()
		if len(names) != 1 || len(metas) != 1 || metas[0].Index != 10 {
			t.Fatalf("a full disk at step %d leaves %v, %v", failAt, names, metas)
		}
		if _, _, err := openSnapshot(stores.Snapshots, metas[0].ID); err != nil {
			t.Fatalf("a full disk at step %d: %v", failAt, err)
		}
	}
	volume.failAt = 0
	if err := writeSnapshot(stores.Snapshots, 20, "whole"); err != nil {
		t.Fatal(err)
	}
}

// openBrittle opens a new directory whose snapshots go to a brittle volume.
func openBrittle(t *testing.T) (store.Options, *brittle, node.Stores) {
	t.Helper()
	o := options(t.TempDir(), "n1", store.WAL)
	dir, volume := open(t, o), newBrittle()
	dir.SetVolume(volume)
	stores, err := dir.Stores()
	if err != nil {
		t.Fatal(err)
	}
	return o, volume, stores
}

// A kill or a power loss comes before any step of a snapshot. The directory opens with the old
// snapshot or the new one; after the last step, when the log may be truncated, with the new one.
func TestACrashAtAnyStepOfASnapshotLosesNone(t *testing.T) {
	o, volume, stores := openBrittle(t)
	appendEntries(t, stores.Logs, 1, 20)
	if err := writeSnapshot(stores.Snapshots, 10, "whole"); err != nil {
		t.Fatal(err)
	}
	crash := func(what string, want ...string) {
		wantSnapshots(t, "killed "+what, volume.image(t, o.Path, false), want...)
		wantSnapshots(t, "without power "+what, volume.image(t, o.Path, true), want...)
	}
	volume.before = func(step int) { crash(fmt.Sprint("before step ", step), "10", "20") }
	if err := writeSnapshot(stores.Snapshots, 20, "whole"); err != nil {
		t.Fatal(err)
	}
	crash("at the end", "20")
}

// A snapshot for which there is no room is not begun, and one that turns out to be larger than the
// room leaves what the log needs.
func TestASnapshotIsNotWrittenIntoTheLogsRoom(t *testing.T) {
	o, volume, stores := openBrittle(t)
	wantNothing := func(step int) {
		t.Helper()
		if names, _ := filepath.Glob(filepath.Join(o.Path, "snapshots", "*")); len(names) > 0 || volume.step > step {
			t.Errorf("after %d steps %v are left", volume.step, names)
		}
	}
	room, ok := stores.Snapshots.(interface{ Room(int64) error })
	if !ok {
		t.Fatal("nobody can ask for room")
	}
	volume.free = 900 << 20
	if err := room.Room(700 << 20); err != nil {
		t.Error(err)
	}
	wantRefusal(t, room.Room(800<<20), "no space left on device", "900 MB are free", "needs 928 MB")
	volume.free = 3 << 20 // the log's rotation may fail, or a small snapshot frees more than it takes
	if err := room.Room(1 << 20); err != nil {
		t.Error(err)
	}
	volume.free = 5 << 20
	sink, err := stores.Snapshots.Create(1, 10, 1, honestConfiguration(), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write(make([]byte, store.SnapshotSyncBytes)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the snapshot that has eaten the disk goes on: %v", err)
	}
	wantRefusal(t, sink.Close(), "no space left on device")
	wantNothing(1 << 30)
	volume.free = 0
	big := append(binary.BigEndian.AppendUint64(nil, 10), "whole"...)
	if _, err := receive(stores.Snapshots, header{10, 1, 1, honest.servers}, big); err != nil {
		t.Error(err)
	}
}
