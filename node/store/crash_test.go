package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node/seal"
	"github.com/kvorum/kvorum/node/store"
)

// The tests simulate a kill by making the directory look as it would after the step before the
// kill. The steps are single renames and fsyncs, so there are few.

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAKillWhileTheIdentityIsMintedLeavesAFreshDirectory(t *testing.T) {
	path := t.TempDir()
	write(t, filepath.Join(path, "lock"), "4711\n")
	write(t, filepath.Join(path, "identity.json.tmp"), `{"version":1,"crc32c":"12`)
	if err := refused(options(path, "n1", store.WAL)); err != nil {
		t.Fatal(err)
	}
}

func TestAKillWhileTheIdentityIsReplacedLeavesTheOldOne(t *testing.T) {
	path := t.TempDir()
	dir := open(t, options(path, "n1", store.WAL))
	server := dir.Identity().Server
	dir.RaiseBoot()
	closeDir(t, dir)
	write(t, filepath.Join(path, "identity.json.tmp"), "{")
	dir = open(t, options(path, "n1", store.WAL))
	if boot, err := dir.RaiseBoot(); err != nil || boot != 2 || dir.Identity().Server != server {
		t.Fatalf("boot %d, %v, server %s", boot, err, dir.Identity().Server)
	}
}

func TestADamagedIdentityIsRefusedWhereverTheDamageIs(t *testing.T) {
	path := t.TempDir()
	dir, _ := openStores(t, options(path, "n1", store.WAL))
	if err := dir.Promise(member.Formation{Cluster: "c", Servers: []member.Server{{ID: dir.Identity().Server, PeerAddr: "a:1", Voter: true}}}); err != nil {
		t.Fatal(err)
	}
	closeDir(t, dir)
	file := filepath.Join(path, "identity.json")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(whole)-2; cut += 7 {
		write(t, file, string(whole[:cut]))
		wantRefusal(t, refused(options(path, "n1", store.WAL)), "is damaged", "an empty directory")
	}
	write(t, file, strings.Replace(string(whole), `"boot": 0`, `"boot": 9`, 1))
	wantRefusal(t, refused(options(path, "n1", store.WAL)), "is damaged", "checksum")
	write(t, file, strings.Replace(string(whole), `"version": 1`, `"version": 2`, 1))
	wantRefusal(t, refused(options(path, "n1", store.WAL)), "reads version 1")
	os.Remove(file)
	wantRefusal(t, refused(options(path, "n1", store.WAL)), "there is no identity.json beside it")
	write(t, file, string(whole))
	if err := refused(options(path, "n1", store.WAL)); err != nil {
		t.Fatal(err)
	}
}

func TestAKillWhileRaftsFilesAreMadeIsMadeGood(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		path := t.TempDir()
		closeDir(t, open(t, options(path, "n1", kind)))
		write(t, filepath.Join(path, "raft.db"), "torn page")
		if err := os.Mkdir(filepath.Join(path, "wal"), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(path, "wal", "wal-meta.db"), "torn page")
		_, stores := openStores(t, options(path, "n1", kind))
		appendEntries(t, stores.Logs, 1, 3)
	})
}

func TestAVanishedLogBesideATermIsRefused(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := options(t.TempDir(), "n1", kind)
		dir, stores := openStores(t, o)
		if err := stores.Stable.SetUint64([]byte("CurrentTerm"), 3); err != nil {
			t.Fatal(err)
		}
		appendEntries(t, stores.Logs, 1, 5)
		if err := stores.Logs.DeleteRange(1, 5); err != nil {
			t.Fatal(err)
		}
		closeDir(t, dir)
		wantRefusal(t, refused(o), "log has vanished beside term 3", "an empty directory")
	})
}

