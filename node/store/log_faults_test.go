package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/types"

	"github.com/kvorum/kvorum/node/seal"
	"github.com/kvorum/kvorum/node/store"
)

// killedMeta is wal-meta.db until the process is killed before a commit.
type killedMeta struct {
	metadb.BoltMetaDB
	commits int
}

func (m *killedMeta) CommitState(state types.PersistentState) error {
	if m.commits--; m.commits < 0 {
		return errors.New("killed")
	}
	return m.BoltMetaDB.CommitState(state)
}

// tailOf returns the file of the log that entries are appended to.
func tailOf(t *testing.T, path string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(path, "wal", "*.wal"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no segment: %v", err)
	}
	return found[len(found)-1]
}

func TestARotationThatACrashCutShortIsFinished(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	dir, stores := openStores(t, o)
	appendEntries(t, stores.Logs, 1, 2)
	closeDir(t, dir)
	// The next batch seals its segment, and the commit after it is never made.
	logs := filepath.Join(o.Path, "wal")
	killed, err := wal.Open(logs, wal.WithLogger(hclog.NewNullLogger()), wal.WithMetaStore(&killedMeta{}))
	if err != nil {
		t.Fatal(err)
	}
	chunk := make([]byte, 4<<20)
	last := uint64(2)
	for err == nil && last < 32 {
		last++
		err = killed.StoreLogs([]*raft.Log{{Index: last, Term: 1, Data: chunk}})
	}
	if !errors.Is(err, wal.ErrSealed) {
		t.Fatalf("the log was not sealed, and says %v", err)
	}
	killed.Close()
	for range 2 {
		dir, stores = openStores(t, o)
		if got, err := stores.Logs.LastIndex(); err != nil || got != last-1 {
			t.Fatalf("the log ends at %d (%v) and should end at %d", got, err, last-1)
		}
		appendEntries(t, stores.Logs, last, last)
		last++
		closeDir(t, dir)
	}
}

func TestADamagedTailIsRefused(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, tail string){
		"a bit of a frame's type": func(t *testing.T, tail string) { flipByte(t, tail, 32) },
		"a page of zeros": func(t *testing.T, tail string) {
			f, err := os.OpenFile(tail, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(make([]byte, 4096), 4096); err != nil {
				t.Fatal(err)
			}
		},
		"cut": func(t *testing.T, tail string) {
			if err := os.Truncate(tail, 8192); err != nil {
				t.Fatal(err)
			}
		},
		"removed": func(t *testing.T, tail string) {
			if err := os.Remove(tail); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t.TempDir(), "n1", store.WAL)
			dir, stores := openStores(t, o)
			for i := uint64(1); i <= 400; i++ {
				appendEntries(t, stores.Logs, i, i)
			}
			if err := writeSnapshot(stores.Snapshots, 2, "whole"); err != nil {
				t.Fatal(err)
			}
			closeDir(t, dir)
			damage(t, tailOf(t, o.Path))
			err := refused(o)
			wantRefusal(t, err, tailOf0(o.Path), "an empty directory")
			var typed *store.DamageError
			if !errors.As(err, &typed) || typed.Index == 0 {
				t.Errorf("%#v names no entry", err)
			}
			if strings.Contains(err.Error(), "backup") {
				t.Errorf("%v sends to a backup", err)
			}
		})
	}
}

func tailOf0(path string) string { return filepath.Join(path, "wal", "00000000000000000001-") }

func flipByte(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 4
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// No other batch stands behind that of the last entry: only the floor tells.
func TestALogThatLostItsEndIsRefused(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := options(t.TempDir(), "n1", kind)
		dir, stores := openStores(t, o)
		appendEntries(t, stores.Logs, 1, 5)
		older := copyFiles(t, o.Path)
		appendEntries(t, stores.Logs, 6, 6)
		closeDir(t, dir)
		for name, content := range older {
			if name != "floor" {
				write(t, filepath.Join(o.Path, name), content)
			}
		}
		wantRefusal(t, refused(o), "entry 6", "the entries to 6 were stored", "an empty directory")
	})
}

