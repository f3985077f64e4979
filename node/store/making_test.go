package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node/store"
)

// onlyKnown opens an existing directory and creates none.
func onlyKnown(o store.Options) error {
	o.NoMint = true
	return refused(o)
}

func namesIn(t *testing.T, path string) (names []string) {
	t.Helper()
	found, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range found {
		names = append(names, entry.Name())
	}
	return names
}

func TestADirectoryThatIsNoServersIsNotMadeOneUnasked(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "not", "mounted")
	if err := onlyKnown(options(missing, "n1", "")); !errors.Is(err, store.ErrNoServer) {
		t.Errorf("a directory that does not exist: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(missing)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was made: %v", err)
	}
	o := options(t.TempDir(), "n1", "")
	if err := onlyKnown(o); !errors.Is(err, store.ErrNoServer) {
		t.Errorf("an empty directory: %v", err)
	}
	if names := namesIn(t, o.Path); len(names) > 0 {
		t.Errorf("it holds %v", names)
	}
	closeDir(t, open(t, o))
	if err := onlyKnown(o); err != nil {
		t.Errorf("a server's directory: %v", err)
	}
}

// Any remainder of a server shows that this is no first start.
func TestWhatIsLeftOfAServerIsNotTakenForANewDirectory(t *testing.T) {
	for _, name := range []string{"raft.db", "votes", "wal", "snapshots", "floor", "identity.json.spare", "damaged-20200101T000000Z", "damaged-snapshot-1-2-3"} {
		o := options(t.TempDir(), "n1", "")
		if err := os.Mkdir(filepath.Join(o.Path, name), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{refused(o), onlyKnown(o)} {
			wantRefusal(t, err, name, "there is no identity.json beside it")
			if !store.Rebuildable(err) {
				t.Errorf("%s: not taken for damage: %v", name, err)
			}
		}
		if _, err := store.Rebuild(o, refused(o), store.Rejoin{Others: true}); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := open(t, o).Identity(); !got.Rebuilt {
			t.Errorf("%s: the new server may found a cluster: %+v", name, got)
		}
	}
}

// A foreign directory is not filled: nothing is left in it. What a new directory may hold is no
// obstacle.
func TestADirectoryThatHoldsSomebodysFilesIsNotMadeAServers(t *testing.T) {
	for _, name := range []string{"thesis.tex", ".profile", "identity.json.old"} {
		o := options(t.TempDir(), "n1", "")
		if err := os.WriteFile(filepath.Join(o.Path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{refused(o), onlyKnown(o)} {
			if !errors.Is(err, store.ErrNotEmpty) || store.Rebuildable(err) {
				t.Errorf("%s: %v", name, err)
			}
			wantRefusal(t, err, o.Path+" holds "+name)
		}
		if names := namesIn(t, o.Path); len(names) > 1 {
			t.Errorf("%s: left in it: %v", name, names)
		}
	}
	o := options(t.TempDir(), "n1", "")
	for _, name := range []string{"lost+found", "upgrade-hold", "lock", "identity.json.tmp"} {
		if err := os.WriteFile(filepath.Join(o.Path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	closeDir(t, open(t, o))
	if err := os.WriteFile(filepath.Join(o.Path, "notes"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	closeDir(t, open(t, o)) // it is a server's already
}

func TestADirectoryIsNoServersUntilItIsFinished(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := options(t.TempDir(), "n1", kind)
		if err := os.Mkdir(filepath.Join(o.Path, "lost+found"), 0o700); err != nil {
			t.Fatal(err)
		}
		dir, err := store.Begin(o)
		if err != nil {
			t.Fatal(err)
		}
		stores, err := dir.Stores()
		if err != nil {
			t.Fatal(err)
		}
		appendEntries(t, stores.Logs, 1, 3)
		if err := dir.Join("c", nil); err != nil {
			t.Fatal(err)
		}
		for range 2 { // before and after it was let go of
			if _, err := os.Stat(filepath.Join(o.Path, "identity.json")); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("it has an identity: %v", err)
			}
			closeDir(t, dir)
			for _, err := range []error{refused(o), onlyKnown(o)} {
				if !errors.Is(err, store.ErrUnfinished) || store.Rebuildable(err) {
					t.Errorf("it is opened: %v", err)
				}
			}
			if dir, err = store.Begin(o); err != nil { // as after a kill
				t.Fatal(err)
			}
			if names := namesIn(t, o.Path); slices.Contains(names, "raft.db") {
				t.Errorf("it still holds %v", names)
			}
		}
		server := dir.Identity().Server
		stores, err = dir.Stores()
		if err != nil {
			t.Fatal(err)
		}
		appendEntries(t, stores.Logs, 1, 2)
		if err := errors.Join(dir.Join("d", nil), dir.Finish()); err != nil {
			t.Fatal(err)
		}
		if _, err := dir.RaiseBoot(); err != nil {
			t.Error(err)
		}
		closeDir(t, dir)
		if names := namesIn(t, o.Path); slices.Contains(names, "identity.json.unfinished") {
			t.Errorf("it still holds %v", names)
		}
		dir, stores = openStores(t, o)
		if got := dir.Identity(); got.Server != server || got.Cluster != "d" {
			t.Errorf("it is %+v", got)
		}
		if last, err := stores.Logs.LastIndex(); last != 2 || err != nil {
			t.Errorf("its log ends at %d, %v", last, err)
		}
	})
}

// The test simulates a kill by leaving only what each step would leave of a directory.
func TestADirectoryWhoseMakingWasCutShortIsMadeAgain(t *testing.T) {
	for _, left := range [][]string{
		{"identity.json.unfinished.tmp"},
		{"identity.json.unfinished"},
		{"identity.json.unfinished", "identity.json.unfinished.spare"},
		{"identity.json.unfinished", "snapshots", "raft.db", "wal", "votes", "floor", "floor.tmp", "identity.json.unfinished.tmp"},
	} {
		o := options(t.TempDir(), "n1", store.WAL)
		for _, name := range left {
			write(t, filepath.Join(o.Path, name), "half")
		}
		dir, err := store.Begin(o)
		if err != nil {
			t.Errorf("%v: %v", left, err)
			continue
		}
		f := member.Formation{Cluster: "c", Servers: []member.Server{{ID: dir.Identity().Server, PeerAddr: "a:1", Voter: true}}}
		if err := errors.Join(dir.Promise(f), dir.Finish(), dir.Close()); err != nil {
			t.Errorf("%v: %v", left, err)
		}
		if err := onlyKnown(o); err != nil {
			t.Errorf("%v: %v", left, err)
		}
	}
}

func TestADirectoryIsMadeOnlyInAnEmptyOne(t *testing.T) {
	full := options(t.TempDir(), "n1", "")
	closeDir(t, open(t, full))
	foreign, beside := options(t.TempDir(), "n1", ""), options(t.TempDir(), "n1", "")
	write(t, filepath.Join(foreign.Path, "thesis.tex"), "")
	write(t, filepath.Join(beside.Path, "identity.json.unfinished"), "")
	write(t, filepath.Join(beside.Path, "thesis.tex"), "")
	for _, o := range []store.Options{full, foreign, beside} {
		before := namesIn(t, o.Path)
		if _, err := store.Begin(o); !errors.Is(err, store.ErrNotEmpty) {
			t.Errorf("%v: %v", before, err)
		}
		if after := namesIn(t, o.Path); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("%v became %v", before, after)
		}
	}
}

func TestADirectoryThatIsAbandonedIsEmpty(t *testing.T) {
	o := options(t.TempDir(), "n1", "")
	dir, err := store.Begin(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Stores(); err != nil {
		t.Fatal(err)
	}
	if err := dir.Abandon(); err != nil {
		t.Fatal(err)
	}
	if names := namesIn(t, o.Path); len(names) != 1 || names[0] != "lock" {
		t.Errorf("it holds %v", names)
	}
	if err := onlyKnown(o); !errors.Is(err, store.ErrNoServer) {
		t.Error(err)
	}
}
