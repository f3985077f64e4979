package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/rdb"
	"github.com/kvorum/kvorum/node/store"
)

// firstRelease is the snapshot store of the first release.
func firstRelease(t *testing.T, path string) raft.SnapshotStore {
	t.Helper()
	s, err := raft.NewFileSnapshotStore(path, 2, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// real are the options of a directory with a machine's snapshots.
func real(path string) store.Options {
	o := options(path, "n1", store.WAL)
	o.Verify, o.Describe = fsm.Verify, fsm.Describe
	return o
}

// capture returns a machine's snapshot at an index: with its place, or as the first release writes
// it.
func capture(t *testing.T, index uint64, place *fsm.Place) []byte {
	t.Helper()
	m := fsm.New()
	if err := m.Configure(index, []member.Server{{ID: "n1@1", PeerAddr: "a:1", Voter: true}, {ID: "n2@2", PeerAddr: "b:1"}}); err != nil {
		t.Fatal(err)
	}
	c := m.Capture()
	if place != nil {
		c = c.At(*place)
	}
	var content bytes.Buffer
	if _, err := c.WriteTo(&content); err != nil {
		t.Fatal(err)
	}
	return content.Bytes()
}

// header is a snapshot's description, as Raft keeps it and as a leader sends it.
type header struct {
	index, term, configurationIndex uint64
	servers                         []raft.Server
}

func (h header) place() *fsm.Place {
	return &fsm.Place{Index: h.index, Term: h.term, ConfigurationIndex: h.configurationIndex}
}

var honest = header{1617, 3, 9, []raft.Server{{ID: "n1@1", Address: "a:1"}, {Suffrage: raft.Nonvoter, ID: "n2@2", Address: "b:1"}}}

// receive stores a snapshot as an installation does.
func receive(s raft.SnapshotStore, h header, content []byte) (string, error) {
	_, transport := raft.NewInmemTransport("a:1")
	sink, err := s.Create(1, h.index, h.term, raft.Configuration{Servers: h.servers}, h.configurationIndex, transport)
	if err != nil {
		return "", err
	}
	if _, err := sink.Write(content); err != nil {
		return "", errors.Join(err, sink.Cancel())
	}
	return sink.ID(), sink.Close()
}

// openSnapshot reads a snapshot as Raft does before it sends it.
func openSnapshot(s raft.SnapshotStore, id string) (*raft.SnapshotMeta, []byte, error) {
	meta, content, err := s.Open(id)
	if err != nil {
		return nil, nil, err
	}
	defer content.Close()
	data, err := io.ReadAll(content)
	return meta, data, err
}

// Each byte of both files of a snapshot is changed in turn on the running leader. The snapshot is
// not sent, and the error names the file.
func TestNoDamagedSnapshotIsSent(t *testing.T) {
	for writer, content := range map[string][]byte{"ours": capture(t, 1617, honest.place()), "the first release's": capture(t, 1617, nil)} {
		for _, file := range []string{"meta.json", "state.bin"} {
			t.Run(writer+" "+file, func(t *testing.T) {
				o := real(t.TempDir())
				_, stores := openStores(t, o)
				id, err := receive(stores.Snapshots, honest, content)
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(o.Path, "snapshots", id, file)
				eachFlip(t, path, func(at int, bit byte) {
					if _, _, err := openSnapshot(stores.Snapshots, id); err == nil || !strings.Contains(err.Error(), path) {
						t.Fatalf("byte %d with bit %#x changed: %v", at, bit, err)
					}
				})
				if meta, data, err := openSnapshot(stores.Snapshots, id); err != nil || !bytes.Equal(data, content) || meta.Index != 1617 || meta.Term != 3 {
					t.Fatalf("unchanged it is %+v, %v", meta, err)
				}
			})
		}
	}
}

// eachFlip changes every byte of a file in turn, in two ways, and puts it back.
func eachFlip(t *testing.T, path string, changed func(at int, bit byte)) {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		for _, bit := range []byte{1 << (at % 8), 0x20} { // a letter's case, which JSON may not look at
			bad := bytes.Clone(whole)
			bad[at] ^= bit
			write(t, path, string(bad))
			changed(at, bit)
		}
	}
	write(t, path, string(whole))
}

// The same damage is found at a start. Nothing of the snapshot is restored, and the directory is
// refused, because what the snapshot held is nowhere else.
func TestADamagedSnapshotIsRefusedAtAStartWhateverByteIsDamaged(t *testing.T) {
	if testing.Short() {
		t.Skip("byte after byte, on one goroutine")
	}
	for _, file := range []string{"meta.json", "state.bin"} {
		t.Run(file, func(t *testing.T) {
			o := real(t.TempDir())
			dir, stores := openStores(t, o)
			id, err := receive(stores.Snapshots, honest, capture(t, 1617, honest.place()))
			if err != nil {
				t.Fatal(err)
			}
			closeDir(t, dir)
			whole := filepath.Join(o.Path, "snapshots", id)
			aside := filepath.Join(o.Path, "damaged-snapshot-"+id)
			at := 0
			eachFlip(t, filepath.Join(whole, file), func(_ int, bit byte) {
				if at++; at%7 != 1 { // a start takes milliseconds
					return
				}
				err := refused(o)
				wantRefusal(t, err, "snapshot "+id, "is damaged", "an empty directory")
				if damage := new(store.DamageError); !errors.As(err, &damage) || damage.File != aside {
					t.Fatalf("the refusal is %#v", err)
				}
				if err := os.Rename(aside, whole); err != nil {
					t.Fatal(err)
				}
			})
			if err := refused(o); err != nil {
				t.Fatalf("unchanged: %v", err)
			}
		})
	}
}

// What a leader says about a snapshot in advance is checked against the content once it has
// arrived.
func TestASnapshotUnderAWrongNameIsNotTaken(t *testing.T) {
	wrong := map[string]func(*header){
		"index":                        func(h *header) { h.index = 5617 },
		"index, back":                  func(h *header) { h.index = 1601 },
		"term":                         func(h *header) { h.term = 2 },
		"configuration index":          func(h *header) { h.configurationIndex = 8 },
		"configuration of later entry": func(h *header) { h.configurationIndex = 1618 },
		"a member":                     func(h *header) { h.servers = h.servers[:1] },
		"a member's id":                func(h *header) { h.servers = slices.Clone(h.servers); h.servers[0].ID = "n1@3" },
		"a member's address":           func(h *header) { h.servers = slices.Clone(h.servers); h.servers[0].Address = "q:1" },
		"a member's vote":              func(h *header) { h.servers = slices.Clone(h.servers); h.servers[1].Suffrage = raft.Voter },
	}
	_, stores := openStores(t, real(t.TempDir()))
	for what, change := range wrong {
		h := honest
		change(&h)
		for place, content := range map[string][]byte{"": capture(t, 1617, honest.place()), " from the first release": capture(t, 1617, nil)} {
			_, err := receive(stores.Snapshots, h, content)
			unknowable := place != "" && (what == "term" || what == "configuration index")
			if (err == nil) != unknowable {
				t.Errorf("%s%s: %v", what, place, err)
			}
		}
	}
	if _, err := receive(stores.Snapshots, honest, capture(t, 1617, honest.place())); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

// Each release reads what the other has written.
func TestTheFirstReleaseAndThisOneReadEachOthersSnapshots(t *testing.T) {
	o := real(t.TempDir())
	dir, stores := openStores(t, o)
	content := capture(t, 1617, honest.place())
	if _, err := receive(stores.Snapshots, honest, content); err != nil {
		t.Fatal(err)
	}
	closeDir(t, dir)
	check := func(what string, s raft.SnapshotStore, h header, want []byte) {
		t.Helper()
		metas, err := s.List()
		if err != nil || len(metas) == 0 {
			t.Fatalf("%s: %v, %v", what, metas, err)
		}
		meta, data, err := openSnapshot(s, metas[0].ID)
		if err != nil || !bytes.Equal(data, want) || meta.Index != h.index || meta.Term != h.term || meta.ConfigurationIndex != h.configurationIndex ||
			fmt.Sprint(meta.Configuration.Servers) != fmt.Sprint(h.servers) || meta.Size != int64(len(want)) || meta.Version != 1 {
			t.Fatalf("%s: %+v, %v", what, meta, err)
		}
	}
	check("ours, by the first release", firstRelease(t, o.Path), honest, content)
	later, old := honest, capture(t, 2000, nil)
	later.index, later.term = 2000, 4
	if _, err := receive(firstRelease(t, o.Path), later, old); err != nil {
		t.Fatal(err)
	}
	_, stores = openStores(t, o)
	check("the first release's", stores.Snapshots, later, old)
}

// A snapshot that is found damaged while the server runs is set aside as soon as another one has
// taken its place.
func TestADamagedSnapshotIsSetAsideByItsSuccessor(t *testing.T) {
	o := options(t.TempDir(), "n1", store.WAL)
	dir, stores := openStores(t, o)
	appendEntries(t, stores.Logs, 1, 30)
	for index := uint64(10); index <= 30; index += 10 {
		if err := writeSnapshot(stores.Snapshots, index, "whole"); err != nil {
			t.Fatal(err)
		}
		if index < 30 {
			damageSnapshot(t, o.Path, fmt.Sprint("1-", index))
			metas, _ := stores.Snapshots.List()
			if _, _, err := openSnapshot(stores.Snapshots, metas[0].ID); err == nil {
				t.Fatal("a damaged snapshot was opened")
			}
		}
	}
	aside, _ := filepath.Glob(filepath.Join(o.Path, "damaged-snapshot-*"))
	kept, _ := filepath.Glob(filepath.Join(o.Path, "snapshots", "*"))
	if len(aside) != 1 || !strings.Contains(aside[0], "-1-20-") || len(kept) != 1 || !strings.Contains(kept[0], "/1-30-") {
		t.Errorf("set aside: %v, kept: %v", aside, kept)
	}
	closeDir(t, dir)
	if err := refused(o); err != nil {
		t.Error(err)
	}
}

// A snapshot that its successor has replaced does not count as damaged.
func TestAReplacedSnapshotIsNotCalledDamaged(t *testing.T) {
	_, stores := openStores(t, options(t.TempDir(), "n1", store.WAL))
	for _, index := range []uint64{10, 20} {
		if err := writeSnapshot(stores.Snapshots, index, "whole"); err != nil {
			t.Fatal(err)
		}
		if index == 10 {
			continue
		}
		if _, _, err := stores.Snapshots.Open("1-10-1"); !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "damaged") {
			t.Error(err)
		}
	}
}

func honestConfiguration() raft.Configuration { return raft.Configuration{Servers: honest.servers} }

// A description written by the first release has no checksum. An unnoticed change in it has no
// effect: Raft does not read Peers in a snapshot of this version, and uses the index of a
// configuration only if the log behind the snapshot has another one.
func TestADamagedDescriptionOfTheFirstReleaseIsRefusedToo(t *testing.T) {
	o := real(t.TempDir())
	closeDir(t, open(t, o))
	id, err := receive(firstRelease(t, o.Path), honest, capture(t, 1617, nil))
	if err != nil {
		t.Fatal(err)
	}
	_, stores := openStores(t, o)
	path := filepath.Join(o.Path, "snapshots", id, "meta.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	harmless := func(at int) bool {
		for _, key := range []string{`"Peers":`, `"ConfigurationIndex":`} {
			begin := bytes.Index(text, []byte(key)) + len(key)
			if at >= begin && at < begin+bytes.IndexByte(text[begin:], ',') {
				return true
			}
		}
		return false
	}
	eachFlip(t, path, func(at int, bit byte) {
		if _, _, err := openSnapshot(stores.Snapshots, id); (err == nil || !strings.Contains(err.Error(), filepath.Dir(path))) && !harmless(at) {
			t.Fatalf("byte %d with bit %#x changed: %v", at, bit, err)
		}
	})
	if _, _, err := openSnapshot(stores.Snapshots, id); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
}

// laterSnapshot is a snapshot of a machine version that this program does not know.
func laterSnapshot(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	in, w := rdb.NewReader(bytes.NewReader(content)), rdb.NewWriter(&out)
	for {
		event, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case event.Kind == rdb.End:
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		case event.Kind == rdb.Aux && event.Key == "kvorum":
			event.Value[0] = fsm.NewestVersion + 1
			fallthrough
		case event.Kind == rdb.Aux:
			if err := w.Aux(event.Key, event.Value); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A program that was downgraded too late must leave the directory to the one that can read it.
func TestASnapshotOfALaterReleaseIsRefusedAndStays(t *testing.T) {
	path := t.TempDir()
	o := real(path)
	o.Verify, o.Describe = func(r io.Reader) (uint64, error) { _, err := io.Copy(io.Discard, r); return honest.index, err }, nil
	dir, stores := openStores(t, o)
	id, err := receive(stores.Snapshots, honest, laterSnapshot(t, capture(t, honest.index, honest.place())))
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := store.Open(real(path))
	if err == nil {
		_, err = again.Stores()
		defer again.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "run the release that this node ran before") || strings.Contains(err.Error(), "damage") {
		t.Errorf("it was opened: %v", err)
	}
	if _, err := os.Stat(filepath.Join(path, "snapshots", id, "state.bin")); err != nil {
		t.Errorf("the snapshot is not where it was: %v", err)
	}
}
