package store_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/node/store"
)

// verifyTest reads the snapshots of these tests: an index, then the word "whole".
func verifyTest(r io.Reader) (uint64, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return 0, err
	}
	if len(content) < 8 || string(content[8:]) != "whole" {
		return 0, errors.New("not a whole snapshot")
	}
	return binary.BigEndian.Uint64(content), nil
}

func options(path, id string, kind store.LogStore) store.Options {
	return store.Options{Path: path, ID: id, LogStore: kind, Verify: verifyTest, Logger: slog.New(slog.DiscardHandler)}
}

func open(t *testing.T, o store.Options) *store.Dir {
	t.Helper()
	dir, err := store.Open(o)
	if err != nil {
		t.Fatalf("open %s: %v", o.Path, err)
	}
	t.Cleanup(func() { dir.Close() })
	return dir
}

func openStores(t *testing.T, o store.Options) (*store.Dir, node.Stores) {
	t.Helper()
	dir := open(t, o)
	stores, err := dir.Stores()
	if err != nil {
		t.Fatalf("open the stores: %v", err)
	}
	return dir, stores
}

func closeDir(t *testing.T, dir *store.Dir) {
	t.Helper()
	if err := dir.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func wantRefusal(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("it was accepted; want a refusal that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the refusal %q does not say %q", err, word)
		}
	}
}

// refused opens directory and stores, and returns the error of either.
func refused(o store.Options) error {
	dir, err := store.Open(o)
	if err != nil {
		return err
	}
	defer dir.Close()
	_, err = dir.Stores()
	return err
}

func appendEntries(t *testing.T, logs raft.LogStore, first, last uint64) {
	t.Helper()
	var entries []*raft.Log
	for i := first; i <= last; i++ {
		entries = append(entries, &raft.Log{Index: i, Term: 1, Type: raft.LogCommand, Data: fmt.Append(nil, "entry ", i)})
	}
	if err := logs.StoreLogs(entries); err != nil {
		t.Fatalf("append %d to %d: %v", first, last, err)
	}
}

func writeSnapshot(s raft.SnapshotStore, index uint64, content string) error {
	servers := raft.Configuration{Servers: []raft.Server{{ID: "n1@1", Address: "a:1"}}}
	_, transport := raft.NewInmemTransport("a:1")
	sink, err := s.Create(1, index, 1, servers, 1, transport)
	if err != nil {
		return err
	}
	if _, err := sink.Write(append(binary.BigEndian.AppendUint64(nil, index), content...)); err != nil {
		return err
	}
	return sink.Close()
}

func eachStore(t *testing.T, test func(t *testing.T, kind store.LogStore)) {
	for _, kind := range []store.LogStore{store.Bolt, store.WAL} {
		t.Run(string(kind), func(t *testing.T) { test(t, kind) })
	}
}

func TestIdentityIsMintedOnceAndOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "data")
	dir := open(t, options(path, "n1", store.WAL))
	first := dir.Identity()
	id, incarnation, err := member.SplitServerID(first.Server)
	if err != nil || id != "n1" || len(incarnation) != 32 {
		t.Fatalf("minted %q (%v)", first.Server, err)
	}
	for want := uint64(1); want <= 3; want++ {
		if boot, err := dir.RaiseBoot(); err != nil || boot != want {
			t.Fatalf("boot %d, %v; want %d", boot, err, want)
		}
		closeDir(t, dir)
		dir = open(t, options(path, "n1", ""))
		if dir.Identity().Server != first.Server || dir.LogStore() != store.WAL {
			t.Fatalf("opened again it is %q with %q", dir.Identity().Server, dir.LogStore())
		}
	}
	other := open(t, options(t.TempDir(), "n1", store.WAL))
	if other.Identity().Server == first.Server {
		t.Fatal("two directories have the same incarnation")
	}
}

