package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/node/seal"
	"github.com/kvorum/kvorum/node/store"
)

// sealedEntry has data that can be found in a file.
func sealedEntry(index uint64) *raft.Log {
	e := &raft.Log{Index: index, Term: 2, Type: raft.LogNoop, Data: fmt.Appendf(nil, "<content %d>", index)}
	seal.Put(e)
	return e
}

// storeSealed stores entries from first to last.
func storeSealed(t *testing.T, stores node.Stores, first, last uint64) {
	t.Helper()
	for i := first; i <= last; i++ {
		if err := stores.Logs.StoreLog(sealedEntry(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// layout is the position of the fields of a stored entry, from the beginning of its data.
type layout map[string]int64

var layouts = map[store.LogStore]layout{
	store.WAL:  {"index": -4, "term": -3, "type": -2, "length": -1, "data": 3, "length of the seal": 12, "version": 13, "seal": 15},
	store.Bolt: {"data": 3, "length of the seal": 23, "version": 24, "seal": 26, "index": 35, "term": 41, "type": 47},
}

// place is the position in a file at which an entry's data begins.
type place struct {
	path string
	at   int64
}

// placesOf finds an entry in a directory's files.
func placesOf(t *testing.T, dir string, index uint64) (places []place) {
	t.Helper()
	data := sealedEntry(index).Data
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for i := bytes.Index(content, data); i >= 0; {
			places = append(places, place{path, int64(i)})
			next := bytes.Index(content[i+1:], data)
			if next < 0 {
				break
			}
			i += 1 + next
		}
		return err
	})
	if err != nil || len(places) == 0 {
		t.Fatalf("entry %d is at %v: %v", index, places, err)
	}
	return places
}

// xor changes a byte at a distance from each of the places, as a disk does.
func xor(t *testing.T, places []place, distance int64, mask byte) {
	t.Helper()
	for _, p := range places {
		file, err := os.OpenFile(p.path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		var b [1]byte
		if _, err := file.ReadAt(b[:], p.at+distance); err != nil {
			t.Fatal(err)
		}
		b[0] ^= mask
		if _, err := file.WriteAt(b[:], p.at+distance); err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
}

// A record with one flipped bit, below either log store, is refused with file, index and remedy,
// whichever field it is in. Restored, it is read.
func TestAFlippedBitOfARecordIsRefusedWithItsFile(t *testing.T) {
	for kind, file := range map[store.LogStore]string{store.Bolt: "raft.db", store.WAL: "wal/00000000000000000001-0000000000000001.wal"} {
		t.Run(string(kind), func(t *testing.T) {
			o := options(filepath.Join(t.TempDir(), "d"), "n1", kind)
			_, stores := openStores(t, o)
			storeSealed(t, stores, 1, 20)
			places := placesOf(t, o.Path, 10)
			for field, at := range layouts[kind] {
				for bit := range 8 {
					xor(t, places, at, 1<<bit)
					_, err := node.ReadStored(stores)
					if t.Run(fmt.Sprint(field, " ", bit), func(t *testing.T) {
						wantRefusal(t, err, filepath.Join(o.Path, file), "entry 10", "an empty directory")
					}); !errors.As(err, new(*store.DamageError)) {
						t.Errorf("%s: %v is no DamageError", field, err)
					}
					xor(t, places, at, 1<<bit)
				}
			}
			if _, err := node.ReadStored(stores); err != nil {
				t.Error(err)
			}
		})
	}
}

// The entry behind the newest snapshot is read before anything else, and is refused like any
// other.
func TestADamagedFirstEntryIsDamageToo(t *testing.T) {
	o := options(filepath.Join(t.TempDir(), "d"), "n1", store.Bolt)
	dir, stores := openStores(t, o)
	storeSealed(t, stores, 1, 20)
	closeDir(t, dir)
	xor(t, placesOf(t, o.Path, 1), layouts[store.Bolt]["index"], 2)
	err := refused(o)
	wantRefusal(t, err, filepath.Join(o.Path, "raft.db"), "entry 1", "an empty directory")
	if !errors.As(err, new(*store.DamageError)) {
		t.Errorf("%v is no DamageError", err)
	}
}

// What a disk or an ending process cannot read may be intact: it is no damage.
func TestADiskThatFailsIsNotCalledDamaged(t *testing.T) {
	dir, stores := openStores(t, options(filepath.Join(t.TempDir(), "d"), "n1", store.WAL))
	storeSealed(t, stores, 1, 3)
	closeDir(t, dir)
	_, err := node.ReadStored(stores)
	if err == nil || errors.As(err, new(*store.DamageError)) {
		t.Errorf("a closed log: %v", err)
	}
}

// sealedFrom reads what the identity file says.
func sealedFrom(t *testing.T, dir string) (index uint64) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "identity.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Identity struct {
			SealedFrom uint64 `json:"sealed_from"`
		} `json:"identity"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Identity.SealedFrom
}

// Entries must carry seals from where this release first wrote. What the first release stored
// before, or stores later after a downgrade, is read as it is.
func TestSealsAreWantedFromWhereThisReleaseFirstWrote(t *testing.T) {
	for _, kind := range []store.LogStore{store.Bolt, store.WAL} {
		o := options(filepath.Join(t.TempDir(), "d"), "n1", kind)
		bare := func(first, last uint64) { // what the first release does
			dir, stores := openStores(t, o)
			for i := first; i <= last; i++ {
				if err := stores.Logs.StoreLog(&raft.Log{Index: i, Term: 1, Type: raft.LogNoop}); err != nil {
					t.Fatal(err)
				}
			}
			closeDir(t, dir)
			store.DropSealedFrom(t, o.Path)
		}
		bare(1, 5)
		for _, step := range []struct{ sealedTo, from uint64 }{{9, 6}, {14, 6}} {
			dir, stores := openStores(t, o)
			last, _ := stores.Logs.LastIndex()
			storeSealed(t, stores, last+1, step.sealedTo)
			if _, err := node.ReadStored(stores); err != nil || stores.SealedFrom != step.from || sealedFrom(t, o.Path) != step.from {
				t.Errorf("%s: sealed from %d, %v", kind, stores.SealedFrom, err)
			}
			closeDir(t, dir)
		}
		bare(15, 17)
		dir, stores := openStores(t, o)
		if _, err := node.ReadStored(stores); err != nil || stores.SealedFrom != 18 {
			t.Errorf("%s, after a way back: sealed from %d, %v", kind, stores.SealedFrom, err)
		}
		if err := stores.Logs.StoreLog(&raft.Log{Index: 18, Term: 1, Type: raft.LogNoop}); err != nil {
			t.Fatal(err)
		}
		_, err := node.ReadStored(stores)
		wantRefusal(t, err, "entry 18", "no checksum")
		closeDir(t, dir)
	}
}

// Whoever only reads a directory of the first release leaves it as it is, so that the first release
// may continue to use it afterwards.
func TestADirectoryThatIsOnlyReadStaysAsItIs(t *testing.T) {
	for _, kind := range []store.LogStore{store.Bolt, store.WAL} {
		o := options(filepath.Join(t.TempDir(), "d"), "n1", kind)
		dir, stores := openStores(t, o)
		appendEntries(t, stores.Logs, 1, 20)
		if err := stores.Stable.SetUint64([]byte("CurrentTerm"), 1); err != nil {
			t.Fatal(err)
		}
		closeDir(t, dir)
		store.AsFirstRelease(t, o.Path)
		before := listing(t, o.Path)
		o.Existing = true
		dir, stores = openStores(t, o)
		if last, err := stores.Logs.LastIndex(); last != 20 || err != nil || stores.SealedFrom != 0 {
			t.Errorf("%s: it ends at %d, %v; sealed from %d", kind, last, err, stores.SealedFrom)
		}
		closeDir(t, dir)
		if after := listing(t, o.Path); !maps.Equal(before, after) {
			t.Errorf("%s: it held %q and holds %q", kind, before, after)
		}
	}
}

// listing returns the names in a directory, with the content of its identity.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, entry := range found {
		all[entry.Name()] = ""
	}
	text, err := os.ReadFile(filepath.Join(dir, "identity.json"))
	if err != nil {
		t.Fatal(err)
	}
	all["identity.json"] = string(text)
	return all
}

// A complete identity is not replaced when the stores are opened.
func TestASecondStartLeavesTheIdentityToItsBootNumber(t *testing.T) {
	for _, kind := range []store.LogStore{store.Bolt, store.WAL} {
		o := options(filepath.Join(t.TempDir(), "d"), "n1", kind)
		dir, _ := openStores(t, o)
		closeDir(t, dir)
		identity := func() os.FileInfo {
			info, err := os.Stat(filepath.Join(o.Path, "identity.json"))
			if err != nil {
				t.Fatal(err)
			}
			return info
		}
		before := identity()
		openStores(t, o)
		if !os.SameFile(before, identity()) {
			t.Errorf("%s: it was replaced", kind)
		}
	}
}

// The term of the entry at which the snapshot ends tells whether the log continues from it. A
// damaged term says nothing: the log stays, and is refused.
func TestADamagedTermAtTheSnapshotsEndDoesNotEmptyTheLog(t *testing.T) {
	for release, sealed := range map[string]bool{"the first release": false, "this one": true} {
		t.Run(release, func(t *testing.T) { damageTermAtSnapshot(t, sealed) })
	}
}

func damageTermAtSnapshot(t *testing.T, sealed bool) {
	o := options(filepath.Join(t.TempDir(), "d"), "n1", store.Bolt)
	dir, stores := openStores(t, o)
	for i := uint64(1); i <= 20; i++ {
		e := sealedEntry(i)
		e.Term = 1 // the snapshot's
		if e.Extensions = nil; sealed {
			seal.Put(e)
		}
		if err := stores.Logs.StoreLog(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeSnapshot(stores.Snapshots, 10, "whole"); err != nil {
		t.Fatal(err)
	}
	closeDir(t, dir)
	distance := layouts[store.Bolt]["term"]
	if !sealed {
		dropFromIdentity(t, o.Path, "sealed_from")
		distance -= 5 // the bytes of a seal
	}
	xor(t, placesOf(t, o.Path, 10), distance, 4)
	for range 2 {
		wantRefusal(t, refused(o), filepath.Join(o.Path, "raft.db"), "entry 10", "an empty directory")
	}
	xor(t, placesOf(t, o.Path, 10), distance, 4)
	_, stores = openStores(t, o)
	if last, err := stores.Logs.LastIndex(); err != nil || last != 20 {
		t.Errorf("the log ends at %d (%v), not 20", last, err)
	}
}