// copyFiles returns the content of raft.db, the log and the floor.
func copyFiles(t *testing.T, path string) map[string]string {
	t.Helper()
	all := map[string]string{}
	found, err := filepath.Glob(filepath.Join(path, "wal", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(found, filepath.Join(path, "raft.db"), filepath.Join(path, "floor")) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(path, file)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	return all
}

// The first release rewrites the identity at each start without the fields that it does not know,
// and does not move the floor.
func TestAFloorDoesNotCountAfterABinaryThatDoesNotKnowIt(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := options(t.TempDir(), "n1", kind)
		dir, stores := openStores(t, o)
		appendEntries(t, stores.Logs, 1, 9)
		closeDir(t, dir)
		old := copyFiles(t, o.Path)["floor"]
		dir, stores = openStores(t, o)
		if err := stores.Logs.DeleteRange(4, 9); err != nil {
			t.Fatal(err)
		}
		closeDir(t, dir)
		write(t, filepath.Join(o.Path, "floor"), old) // the old binary removed the entries
		wantRefusal(t, refused(o), "the entries to 9 were stored")
		dropFromIdentity(t, o.Path, "floor")
		if err := refused(o); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAFloorThatIsDamagedOrGoneIsBegunAnew(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	dir, stores := openStores(t, o)
	appendEntries(t, stores.Logs, 1, 9)
	closeDir(t, dir)
	var said bytes.Buffer
	o.Logger = slog.New(slog.NewTextHandler(&said, nil))
	begunAnew := func(what string) {
		t.Helper()
		if err := refused(o); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if !strings.Contains(said.String(), "file=floor") {
			t.Errorf("%s: nobody is told; the log says %q", what, &said)
		}
		said.Reset()
	}
	floor := filepath.Join(o.Path, "floor")
	for at := range len(copyFiles(t, o.Path)["floor"]) {
		flipByte(t, floor, int64(at))
		begunAnew(fmt.Sprintf("byte %d is flipped", at))
	}
	if err := os.Remove(floor); err != nil {
		t.Fatal(err)
	}
	begunAnew("the file is gone")
	if err := refused(o); err != nil || said.Len() > 0 {
		t.Errorf("a start later: %v, and the log says %q", err, &said)
	}
}

// A kill between "snapshot stored" and "log removed", where the log holds an entry of
// a deposed leader at the snapshot's index.
func TestALogWithAnotherTermAtTheSnapshotsEndIsEmptied(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := options(t.TempDir(), "n1", kind)
		dir, stores := openStores(t, o)
		var entries []*raft.Log
		for i := uint64(1); i <= 7; i++ {
			entries = append(entries, &raft.Log{Index: i, Term: 0, Data: []byte("of a deposed leader")})
			seal.Put(entries[i-1])
		}
		if err := stores.Logs.StoreLogs(entries); err != nil {
			t.Fatal(err)
		}
		if err := writeSnapshot(stores.Snapshots, 5, "whole"); err != nil { // of term 1
			t.Fatal(err)
		}
		closeDir(t, dir)
		dir, stores = openStores(t, o)
		if last, err := stores.Logs.LastIndex(); err != nil || last != 0 {
			t.Fatalf("the log ends at %d, %v", last, err)
		}
		appendEntries(t, stores.Logs, 6, 8) // of term 1
		closeDir(t, dir)
		_, stores = openStores(t, o)
		if last, err := stores.Logs.LastIndex(); err != nil || last != 8 {
			t.Fatalf("the log that fits its snapshot ends at %d, %v", last, err)
		}
	})
}

// A leader of a later term need not have held the snapshot's last entry, which was not committed
// then. Its own entry at that index is removed all the same.
func TestALogOfALaterTermThanItsSnapshotIsEmptied(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := options(t.TempDir(), "n1", kind)
		dir, stores := openStores(t, o)
		later := &raft.Log{Index: 2, Term: 9}
		seal.Put(later)
		if err := stores.Logs.StoreLogs([]*raft.Log{{Index: 1, Term: 1}, later}); err != nil {
			t.Fatal(err)
		}
		if err := writeSnapshot(stores.Snapshots, 2, "whole"); err != nil {
			t.Fatal(err)
		}
		closeDir(t, dir)
		_, stores = openStores(t, o)
		if last, err := stores.Logs.LastIndex(); err != nil || last != 0 {
			t.Fatalf("the log ends at %d, %v", last, err)
		}
	})
}

// dropFromIdentity writes the identity like a binary that does not know a field.
func dropFromIdentity(t *testing.T, path, field string) {
	t.Helper()
	file := filepath.Join(path, "identity.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var e struct {
		Version  int             `json:"version"`
		Checksum string          `json:"crc32c"`
		Body     json.RawMessage `json:"identity"`
	}
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(e.Body, &body); err != nil {
		t.Fatal(err)
	}
	if body[field] == nil {
		t.Fatalf("the identity has no %q", field)
	}
	delete(body, field)
	if e.Body, err = json.Marshal(body); err != nil {
		t.Fatal(err)
	}
	e.Checksum = fmt.Sprintf("%08x", crc32.Checksum(e.Body, crc32.MakeTable(crc32.Castagnoli)))
	if text, err = json.Marshal(e); err != nil {
		t.Fatal(err)
	}
	write(t, file, string(text))
}

func TestAGapIsNamed(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		dir, stores := openStores(t, options(t.TempDir(), "n1", kind))
		appendEntries(t, stores.Logs, 1, 2)
		err := stores.Logs.StoreLogs([]*raft.Log{{Index: 5, Term: 1}})
		wantRefusal(t, err, "entry 5 cannot be stored behind entry 2", "damaged")
		<-dir.Failed()
		wantRefusal(t, dir.Err(), "entry 5 cannot be stored behind entry 2")
		wantRefusal(t, stores.Logs.StoreLogs([]*raft.Log{{Index: 3, Term: 1}}), "entry 5 cannot be stored behind entry 2")
	})
}

// An entry that is damaged while the server runs is not read again before it is asked for.
func TestAnEntryThatIsDamagedWhileTheServerRunsIsNamed(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	_, stores := openStores(t, o)
	appendEntries(t, stores.Logs, 1, 3)
	tail := tailOf(t, o.Path)
	file, err := os.OpenFile(tail, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, c := range map[string]struct {
		at   int64
		with []byte
	}{
		"a number without an end": {40, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")},
		"another entry's number":  {40, []byte{2}},
		"no frame":                {32, []byte{9}},
	} {
		was := make([]byte, len(c.with))
		if _, err := file.ReadAt(was, c.at); err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(c.with, c.at); err != nil {
			t.Fatal(err)
		}
		var entry raft.Log
		err := stores.ReadLog(1, &entry)
		wantRefusal(t, err, filepath.Join(o.Path, "wal"), "entry 1", "an empty directory")
		var typed *store.DamageError
		if !errors.As(err, &typed) || typed.Index != 1 {
			t.Errorf("%s: %#v", name, err)
		}
		if _, err := file.WriteAt(was, c.at); err != nil {
			t.Fatal(err)
		}
	}
}