func TestAPromiseIsKeptAndNoOtherIsMade(t *testing.T) {
	path := t.TempDir()
	dir := open(t, options(path, "n1", ""))
	promise := member.Formation{Cluster: "c1", Servers: []member.Server{{ID: "n1@1", PeerAddr: "a:1", Voter: true}, {ID: "n2@2", PeerAddr: "b:1", Voter: true}}}
	if err := dir.Promise(promise); err != nil {
		t.Fatal(err)
	}
	closeDir(t, dir)
	dir = open(t, options(path, "n1", ""))
	got := dir.Identity()
	if got.Cluster != "c1" || got.Promise == nil || fmt.Sprint(*got.Promise) != fmt.Sprint(promise) {
		t.Fatalf("kept %+v", got)
	}
	if err := dir.Promise(promise); err != nil {
		t.Errorf("the same promise again: %v", err)
	}
	other := promise
	other.Servers = promise.Servers[:1]
	wantRefusal(t, dir.Promise(other), "has promised itself to cluster c1")
	wantRefusal(t, dir.Join("c2", nil), "belongs to cluster c1")
	if err := dir.Join("c1", nil); err != nil {
		t.Errorf("join the promised cluster: %v", err)
	}

	joined := open(t, options(t.TempDir(), "n9", ""))
	if err := joined.Join("c1", nil); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, joined.Promise(promise), "belongs to cluster c1")
}

func TestHowAServerJoinedIsKept(t *testing.T) {
	path := t.TempDir()
	dir := open(t, options(path, "n4", ""))
	for range 2 {
		if err := dir.Join("c1", []string{"n1:16379", "n2:16379"}); err != nil {
			t.Fatal(err)
		}
		if err := dir.Settle(); err != nil {
			t.Fatal(err)
		}
	}
	closeDir(t, dir)
	got := open(t, options(path, "n4", "")).Identity()
	if got.Cluster != "c1" || !got.Settled || fmt.Sprint(got.Seeds) != "[n1:16379 n2:16379]" {
		t.Errorf("kept %+v", got)
	}
}

// TestMain lets the test binary act as a second process.
func TestMain(m *testing.M) {
	if path := os.Getenv("STORE_TEST_OPEN"); path != "" {
		_, err := store.Open(store.Options{Path: path, ID: "n1", Logger: slog.New(slog.DiscardHandler)})
		fmt.Println(err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestASecondProcessIsRefusedAndToldWhoHoldsTheDirectory(t *testing.T) {
	path := t.TempDir()
	second := func() string {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "STORE_TEST_OPEN="+path)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("second process: %v: %s", err, out)
		}
		return string(out)
	}
	dir := open(t, options(path, "n1", ""))
	wantRefusal(t, errors.New(second()), "in use by process "+strconv.Itoa(os.Getpid()), path)
	closeDir(t, dir)
	if out := second(); strings.TrimSpace(out) != "<nil>" {
		t.Fatalf("after the first had gone: %s", out)
	}
}

func TestADirectoryServesNoOtherServer(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		path := t.TempDir()
		dir, stores := openStores(t, options(path, "n1", kind))
		appendEntries(t, stores.Logs, 1, 3)
		closeDir(t, dir)
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(path)); err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, refused(options(copied, "n2", kind)), "belongs to n1, not to n2")

		// Raft's files of another server below an identity of one's own.
		mine := t.TempDir()
		dir, _ = openStores(t, options(mine, "n2", kind))
		closeDir(t, dir)
		for _, name := range []string{"raft.db", "wal"} {
			os.RemoveAll(filepath.Join(mine, name))
			if _, err := os.Stat(filepath.Join(path, name)); err != nil {
				continue
			}
			if err := exec.Command("cp", "-r", filepath.Join(path, name), mine).Run(); err != nil {
				t.Fatal(err)
			}
		}
		wantRefusal(t, refused(options(mine, "n2", kind)), "raft.db: it is a file of \"n1@")
	})
}

func TestAnotherLogStoreIsRefused(t *testing.T) {
	for kind, other := range map[store.LogStore]store.LogStore{store.Bolt: store.WAL, store.WAL: store.Bolt} {
		path := t.TempDir()
		dir, _ := openStores(t, options(path, "n1", kind))
		closeDir(t, dir)
		wantRefusal(t, refused(options(path, "n1", other)), "--log-store "+string(kind))
		if err := refused(options(path, "n1", "")); err != nil {
			t.Errorf("nobody's choice takes what is recorded: %v", err)
		}
	}
	if _, err := store.ParseLogStore("rocks"); err == nil {
		t.Error("an unknown log store was parsed")
	}
}

