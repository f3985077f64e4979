package store

import (
	"errors"
	"testing"

	boltdb "github.com/hashicorp/raft-boltdb/v2"
)

// asFirstRelease uses a directory as the first release does: it reads and writes
// raft.db alone, and rewrites the identity without the fields that it does not know.
func asFirstRelease(t *testing.T, path string, rewrites bool, use func(db *boltdb.BoltStore) error) {
	t.Helper()
	d := &Dir{path: path, identity: identityFile}
	if rewrites {
		r, found, err := readIdentity(d.file(identityFile))
		if err != nil || !found {
			t.Fatal(found, err)
		}
		r.VoteFile = false
		if err := d.save(r); err != nil {
			t.Fatal(err)
		}
	}
	db, err := boltdb.NewBoltStore(d.file(boltFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(use(db), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestTheFirstReleaseMayUseADirectoryInBetween(t *testing.T) {
	path := t.TempDir()
	next := func(want ballot, store func(v *votes) error) {
		t.Helper()
		dir, err := Open(options(path))
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		stores, err := dir.Stores()
		if err != nil {
			t.Fatal(err)
		}
		v := stores.Stable.(*votes)
		if v.stored != want || !dir.record.VoteFile {
			t.Fatalf("found %v, want %v", v.stored, want)
		}
		if err := store(v); err != nil {
			t.Fatal(err)
		}
	}
	votes5 := func(v *votes) error { return errors.Join(v.SetUint64(keyTerm, 5), vote(v, 5, "a")) }
	nothing := func(*votes) error { return nil }
	next(ballot{}, votes5)
	next(ballot{5, 5, "a"}, nothing)
	asFirstRelease(t, path, true, func(db *boltdb.BoltStore) error {
		return errors.Join(db.SetUint64(keyTerm, 8), vote(db, 7, "b"))
	})
	next(ballot{8, 7, "b"}, nothing)
	// The same if the identity says that this release was the last user, and the vote file is an
	// older copy.
	asFirstRelease(t, path, false, func(db *boltdb.BoltStore) error {
		return errors.Join(db.SetUint64(keyTerm, 10), vote(db, 9, "c"))
	})
	next(ballot{10, 9, "c"}, nothing)
	asFirstRelease(t, path, true, func(db *boltdb.BoltStore) error {
		if term, err := db.GetUint64(keyTerm); err != nil || term != 10 {
			t.Errorf("the first release finds term %d, %v", term, err)
		}
		return nil
	})
	next(ballot{10, 9, "c"}, nothing)
}
