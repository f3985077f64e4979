package boltpages_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/kvorum/kvorum/node/store/boltpages"
)

// listed returns a database that keeps a list of its free pages, as raft-wal's does.
func listed(t testing.TB) []byte { return fileAs(t, 400, &bbolt.Options{NoSync: true}) }

// listPage returns the offset of the list of free pages, according to the newer of the two roots.
func listPage(db []byte) int {
	word, newest := binary.NativeEndian, uint64(0)
	at := 0
	for page := range 2 {
		meta := db[page*os.Getpagesize()+16:]
		if txid := word.Uint64(meta[48:]); txid >= newest {
			newest, at = txid, int(word.Uint64(meta[32:]))*os.Getpagesize()
		}
	}
	return at
}

func TestADamagedListOfFreePagesIsAFault(t *testing.T) {
	whole := listed(t)
	_, err := content(whole, both)
	must(t, err)
	at := listPage(whole)
	count := int(binary.NativeEndian.Uint16(whole[at+10:]))
	if count < 3 {
		t.Fatalf("only %d pages are free", count)
	}
	for offset := at; offset < at+16+8*count; offset++ {
		damaged := bytes.Clone(whole)
		damaged[offset] ^= 1 << (offset % 8)
		if _, err := content(damaged, both); !errors.As(err, new(*boltpages.Fault)) {
			t.Fatalf("a flip at %d of the list: %v", offset-at, err)
		}
	}
}

func TestAValueIsReadAsBboltReadsIt(t *testing.T) {
	whole := listed(t)
	path := filepath.Join(t.TempDir(), "db")
	must(t, os.WriteFile(path, whole, 0o600))
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	must(t, err)
	defer db.Close()
	values := 0
	must(t, db.View(func(tx *bbolt.Tx) error {
		w := both
		w.Visit = func(bucket string, key []byte, value boltpages.Value) error {
			got, err := value.Read()
			if want := tx.Bucket([]byte(bucket)).Get(key); !bytes.Equal(got, want) {
				t.Fatalf("%s %x holds %d bytes, and %d were read", bucket, key, len(want), len(got))
			}
			values++
			return err
		}
		_, err := w.Run(bytes.NewReader(whole), int64(len(whole)))
		return err
	}))
	if values < 300 {
		t.Errorf("%d values", values)
	}
}

// unreadable is a disk that fails.
type unreadable struct{}

func (unreadable) ReadAt([]byte, int64) (int, error) { return 0, syscall.EIO }

func TestAFileThatCannotBeReadIsNotCalledEmpty(t *testing.T) {
	if _, err := both.Run(unreadable{}, 1<<20); !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	if _, err := both.Run(bytes.NewReader(nil), 0); err == nil || errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func FuzzWalk(f *testing.F) {
	whole := listed(f)
	f.Add(uint32(0), uint64(1))
	f.Add(uint32(4096*3+8), uint64(0xffff))
	f.Add(uint32(listPage(whole)+10), uint64(0xffff))
	f.Fuzz(func(_ *testing.T, at uint32, flips uint64) {
		damaged := bytes.Clone(whole)
		place := damaged[int(at)%(len(damaged)-8):]
		binary.LittleEndian.PutUint64(place, binary.LittleEndian.Uint64(place)^flips)
		content(damaged, both) // it must not panic
	})
}