// A directory that has diverged from the other servers must not be used again, and whoever tries
// is told what to do.
func TestACondemnedDirectoryIsRefusedForEver(t *testing.T) {
	path := t.TempDir()
	dir, _ := openStores(t, options(path, "n1", store.WAL))
	for _, reason := range []string{"at index 7: n1 has hash a", "another reason"} {
		if err := dir.Condemn(reason); err != nil {
			t.Fatal(err)
		}
	}
	closeDir(t, dir)
	for range 2 {
		wantRefusal(t, refused(options(path, "n1", "")), "has diverged from that of the other servers (at index 7: n1 has hash a)", "start with an empty directory")
	}
}

func TestBothLogStoresKeepEntriesTermsAndSnapshots(t *testing.T) {
	eachStore(t, func(t *testing.T, kind store.LogStore) {
		o := options(t.TempDir(), "n1", kind)
		dir, stores := openStores(t, o)
		appendEntries(t, stores.Logs, 1, 300)
		if err := stores.Stable.SetUint64([]byte("CurrentTerm"), 7); err != nil {
			t.Fatal(err)
		}
		for _, index := range []uint64{100, 150, 200} {
			if err := writeSnapshot(stores.Snapshots, index, "whole"); err != nil {
				t.Fatal(err)
			}
		}
		if err := stores.Logs.DeleteRange(1, 120); err != nil {
			t.Fatal(err)
		}
		if err := stores.Logs.DeleteRange(291, 300); err != nil {
			t.Fatal(err)
		}
		closeDir(t, dir)

		_, stores = openStores(t, o)
		first, _ := stores.Logs.FirstIndex()
		last, _ := stores.Logs.LastIndex()
		term, err := stores.Stable.GetUint64([]byte("CurrentTerm"))
		if first != 121 || last != 290 || term != 7 || err != nil {
			t.Fatalf("log %d to %d, term %d (%v)", first, last, term, err)
		}
		var entry raft.Log
		if err := stores.Logs.GetLog(290, &entry); err != nil || string(entry.Data) != "entry 290" {
			t.Fatalf("entry 290: %q, %v", entry.Data, err)
		}
		metas, err := stores.Snapshots.List()
		if err != nil || len(metas) != 1 || metas[0].Index != 200 {
			t.Fatalf("snapshots %v, %v; want that of 200", metas, err)
		}
		if m, ok := stores.Logs.(raft.MonotonicLogStore); !ok || !m.IsMonotonic() {
			t.Error("Raft would leave a gap in the log after an installed snapshot")
		}
	})
}

func TestASnapshotThatCannotBeReadBackFailsAndTheOlderOneStays(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	_, stores := openStores(t, o)
	for _, index := range []uint64{10, 20} {
		if err := writeSnapshot(stores.Snapshots, index, "whole"); err != nil {
			t.Fatal(err)
		}
	}
	wantRefusal(t, writeSnapshot(stores.Snapshots, 30, "torn"), "verify the snapshot", "not a whole snapshot")

	_, transport := raft.NewInmemTransport("a:1")
	sink, err := stores.Snapshots.Create(1, 40, 1, raft.Configuration{}, 1, transport)
	if err != nil {
		t.Fatal(err)
	}
	sink.Write(append(binary.BigEndian.AppendUint64(nil, 41), "whole"...))
	wantRefusal(t, sink.Close(), "holds the state of entry 41")
	wantRefusal(t, sink.Close(), "holds the state of entry 41") // Raft closes what Persist has closed

	metas, err := stores.Snapshots.List()
	if err != nil || len(metas) != 1 || metas[0].Index != 20 {
		t.Fatalf("snapshots %v, %v; want that of 20", metas, err)
	}
}

func TestAnEntryThatCannotBeStoredIsTold(t *testing.T) {
	dir, stores := openStores(t, options(t.TempDir(), "n1", store.WAL))
	appendEntries(t, stores.Logs, 1, 3)
	if err := dir.Err(); err != nil {
		t.Fatal(err)
	}
	// raft-wal refuses a gap. This stands for anything else that a disk may refuse.
	if err := stores.Logs.StoreLogs([]*raft.Log{{Index: 9, Term: 1}}); err == nil {
		t.Fatal("a gap was stored")
	}
	<-dir.Failed()
	wantRefusal(t, dir.Err(), "the log cannot be written", "MB are free", "start this server again")
}