func TestATermBeforeTheFirstEntryIsAFoundersAndAccepted(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := options(t.TempDir(), "n1", kind)
		dir, stores := openStores(t, o)
		dir.Promise(member.Formation{Cluster: "c", Servers: []member.Server{{ID: dir.Identity().Server, Voter: true}}})
		stores.Stable.SetUint64([]byte("CurrentTerm"), 1)
		closeDir(t, dir)
		if err := refused(o); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRemovedRaftFilesAreRefused(t *testing.T) {
	for _, c := range []struct {
		kind store.LogStore
		gone string
		says string
	}{
		{store.Bolt, "raft.db", "raft.db: votes or entries were stored in it, and it is not there"},
		{store.WAL, "raft.db", "raft.db: votes or entries were stored in it, and it is not there"},
		{store.WAL, "wal", "wal-meta.db: votes or entries were stored in it, and it is not there"},
		{store.WAL, "wal/wal-meta.db", "wal-meta.db: votes or entries were stored in it, and it is not there"},
	} {
		t.Run(string(c.kind)+" without "+c.gone, func(t *testing.T) {
			o := options(t.TempDir(), "n1", c.kind)
			dir, stores := openStores(t, o)
			appendEntries(t, stores.Logs, 1, 5)
			closeDir(t, dir)
			if err := os.RemoveAll(filepath.Join(o.Path, c.gone)); err != nil {
				t.Fatal(err)
			}
			wantRefusal(t, refused(o), c.says, "an empty directory")
			wantRefusal(t, refused(o), "an empty directory") // also when asked twice
		})
	}
}

func TestALogThatEndsBeforeTheSnapshotIsEmptiedAndGoesOnBehindIt(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := options(t.TempDir(), "n1", kind)
		dir, stores := openStores(t, o)
		appendEntries(t, stores.Logs, 1, 50)
		// The kill: the snapshot of 80 is installed, and the log is not yet truncated.
		if err := writeSnapshot(stores.Snapshots, 80, "whole"); err != nil {
			t.Fatal(err)
		}
		closeDir(t, dir)
		for range 2 { // the second time it is empty already
			dir, stores = openStores(t, o)
			if last, err := stores.Logs.LastIndex(); last != 0 || err != nil {
				t.Fatalf("the log ends at %d (%v)", last, err)
			}
			closeDir(t, dir)
		}
		dir, stores = openStores(t, o)
		appendEntries(t, stores.Logs, 81, 90)
		closeDir(t, dir)
		_, stores = openStores(t, o)
		first, _ := stores.Logs.FirstIndex()
		last, _ := stores.Logs.LastIndex()
		if first != 81 || last != 90 {
			t.Fatalf("log %d to %d, want 81 to 90", first, last)
		}
	})
}

func damageSnapshot(t *testing.T, path, prefix string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(path, "snapshots", prefix+"*", "state.bin"))
	if err != nil || len(found) != 1 {
		t.Fatalf("snapshots %s: %v, %v", prefix, found, err)
	}
	write(t, found[0], "damaged")
}

// The first release keeps two snapshots.
func TestADamagedSnapshotIsSetAsideForTheOlderOneIfTheLogReachesBack(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := options(t.TempDir(), "n1", kind)
		dir, stores := openStores(t, o)
		appendEntries(t, stores.Logs, 1, 100)
		for _, index := range []uint64{40, 80} {
			if err := writeSnapshot(firstRelease(t, o.Path), index, "whole"); err != nil {
				t.Fatal(err)
			}
		}
		if err := stores.Logs.DeleteRange(1, 30); err != nil {
			t.Fatal(err)
		}
		closeDir(t, dir)
		damageSnapshot(t, o.Path, "1-80-")
		dir, stores = openStores(t, o)
		metas, err := stores.Snapshots.List()
		if err != nil || len(metas) != 1 || metas[0].Index != 40 {
			t.Fatalf("snapshots %v, %v", metas, err)
		}
		if err := stores.Logs.DeleteRange(31, 60); err != nil {
			t.Fatal(err)
		}
		closeDir(t, dir)
		wantRefusal(t, refused(o), "snapshot 1-80-", "does not have them all")
	})
}

