package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/node/store"
)

// failsWithin waits for the directory to say that it has failed.
func failsWithin(t *testing.T, dir *store.Dir, most time.Duration) error {
	t.Helper()
	select {
	case <-dir.Failed():
	case <-time.After(most):
		t.Fatalf("it has not been noticed for %v", most)
	}
	return dir.Err()
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(content))
}

// moved lists what somebody does to a file or directory that is in use.
var moved = map[string]func(t *testing.T, path string) error{
	"removed": func(_ *testing.T, path string) error { return os.RemoveAll(path) },
	"moved":   func(_ *testing.T, path string) error { return os.Rename(path, path+".away") },
	"replaced": func(t *testing.T, path string) error {
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		}
		copyFile(t, path, path+".copy")
		return os.Rename(path+".copy", path)
	},
}

func TestWhatIsRemovedOrReplacedWhileItIsUsedIsNoticed(t *testing.T) {
	type victim struct {
		what, path, at string
		dir            *store.Dir
	}
	var victims []victim
	for _, kind := range []store.LogStore{store.Bolt, store.WAL} {
		names := []string{"", "lock", "identity.json", "raft.db", "votes", "floor", "snapshots"}
		if kind == store.WAL {
			names = append(names, "wal", "wal/wal-meta.db", "wal/*.wal")
		}
		for _, name := range names {
			for how, move := range moved {
				path := filepath.Join(t.TempDir(), "data")
				dir, stores := openStores(t, options(path, "n1", kind))
				appendEntries(t, stores.Logs, 1, 20)
				found, err := filepath.Glob(filepath.Join(path, name))
				if err != nil || len(found) != 1 {
					t.Fatal(found, err)
				}
				if err := move(t, found[0]); err != nil {
					t.Fatal(err)
				}
				victims = append(victims, victim{fmt.Sprintf("%s %q %s", kind, name, how), path, found[0], dir})
			}
		}
	}
	for _, v := range victims {
		err := failsWithin(t, v.dir, 5*time.Second)
		if !strings.Contains(err.Error(), v.path) || !strings.Contains(err.Error(), "while this server was using it") || strings.Contains(err.Error(), "backup") {
			t.Errorf("%s: it says %v", v.what, err)
		}
		if !strings.Contains(err.Error(), ": "+filepath.Clean(v.at)+" was re") {
			t.Errorf("%s: it does not name %s: %v", v.what, v.at, err)
		}
	}
}
