package recorded_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/internal/release"
	"github.com/kvorum/kvorum/internal/release/recorded"
	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/node/store"
)

// What earlier releases have written is opened, replayed and restored to the very
// state that they had, and the corpus sent again at their version makes the very
// same log with the very same replies.
func TestWhatEarlierReleasesWroteMeansTheSame(t *testing.T) {
	for _, machine := range machines() {
		for _, kind := range recorded.Stores() {
			t.Run(fmt.Sprintf("machine version %d, %s", machine, kind), func(t *testing.T) {
				checkRecording(t, unpacked(t, machine, kind))
			})
		}
	}
}

// machines are the machine versions of releases that the present program must read:
// its own if that was released, and the one before.
func machines() []int {
	var all []int
	for _, r := range release.All() {
		if r.Machine >= fsm.NewestVersion-1 {
			all = append(all, r.Machine)
		}
	}
	return all
}

func unpacked(t *testing.T, machine int, kind string) string {
	t.Helper()
	dir := t.TempDir()
	if err := recorded.Unpack(machine, kind, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// checkRecording holds the present program against one recording.
func checkRecording(t *testing.T, dir string) {
	for _, stage := range []recorded.Stage{recorded.LogOnly, recorded.AndSnapshot} {
		facts, err := recorded.FactsOf(dir, stage)
		if err != nil {
			t.Fatal(err)
		}
		stores := open(t, filepath.Join(dir, string(stage)))
		entries := entriesOf(t, stores)
		machine := fsm.New()
		for _, l := range entries {
			apply(t, machine, l)
			if l.Index == facts.Index && machine.Hash() != facts.Hash {
				t.Errorf("%s: the running hash at %d is %016x, and was %016x", stage, facts.Index, machine.Hash(), facts.Hash)
			}
		}
		if machine.Index() < facts.Index {
			t.Errorf("%s: the log ends with entry %d, and the node had applied %d", stage, machine.Index(), facts.Index)
		}
		if stage == recorded.AndSnapshot {
			checkSnapshot(t, stores, entries)
		}
		exchanges, err := recorded.Transcript(dir)
		if err != nil {
			t.Fatal(err)
		}
		sendAgain(t, entries, exchanges, machine)
	}
}

// open opens a recorded directory as a node does.
func open(t *testing.T, path string) node.Stores {
	t.Helper()
	dir, err := store.Open(store.Options{Path: path, ID: "n1", Verify: fsm.Verify, Describe: fsm.Describe, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dir.Close(); err != nil {
			t.Error(err)
		}
	})
	stores, err := dir.Stores()
	if err != nil {
		t.Fatal(err)
	}
	return stores
}

// entriesOf reads the log, which must be whole.
func entriesOf(t *testing.T, stores node.Stores) []raft.Log {
	t.Helper()
	first, err := stores.Logs.FirstIndex()
	if err != nil || first != 1 {
		t.Fatalf("the log begins with entry %d, %v", first, err)
	}
	last, err := stores.Logs.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	entries := make([]raft.Log, last)
	for i := range entries {
		if err := stores.ReadLog(uint64(i)+1, &entries[i]); err != nil {
			t.Fatal(err)
		}
	}
	return entries
}

func apply(t *testing.T, m *fsm.Machine, l raft.Log) {
	t.Helper()
	var err error
	switch l.Type {
	case raft.LogCommand:
		_, err = m.Apply(l.Index, bytes.Clone(l.Data))
	case raft.LogConfiguration:
		err = m.Configure(l.Index, servers(l))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func servers(l raft.Log) []member.Server {
	var all []member.Server
	for _, s := range raft.DecodeConfiguration(l.Data).Servers {
		all = append(all, member.Server{ID: string(s.ID), PeerAddr: string(s.Address), Voter: s.Suffrage == raft.Voter})
	}
	return all
}

// checkSnapshot holds the snapshot against the log up to it, both ways: it is read
// to the state that the log makes, and that state is written to the same bytes.
func checkSnapshot(t *testing.T, stores node.Stores, entries []raft.Log) {
	t.Helper()
	found, err := stores.Snapshots.List()
	if err != nil || len(found) != 1 {
		t.Fatalf("there are %d snapshots, %v", len(found), err)
	}
	_, file, err := stores.Snapshots.Open(found[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	restored, err := fsm.Restore(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	replayed := fsm.New()
	for _, l := range entries[:restored.Index()] {
		apply(t, replayed, l)
	}
	if replayed.Index() != restored.Index() || replayed.Hash() != restored.Hash() || replayed.Digest() != restored.Digest() {
		t.Errorf("the log makes %016x (%x) at %d, the snapshot holds %016x (%x) at %d",
			replayed.Hash(), replayed.Digest(), replayed.Index(), restored.Hash(), restored.Digest(), restored.Index())
	}
	description, err := fsm.Describe(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	capture := replayed.Capture()
	if description.Place != nil { // Raft's part, of which the machine knows nothing
		capture = capture.At(*description.Place)
	}
	var written bytes.Buffer
	if _, err := capture.WriteTo(&written); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written.Bytes(), content) {
		t.Error("the state is written to a snapshot of other bytes")
	}
	for _, l := range entries[restored.Index():] {
		apply(t, replayed, l)
		apply(t, restored, l)
	}
	if replayed.Hash() != restored.Hash() || replayed.Digest() != restored.Digest() {
		t.Error("the log behind the snapshot leads to two states")
	}
}
