package boltfile_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/kvorum/kvorum/node/store/boltfile"
)

// sample is a file with branches, a bucket in its parent's page, values over
// several pages, and free pages.
func sample(t testing.TB, options *bbolt.Options) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "sample.db")
	db, err := bbolt.Open(path, 0o600, options)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for round := range 4 {
		err := db.Update(func(tx *bbolt.Tx) error {
			small, err := tx.CreateBucketIfNotExists([]byte("small"))
			if err != nil {
				return err
			}
			if err := small.Put([]byte("key"), fmt.Append(nil, "value ", round)); err != nil {
				return err
			}
			large, err := tx.CreateBucketIfNotExists([]byte("large"))
			if err != nil {
				return err
			}
			for i := range 100 {
				value := []byte(strings.Repeat("v", 20+i%50*200))
				if err := large.Put(binary.BigEndian.AppendUint64(nil, uint64(round*100+i)), value); err != nil {
					return err
				}
				if round > 1 && i%2 == 0 {
					if err := large.Delete(binary.BigEndian.AppendUint64(nil, uint64((round-2)*100+i))); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestAFileIsReadAsBboltReadsIt(t *testing.T) {
	for _, options := range []*bbolt.Options{nil, {NoFreelistSync: true, FreelistType: bbolt.FreelistMapType}} {
		path := sample(t, options)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := boltfile.Read(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := boltfile.CheckFile(path); err != nil {
			t.Fatal(err)
		}
		db, err := bbolt.Open(path, 0o600, options)
		if err != nil {
			t.Fatal(err)
		}
		err = db.View(func(tx *bbolt.Tx) error {
			return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
				keys := 0
				err := b.ForEach(func(k, v []byte) error {
					if keys++; string(got[string(name)][string(k)]) != string(v) {
						return fmt.Errorf("%s/%x differs", name, k)
					}
					return nil
				})
				if keys != len(got[string(name)]) {
					t.Errorf("%d keys of %s, and %d were read", keys, name, len(got[string(name)]))
				}
				return err
			})
		})
		if err != nil {
			t.Error(err)
		}
		db.Close()
	}
}

func TestEitherStateThatIsDamagedIsRefused(t *testing.T) {
	path := sample(t, nil)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for page := range 2 {
		for at := 16; at < 16+64; at++ { // of the page, behind its header
			damaged := slices.Clone(whole)
			damaged[page*os.Getpagesize()+at] ^= 0x20
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := boltfile.CheckFile(path); err == nil {
				t.Fatalf("state %d, byte %d: accepted", page, at)
			}
		}
	}
	for _, size := range []int{0, 1, 4096, len(whole) / 2} {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := boltfile.CheckFile(path); err == nil {
			t.Errorf("cut at %d: accepted", size)
		}
	}
}

// Of a page, the header and the places of its elements hold the file together.
func TestADamagedPageIsRefused(t *testing.T) {
	whole, err := os.ReadFile(sample(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	refused, pages := 0, len(whole)/4096
	for page := 2; page < pages; page += 5 {
		damaged := slices.Clone(whole)
		damaged[page*4096] ^= 0x40 // its number
		if _, err := boltfile.Read(damaged); err != nil {
			refused++
		}
	}
	if refused < 10 { // of every fifth page; the others are free
		t.Errorf("%d of %d pages matter", refused, pages)
	}
}

func FuzzRead(f *testing.F) {
	data, err := os.ReadFile(sample(f, nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), uint64(1))
	f.Add(uint32(4096*3+8), uint64(0xffff))
	f.Fuzz(func(_ *testing.T, at uint32, flips uint64) {
		place := data[int(at)%(len(data)-8):]
		was := binary.LittleEndian.Uint64(place)
		binary.LittleEndian.PutUint64(place, was^flips)
		boltfile.Read(data) // it must not panic
		binary.LittleEndian.PutUint64(place, was)
	})
}
