package boltpages_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/kvorum/kvorum/node/store/boltpages"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// file creates a database with two buckets, one inline and one of several levels with overflow
// pages, and with free pages.
func file(t testing.TB, keys int) []byte {
	t.Helper()
	return fileAs(t, keys, &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, NoSync: true})
}

func fileAs(t testing.TB, keys int, options *bbolt.Options) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, options)
	must(t, err)
	put := func(from, to int) {
		must(t, db.Update(func(tx *bbolt.Tx) error {
			small, err := tx.CreateBucketIfNotExists([]byte("conf"))
			must(t, err)
			must(t, small.Put(fmt.Append(nil, "key", from), []byte("value")))
			large, err := tx.CreateBucketIfNotExists([]byte("logs"))
			must(t, err)
			for i := from; i < to; i++ {
				size := 60
				if i%97 == 5 {
					size = 9000
				}
				must(t, large.Put(binary.BigEndian.AppendUint64(nil, uint64(i)), bytes.Repeat([]byte{byte(i) | 1}, size)))
			}
			return nil
		}))
	}
	for i := 1; i < keys; i += keys / 8 {
		put(i, i+keys/8)
	}
	must(t, db.Update(func(tx *bbolt.Tx) error {
		for i := 1; i < keys/4; i++ {
			must(t, tx.Bucket([]byte("logs")).Delete(binary.BigEndian.AppendUint64(nil, uint64(i))))
		}
		return nil
	}))
	must(t, db.Close())
	content, err := os.ReadFile(path)
	must(t, err)
	return content
}

// content returns what a walk finds; nil if it finds a fault.
func content(db []byte, w boltpages.Walk) (keys []string, err error) {
	w.Visit = func(bucket string, key []byte, _ boltpages.Value) error {
		keys = append(keys, fmt.Sprintf("%s %x", bucket, key))
		return nil
	}
	_, err = w.Run(bytes.NewReader(db), int64(len(db)))
	return keys, err
}

var both = boltpages.Walk{Buckets: []string{"conf", "logs"}}

func TestAWalkFindsEveryKeyInOrder(t *testing.T) {
	keys, err := content(file(t, 4000), both)
	must(t, err)
	if len(keys) < 3000 || keys[0] != "conf 6b657931" || keys[len(keys)-1] != "logs 0000000000000fa0" {
		t.Fatalf("%d keys, %q to %q", len(keys), keys[0], keys[len(keys)-1])
	}
}

// Whichever byte is damaged, the walk finds the damage, or finds the same as before (the byte is
// in a value, or in a page that nothing reaches), or finds a different key.
func TestADamagedByteIsAFaultOrIsInAKeyOrValue(t *testing.T) {
	if testing.Short() {
		t.Skip("byte after byte, on one goroutine")
	}
	whole := file(t, 100)
	want, err := content(whole, both)
	must(t, err)
	faults := 0
	damaged := bytes.Clone(whole)
	for at := range whole {
		if at > 0 && whole[at] == whole[at-1] && at%16 != 0 {
			continue // one of many zeros, or in the midst of a value
		}
		damaged[at] ^= 1 << (at % 8)
		keys, err := content(damaged, both)
		alone := metaFellBack(damaged)
		damaged[at] = whole[at]
		if fault := (*boltpages.Fault)(nil); errors.As(err, &fault) {
			faults++
			continue
		}
		must(t, err)
		if len(keys) < len(want) && !alone {
			t.Fatalf("a flip at %d hides %d keys", at, len(want)-len(keys))
		}
	}
	if faults < 1000 {
		t.Errorf("only %d of the flips in %d bytes were faults", faults, len(whole))
	}
}

func metaFellBack(db []byte) bool {
	m, err := boltpages.ReadMeta(bytes.NewReader(db))
	return err == nil && m.Alone
}

// bbolt opens every file that passes.
func TestWhatPassesCanBeOpened(t *testing.T) {
	if testing.Short() {
		t.Skip("byte after byte, on one goroutine")
	}
	whole := file(t, 100)
	path := filepath.Join(t.TempDir(), "db")
	opened := 0
	for at := 2 * 4096; at < len(whole); at += 31 { // bbolt's check looks at headers of meta pages that nothing else reads
		damaged := bytes.Clone(whole)
		damaged[at] = ^damaged[at]
		if _, err := content(damaged, both); err != nil {
			continue
		}
		opened++
		must(t, os.WriteFile(path, damaged, 0o600))
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true, NoSync: true})
		must(t, err)
		must(t, db.Update(func(tx *bbolt.Tx) error {
			for err := range tx.Check() {
				t.Errorf("flip at %d: %v", at, err)
			}
			return tx.Bucket([]byte("logs")).Put(binary.BigEndian.AppendUint64(nil, 1<<40), []byte("new"))
		}))
		must(t, db.Close())
	}
	if opened == 0 {
		t.Fatal("nothing passed")
	}
}

func TestAFileThatIsCutOffIsAFaultOrLacksOnlyWhatIsUnused(t *testing.T) {
	whole := file(t, 400)
	want, err := content(whole, both)
	must(t, err)
	faults := 0
	for cut := 0; cut < len(whole); cut += 512 {
		keys, err := content(whole[:cut], both)
		if fault := (*boltpages.Fault)(nil); errors.As(err, &fault) {
			faults++
		} else if len(keys) != len(want) {
			t.Fatalf("cut at %d: %d keys of %d, %v", cut, len(keys), len(want), err)
		}
	}
	if faults == 0 {
		t.Error("every cut passed")
	}
}

func TestAZeroedPageIsAFaultOrIsReachedByNothing(t *testing.T) {
	whole := file(t, 400)
	want, err := content(whole, both)
	must(t, err)
	for at := 0; at < len(whole); at += 4096 {
		damaged := bytes.Clone(whole)
		clear(damaged[at : at+4096])
		keys, err := content(damaged, both)
		if err == nil && len(keys) != len(want) && !metaFellBack(damaged) {
			t.Errorf("a page of zeros at %d hides %d keys", at, len(want)-len(keys))
		}
	}
}

func TestAWalkToTheEndReadsOnlyThatPath(t *testing.T) {
	whole := file(t, 40000)
	w := both
	w.Only = func(_ string, _, high []byte) bool { return high == nil }
	keys, err := content(whole, w)
	must(t, err)
	if len(keys) > 500 || keys[len(keys)-1] != "logs 0000000000009c40" {
		t.Fatalf("%d keys, the last %s", len(keys), keys[len(keys)-1])
	}
}

func BenchmarkWalkToTheEnd(b *testing.B) {
	path := filepath.Join(b.TempDir(), "db")
	must(b, os.WriteFile(path, file(b, 40000), 0o600))
	f, err := os.Open(path)
	must(b, err)
	defer f.Close()
	info, err := f.Stat()
	must(b, err)
	w := both
	w.Only = func(_ string, _, high []byte) bool { return high == nil }
	for b.Loop() {
		if _, err := w.Run(f, info.Size()); err != nil {
			b.Fatal(err)
		}
	}
}
