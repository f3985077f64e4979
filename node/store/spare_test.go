package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node/store"
)

// The tests simulate a full disk by names under which nothing can be created: whatever needs new
// space fails.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(path, "identity.json.tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// Each start stores a boot number, in space that was reserved before.
func TestABootNumberNeedsNoNewSpace(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	dir, _ := openStores(t, o)
	if _, err := dir.RaiseBoot(); err != nil {
		t.Fatal(err)
	}
	closeDir(t, dir)
	fillDisk(t, o.Path)
	identity := filepath.Join(o.Path, "identity.json")
	for boot := uint64(2); boot <= 4; boot++ {
		spare, err := os.Stat(identity + ".spare")
		if err != nil {
			t.Fatal(err)
		}
		dir, _ = openStores(t, o)
		got, err := dir.RaiseBoot()
		if err != nil || got != boot {
			t.Fatalf("boot %d, %v; want %d", got, err, boot)
		}
		closeDir(t, dir)
		if now, err := os.Stat(identity); err != nil || !os.SameFile(now, spare) {
			t.Fatalf("the identity was written into other space than the spare's (%v)", err)
		}
	}
}

// An identity that does not fit the spare, or finds none, takes new space.
func TestAnIdentityThatOutgrowsItsSpareIsStoredAllTheSame(t *testing.T) {
	for _, lost := range []bool{false, true} {
		o := options(t.TempDir(), "n1", store.WAL)
		dir := open(t, o)
		if lost {
			os.Remove(filepath.Join(o.Path, "identity.json.spare"))
		}
		f := member.Formation{Cluster: "c"}
		for i := range 2000 {
			f.Servers = append(f.Servers, member.Server{ID: dir.Identity().Server, PeerAddr: "a:1", Voter: i == 0})
		}
		if err := dir.Promise(f); err != nil {
			t.Fatal(err)
		}
		closeDir(t, dir)
		if got := open(t, o).Identity(); got.Promise == nil || len(got.Promise.Servers) != 2000 {
			t.Errorf("kept %+v", got.Promise)
		}
	}
}

// A kill in the middle of writing the spare leaves the identity as it was.
func TestAHalfWrittenSpareIsNobodysIdentity(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	dir := open(t, o)
	server := dir.Identity().Server
	closeDir(t, dir)
	write(t, filepath.Join(o.Path, "identity.json.spare"), `{"version":1,"crc32c":"12`)
	dir = open(t, o)
	if boot, err := dir.RaiseBoot(); err != nil || boot != 1 || dir.Identity().Server != server {
		t.Fatalf("boot %d, %v, server %s", boot, err, dir.Identity().Server)
	}
}

// Unfinished snapshots go before anything is stored: they may have filled the disk.
func TestUnfinishedSnapshotsGoBeforeAnythingNeedsSpace(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	dir, _ := openStores(t, o)
	closeDir(t, dir)
	unfinished := filepath.Join(o.Path, "snapshots", "1-10-1.tmp")
	if err := os.MkdirAll(unfinished, 0o700); err != nil {
		t.Fatal(err)
	}
	open(t, o)
	if _, err := os.Stat(unfinished); !os.IsNotExist(err) {
		t.Fatalf("the unfinished snapshot is still there when the boot number is to be stored: %v", err)
	}
}
