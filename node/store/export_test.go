package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kvorum/kvorum/node/store/floor"
)

// DropSealedFrom rewrites an identity as the first release does, which does not know from where on
// entries are sealed.
func DropSealedFrom(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, identityFile)
	r, _, err := readIdentity(path)
	if err != nil {
		t.Fatal(err)
	}
	r.SealedFrom = 0
	text, err := encodeIdentity(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeAtomic(path, text); err != nil {
		t.Fatal(err)
	}
}

// AsFirstRelease leaves a directory as the first release would: without what that release does not
// know.
func AsFirstRelease(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, identityFile)
	r, _, err := readIdentity(path)
	if err != nil {
		t.Fatal(err)
	}
	r.SealedFrom, r.VoteFile, r.Floor = 0, false, false
	text, err := encodeIdentity(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeAtomic(path, text); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{voteFile, floor.FileName, identityFile + spareSuffix} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// What the tests of this package need to make a disk fail.
type (
	Volume     = volume
	VolumeFile = volumeFile
	OSVolume   = osVolume
)

// What the tests must know about the limits.
const (
	SnapshotSyncBytes    = snapshotSyncBytes
	SnapshotReserveBytes = snapshotReserveBytes
)

// SetVolume makes snapshots go to v. It must be called before Stores.
func (d *Dir) SetVolume(v Volume) { d.volume = v }