func TestRemovedSnapshotsAreRefusedWhenTheLogDoesNotReachBack(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := options(t.TempDir(), "n1", kind)
		dir, stores := openStores(t, o)
		appendEntries(t, stores.Logs, 1, 100)
		if err := writeSnapshot(stores.Snapshots, 80, "whole"); err != nil {
			t.Fatal(err)
		}
		stores.Logs.DeleteRange(1, 70)
		closeDir(t, dir)
		os.RemoveAll(filepath.Join(o.Path, "snapshots"))
		wantRefusal(t, refused(o), "entry 1: it is not there and in no snapshot")
	})
}

func TestAKillWhileASnapshotIsWrittenLeavesNothingOfIt(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	dir, stores := openStores(t, o)
	appendEntries(t, stores.Logs, 1, 10)
	closeDir(t, dir)
	unfinished := filepath.Join(o.Path, "snapshots", "1-10-1.tmp")
	if err := os.MkdirAll(unfinished, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(unfinished, "state.bin"), "half")
	openStores(t, o)
	if _, err := os.Stat(unfinished); !os.IsNotExist(err) {
		t.Fatalf("the unfinished snapshot is still there: %v", err)
	}
}

// flip changes one place in a file of a snapshot.
func flip(t *testing.T, path, prefix, file, old, changed string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(path, "snapshots", prefix+"*", file))
	if err != nil || len(found) != 1 {
		t.Fatalf("snapshots %s: %v, %v", prefix, found, err)
	}
	content, err := os.ReadFile(found[0])
	if err != nil || !strings.Contains(string(content), old) {
		t.Fatalf("%s holds %q (%v), not %q", found[0], content, err, old)
	}
	write(t, found[0], strings.Replace(string(content), old, changed, 1))
}

// installed makes a directory as a leader's snapshot of 1000 leaves it, with the given log: Raft
// has emptied it, or a kill came before that.
func installed(t *testing.T, kind store.LogStore, first, last uint64) store.Options {
	t.Helper()
	o := options(t.TempDir(), "n1", kind)
	dir, stores := openStores(t, o)
	if first > 0 {
		appendEntries(t, stores.Logs, first, last)
		if err := writeSnapshot(stores.Snapshots, 500, "whole"); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeSnapshot(stores.Snapshots, 1000, "whole"); err != nil {
		t.Fatal(err)
	}
	closeDir(t, dir)
	return o
}

func emptyLog(t *testing.T, o store.Options) {
	t.Helper()
	dir, stores := openStores(t, o) // it ends before the snapshot of 1000
	if last, err := stores.Logs.LastIndex(); last != 0 || err != nil {
		t.Fatalf("the log ends at %d (%v)", last, err)
	}
	closeDir(t, dir)
}

func TestADamagedSnapshotBeyondWhatIsLeftIsRefusedAtEveryStart(t *testing.T) {
	damages := map[string]func(*testing.T, string){
		"state":    func(t *testing.T, path string) { flip(t, path, "1-1000-", "state.bin", "whole", "whale") },
		"metadata": func(t *testing.T, path string) { flip(t, path, "1-1000-", "meta.json", `"ID"`, `"ID`) },
		"index":    func(t *testing.T, path string) { flip(t, path, "1-1000-", "meta.json", `"Index":1000`, `"Index":9000`) },
		"name":     func(t *testing.T, path string) { flip(t, path, "1-1000-", "meta.json", `"ID":"1-1000`, `"ID":"1-1001`) },
	}
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		for what, damage := range damages {
			t.Run(what, func(t *testing.T) {
				o := installed(t, kind, 1, 500)
				emptyLog(t, o)
				damage(t, o.Path)
				for range 3 { // also once it has been set aside
					wantRefusal(t, refused(o), "snapshot 1-1000-", "is damaged", "those to 0", "an empty directory", "joins the cluster as a new server")
				}
			})
		}
	})
}

