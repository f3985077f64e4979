package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node/store"
)

// member of a cluster of three, with three entries, whose log has vanished.
func damaged(t *testing.T, o store.Options) (server string) {
	t.Helper()
	dir, stores := openStores(t, o)
	server = dir.Identity().Server
	f := member.Formation{Cluster: "c", Servers: []member.Server{{ID: server, PeerAddr: "a:1", Voter: true}, {ID: "n2@2", PeerAddr: "b:1", Voter: true}}}
	if err := dir.Promise(f); err != nil {
		t.Fatal(err)
	}
	appendEntries(t, stores.Logs, 1, 3)
	closeDir(t, dir)
	if err := os.Remove(filepath.Join(o.Path, "raft.db")); err != nil {
		t.Fatal(err)
	}
	return server
}

func asides(t *testing.T, path string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(path, "damaged-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestADamagedDirectoryIsSetAsideAndItsServerJoinsAsANewOne(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := options(t.TempDir(), "n1", kind)
		server := damaged(t, o)
		why := refused(o)
		if !store.Rebuildable(why) {
			t.Fatalf("not taken for damage: %v", why)
		}
		aside, err := store.Rebuild(o, why, store.Rejoin{})
		if err != nil {
			t.Fatal(err)
		}
		if note, err := os.ReadFile(filepath.Join(aside, "why.txt")); err != nil || !strings.Contains(string(note), "raft.db") || !strings.Contains(string(note), server) {
			t.Errorf("the note: %s, %v", note, err)
		}
		for _, name := range []string{"identity.json", "snapshots"} {
			if _, err := os.Stat(filepath.Join(aside, name)); err != nil {
				t.Errorf("not kept: %v", err)
			}
		}
		dir, stores := openStores(t, options(o.Path, "n1", ""))
		now := dir.Identity()
		if now.Server == server || now.Cluster != "c" || !now.Rebuilt || now.Promise != nil || now.Settled || fmt.Sprint(now.Seeds) != "[b:1]" || dir.LogStore() != kind {
			t.Errorf("the new server is %+v", now)
		}
		if last, err := stores.Logs.LastIndex(); last != 0 || err != nil {
			t.Errorf("its log ends at %d, %v", last, err)
		}
	})
}

// What was set aside first may be all that is left of a cluster. Nothing replaces it before the
// new server is a complete member.
func TestADirectoryIsNotRebuiltTwiceBeforeItIsComplete(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	damaged(t, o)
	first, err := store.Rebuild(o, refused(o), store.Rejoin{})
	if err != nil {
		t.Fatal(err)
	}
	lose := func() {
		dir, stores := openStores(t, o)
		appendEntries(t, stores.Logs, 1, 3)
		closeDir(t, dir)
		if err := os.Remove(filepath.Join(o.Path, "raft.db")); err != nil {
			t.Fatal(err)
		}
	}
	lose()
	if _, err := store.Rebuild(o, refused(o), store.Rejoin{}); err == nil || !strings.Contains(err.Error(), first) {
		t.Errorf("a server that was not a member yet: %v", err)
	}
	if err := os.WriteFile(filepath.Join(o.Path, "raft.db"), nil, 0o600); err != nil { // made anew, and labelled
		t.Fatal(err)
	}
	dir := open(t, o)
	if err := dir.Settle(); err != nil {
		t.Fatal(err)
	}
	closeDir(t, dir)
	os.WriteFile(filepath.Join(o.Path, "damaged-by-hand"), nil, 0o600)
	second, err := store.Rebuild(o, errors.New("again"), store.Rejoin{})
	if err != nil {
		t.Fatal(err)
	}
	if got := asides(t, o.Path); len(got) != 1 || got[0] != second || second == first {
		t.Errorf("there are %v", got)
	}
	if _, err := os.Stat(filepath.Join(second, "damaged-by-hand")); err != nil {
		t.Errorf("somebody's file is gone: %v", err)
	}
}

// Nothing tells whether a read replica has ever been complete.
func TestAReadReplicaIsNotRebuiltTwiceBesideWhatWasSetAside(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	damaged(t, o)
	replica := store.Rejoin{Nonvoter: true}
	first, err := store.Rebuild(o, refused(o), replica)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Rebuild(o, errors.New("again"), replica); err == nil || !strings.Contains(err.Error(), first) {
		t.Errorf("it is rebuilt again: %v", err)
	}
	if err := os.RemoveAll(first); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Rebuild(o, errors.New("again"), replica); err != nil {
		t.Error(err)
	}
}