func TestADamagedFirstSnapshotOfAServerWithoutALogIsRefused(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := installed(t, kind, 0, 0)
		damageSnapshot(t, o.Path, "1-1000-")
		wantRefusal(t, refused(o), "snapshot 1-1000-", "those to 0", "an empty directory")
	})
}

func TestADamagedSnapshotBeyondALogNotYetEmptiedIsRefusedAndTheLogStays(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := installed(t, kind, 1, 600)
		damageSnapshot(t, o.Path, "1-1000-")
		for range 2 {
			wantRefusal(t, refused(o), "snapshot 1-1000-", "those to 600", "an empty directory")
		}
	})
}

func TestADamagedSnapshotThatTheLogReachesBeyondHindersNoStart(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := installed(t, kind, 1, 1000)
		damageSnapshot(t, o.Path, "1-1000-")
		for range 2 {
			if err := refused(o); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A disk that fails to read a snapshot once may succeed at the next start. On Linux, reading the
// beginning of /proc/self/mem returns EIO.
func TestASnapshotThatTheDiskDoesNotGiveBackIsNotSetAside(t *testing.T) {
	if _, err := os.ReadFile("/proc/self/mem"); !errors.Is(err, syscall.EIO) {
		t.Skip("nothing here fails with EIO:", err)
	}
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		for _, file := range []string{"meta.json", "state.bin"} {
			o := installed(t, kind, 1, 500)
			emptyLog(t, o)
			found, err := filepath.Glob(filepath.Join(o.Path, "snapshots", "1-1000-*", file))
			if err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			away := filepath.Join(o.Path, file)
			if err := errors.Join(os.Rename(found[0], away), os.Symlink("/proc/self/mem", found[0])); err != nil {
				t.Fatal(err)
			}
			refusal := refused(o)
			wantRefusal(t, refusal, "input/output error", "make sure that the disk is well")
			if store.Rebuildable(refusal) {
				t.Errorf("taken for damage: %v", refusal)
			}
			if err := errors.Join(os.Remove(found[0]), os.Rename(away, found[0])); err != nil {
				t.Fatal(err)
			}
			if err := refused(o); err != nil {
				t.Errorf("when the disk is well again: %v", err)
			}
		}
	})
}

// A file that cannot be examined is not gone: nobody is told to empty a directory.
func TestARaftFileThatCannotBeLookedAtIsNotCalledGone(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	dir, _ := openStores(t, o)
	closeDir(t, dir)
	file := filepath.Join(o.Path, "raft.db")
	if err := errors.Join(os.Rename(file, file+".away"), os.Symlink(file, file)); err != nil {
		t.Fatal(err)
	}
	err := refused(o)
	wantRefusal(t, err, "too many levels of symbolic links: look at "+file)
	if strings.Contains(err.Error(), "an empty directory") {
		t.Errorf("it advises to an empty directory: %v", err)
	}
	if err := errors.Join(os.Remove(file), os.Rename(file+".away", file)); err != nil {
		t.Fatal(err)
	}
	if err := refused(o); err != nil {
		t.Fatal(err)
	}
}

// Raft's term and vote are older than the log. Only the later term of the entries shows it.
func TestATermBelowThatOfTheLogIsRefused(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := options(t.TempDir(), "n1", kind)
		dir, stores := openStores(t, o)
		if err := stores.Stable.SetUint64([]byte("CurrentTerm"), 2); err != nil {
			t.Fatal(err)
		}
		e := &raft.Log{Index: 1, Term: 3, Type: raft.LogNoop}
		seal.Put(e)
		if err := stores.Logs.StoreLog(e); err != nil {
			t.Fatal(err)
		}
		closeDir(t, dir)
		wantRefusal(t, refused(o), "votes", "term 2", "term 3", "older than the rest")
		if !store.Rebuildable(refused(o)) {
			t.Error("not taken for damage")
		}
	})
}