// A crash at any step of a rebuild leaves a directory that is refused as damaged,
// and the next attempt completes it.
func TestARebuildThatIsCutShortIsCompleted(t *testing.T) {
	for _, moved := range [][]string{{}, {"wal"}, {"wal", "snapshots"}} {
		o := options(t.TempDir(), "n1", store.WAL)
		damaged(t, o)
		why := refused(o)
		aside := filepath.Join(o.Path, "damaged-20200101T000000Z")
		if err := os.Mkdir(aside, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range moved {
			if err := os.Rename(filepath.Join(o.Path, name), filepath.Join(aside, name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := refused(o); !store.Rebuildable(err) {
			t.Fatalf("after %v: %v", moved, err)
		}
		got, err := store.Rebuild(o, why, store.Rejoin{})
		if err != nil || got != aside {
			t.Fatalf("after %v: set aside in %s, %v", moved, got, err)
		}
		for _, name := range []string{"wal", "snapshots", "identity.json"} {
			if _, err := os.Stat(filepath.Join(aside, name)); err != nil {
				t.Errorf("after %v: %v", moved, err)
			}
		}
		if err := refused(o); err != nil {
			t.Errorf("after %v: %v", moved, err)
		}
	}
}

func TestWhatIsNoDamageIsNotSetAside(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, o *store.Options){
		"another server's":  func(_ *testing.T, o *store.Options) { o.ID = "n2" },
		"another log store": func(_ *testing.T, o *store.Options) { o.LogStore = store.Bolt },
		"in use":            func(t *testing.T, o *store.Options) { open(t, *o) },
		"diverged": func(t *testing.T, o *store.Options) {
			dir := open(t, *o)
			if err := dir.Condemn("of two"); err != nil {
				t.Fatal(err)
			}
			closeDir(t, dir)
		},
		"a later version": func(t *testing.T, o *store.Options) {
			file := filepath.Join(o.Path, "identity.json")
			whole, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			write(t, file, strings.Replace(string(whole), `"version": 1`, `"version": 2`, 1))
		},
	} {
		o := options(t.TempDir(), "n1", store.WAL)
		dir, _ := openStores(t, o)
		closeDir(t, dir)
		spoil(t, &o)
		if err := refused(o); err == nil || store.Rebuildable(err) {
			t.Errorf("%s: taken for damage: %v", name, err)
		}
		if name == "another log store" {
			continue // what serve gives is what it is to be
		}
		if _, err := store.Rebuild(o, errors.New("planted"), store.Rejoin{}); err == nil || len(asides(t, o.Path)) > 0 {
			t.Errorf("%s: it was set aside (%v)", name, err)
		}
	}
	unreadable := &store.DamageError{File: "raft.db", Offset: -1, What: "it cannot be read", Err: syscall.EIO}
	if store.Rebuildable(fmt.Errorf("open: %w", unreadable)) {
		t.Error("a file that cannot be read now is taken for damage")
	}
}

// A server that was in no cluster has voted for nobody. It starts like a new one.
func TestADamagedDirectoryOfNoClusterIsMadeAnew(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	dir, _ := openStores(t, o)
	closeDir(t, dir)
	os.Remove(filepath.Join(o.Path, "raft.db"))
	if _, err := store.Rebuild(o, refused(o), store.Rejoin{}); err != nil {
		t.Fatal(err)
	}
	if got := open(t, o).Identity(); got.Rebuilt || got.Cluster != "" {
		t.Errorf("the new server is %+v", got)
	}
}

// An identity that cannot be read names no cluster. The new server joins whichever it is given.
func TestADamagedIdentityIsRebuiltAsAServerThatOnlyJoins(t *testing.T) {
	for _, spoil := range []func(file string) error{
		os.Remove,
		func(file string) error { return os.WriteFile(file, []byte("{}"), 0o600) },
	} {
		o := options(t.TempDir(), "n1", store.WAL)
		damaged(t, o)
		if err := spoil(filepath.Join(o.Path, "identity.json")); err != nil {
			t.Fatal(err)
		}
		why := refused(o)
		if !store.Rebuildable(why) {
			t.Fatalf("not taken for damage: %v", why)
		}
		if _, err := store.Rebuild(o, why, store.Rejoin{Nonvoter: true, Others: true}); err != nil {
			t.Fatal(err)
		}
		if got := open(t, o).Identity(); !got.Rebuilt || got.Cluster != "" || !got.Settled {
			t.Errorf("the new server is %+v", got)
		}
	}
}

// In a cluster of one nobody could bring a new server up to date.
func TestTheOnlyServerOfAClusterIsNotSetAside(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	dir, stores := openStores(t, o)
	alone := member.Formation{Cluster: "c", Servers: []member.Server{{ID: dir.Identity().Server, PeerAddr: "a:1", Voter: true}}}
	if err := dir.Promise(alone); err != nil {
		t.Fatal(err)
	}
	appendEntries(t, stores.Logs, 1, 3)
	closeDir(t, dir)
	remove := func(name string) {
		if err := os.Remove(filepath.Join(o.Path, name)); err != nil {
			t.Fatal(err)
		}
	}
	remove("raft.db")
	for _, identity := range []string{"readable", "gone"} {
		if _, err := store.Rebuild(o, refused(o), store.Rejoin{}); err == nil || !strings.Contains(err.Error(), "nothing else holds its data") || len(asides(t, o.Path)) > 0 {
			t.Errorf("its identity is %s: %v, set aside: %v", identity, err, asides(t, o.Path))
		}
		if identity == "readable" {
			remove("identity.json")
		}
	}
	if _, err := store.Rebuild(o, refused(o), store.Rejoin{Others: true}); err != nil {
		t.Error(err)
	}
}
