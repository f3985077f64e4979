package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node/store/boltpages"
)

// everyByte makes the tests below damage every byte, instead of the bytes that are not surrounded
// by zeros and a sample of the others.
var everyByte = os.Getenv("KVORUM_EVERY_BYTE") != ""

// quickDir returns a directory in memory if there is one, because it is synced thousands of times.
func quickDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "kvorum")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// ballots is a directory of which only raft.db and the vote file are used.
type ballots struct {
	*Dir
	db    *boltStore
	votes *votes
}

func openBallots(path string, existing bool) (*ballots, error) {
	d := &Dir{path: path, log: slog.New(slog.DiscardHandler), failure: newFailure(path)}
	d.record = record{Server: "n1@1", LogStore: Bolt, Stores: existing, VoteFile: existing}
	b := &ballots{Dir: d}
	var err error
	if b.db, err = openBolt(d.file(boltFile), existing, d.log); err != nil {
		return nil, err
	}
	d.open = append(d.open, b.db)
	if err = d.label(b.db, d.file(boltFile)); err == nil {
		b.votes, err = openVotes(d, b.db)
	}
	if err != nil {
		b.closeFiles()
		return nil, err
	}
	return b, nil
}

func (b *ballots) closeFiles() {
	for _, file := range b.open {
		file.Close()
	}
}

const toldTerm, toldEntries = 7, 40

var toldBallot = ballot{toldTerm, toldTerm, "n2@2|host2:16379"}

// told makes a directory in which Raft has stored a term, a vote and, if wanted, entries. It
// returns the content of the files.
func told(t *testing.T, path string, entries uint64) (db, vote []byte) {
	t.Helper()
	b, err := openBallots(path, false)
	if err != nil {
		t.Fatal(err)
	}
	for term := uint64(5); term <= toldTerm; term++ {
		err = errors.Join(err, b.votes.SetUint64(keyTerm, term), b.votes.SetUint64(keyVoteTerm, term), b.votes.Set(keyVoteCandidate, []byte(toldBallot.candidate)))
	}
	for index := uint64(1); index <= entries; index++ {
		err = errors.Join(err, b.db.StoreLog(toldEntry(index)))
	}
	if entries > 0 {
		err = errors.Join(err, b.db.DeleteRange(1, 3), b.db.StoreLog(toldEntry(entries+1)))
	}
	b.closeFiles()
	db, dbErr := os.ReadFile(b.file(boltFile))
	vote, voteErr := os.ReadFile(b.file(voteFile))
	if err := errors.Join(err, dbErr, voteErr); err != nil {
		t.Fatal(err)
	}
	return db, vote
}

func toldEntry(index uint64) *raft.Log {
	size := 50
	if index%11 == 0 {
		size = 6000
	}
	return &raft.Log{Index: index, Term: toldTerm, Data: bytes.Repeat([]byte{byte(index)}, size)}
}

// check opens a directory that was damaged in one place. What Raft was told to have stored is
// there, or the directory is refused with the name of a file in it.
func check(path string, entries uint64) (refused bool, err error) {
	content, err := os.ReadFile(filepath.Join(path, boltFile))
	if err != nil {
		return false, err
	}
	meta, err := boltpages.ReadMeta(bytes.NewReader(content))
	fellBack := err == nil && meta.Alone
	b, err := openBallots(path, true)
	if err != nil {
		if damage := (*DamageError)(nil); !errors.As(err, &damage) || damage.File != filepath.Join(path, boltFile) {
			return true, fmt.Errorf("refused without the name of the file: %w", err)
		}
		return true, nil
	}
	defer b.closeFiles()
	term, _ := b.votes.GetUint64(keyTerm)
	voteTerm, _ := b.votes.GetUint64(keyVoteTerm)
	candidate, _ := b.votes.Get(keyVoteCandidate)
	got := ballot{term, voteTerm, string(candidate)}
	// raft.db has no checksums. A later term costs nothing, as long as no vote is asked for in the
	// term of the vote that was stored.
	later := got.term > toldTerm && got.voteTerm >= toldTerm && got.term >= got.voteTerm
	if got != toldBallot && !later {
		return false, fmt.Errorf("Raft is told %v", got)
	}
	if inDB, err := readKeys(b.db); err != nil || inDB != got {
		return false, fmt.Errorf("raft.db is not corrected: %v, %v", inDB, err)
	}
	if entries == 0 {
		return false, nil
	}
	first, last, err := bounds(b.db)
	if err != nil || last > entries+1 {
		return false, fmt.Errorf("the log reaches from %d to %d, %v", first, last, err)
	}
	if first > 4 || last != entries+1 && !fellBack {
		// The number of the log's root page has become that of a page below it. A log
		// that has lost an end is refused where the floor and the snapshot are known:
		// TestALogThatLostItsEndIsRefused, TestRemovedSnapshotsAreRefusedWhenTheLogDoesNotReachBack.
		return true, nil
	}
	for index := first; index <= last; index++ {
		var got raft.Log
		if err := b.db.GetLog(index, &got); err != nil && !errors.As(err, new(*DamageError)) {
			return false, fmt.Errorf("entry %d: %w", index, err)
		}
	}
	return false, nil
}

// places returns the bytes of a file that a test damages in turn.
func places(content []byte) (at []int) {
	busy := -100
	for i := range content {
		if content[i] != 0 {
			busy = i
		}
		ahead := content[i:min(i+17, len(content))]
		if everyByte || i-busy < 17 || bytes.Count(ahead, []byte{0}) < len(ahead) && i%3 == 0 || i%251 == 0 {
			at = append(at, i)
		}
	}
	return at
}

func TestADamagedByteOfRaftDBTakesNoTermAndNoVoteBack(t *testing.T) {
	if testing.Short() {
		t.Skip("byte after byte, on one goroutine")
	}
	for _, entries := range []uint64{0, toldEntries} {
		t.Run(fmt.Sprintf("%d entries", entries), func(t *testing.T) {
			path := quickDir(t)
			db, vote := told(t, path, entries)
			refusals, all := 0, places(db)
			if entries > 0 && !everyByte {
				all = sample(all, 4000)
			}
			for _, at := range all {
				damaged := bytes.Clone(db)
				damaged[at] ^= 1 << (at % 8)
				restore(t, path, damaged, vote)
				refused, err := check(path, entries)
				if err != nil {
					t.Fatalf("byte %d of raft.db: %v", at, err)
				}
				if refused {
					refusals++
				}
			}
			t.Logf("%d bytes damaged, %d refusals", len(all), refusals)
		})
	}
}

// One of the two files is restored from an older copy, the other is not.
func TestAnOlderFileOfVotesIsNotBelieved(t *testing.T) {
	path := quickDir(t)
	oldDB, oldVote := told(t, path, 0)
	b, err := openBallots(path, true)
	if err != nil {
		t.Fatal(err)
	}
	now := ballot{toldTerm + 2, toldTerm + 2, "n3@3|host3:16379"}
	err = errors.Join(b.votes.SetUint64(keyTerm, now.term), b.votes.SetUint64(keyVoteTerm, now.voteTerm), b.votes.Set(keyVoteCandidate, []byte(now.candidate)))
	b.closeFiles()
	if err != nil {
		t.Fatal(err)
	}
	newDB, dbErr := os.ReadFile(filepath.Join(path, boltFile))
	newVote, voteErr := os.ReadFile(filepath.Join(path, voteFile))
	if err := errors.Join(dbErr, voteErr); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string][2][]byte{"votes": {newDB, oldVote}, "raft.db": {oldDB, newVote}} {
		restore(t, path, files[0], files[1])
		b, err := openBallots(path, true)
		if err != nil {
			t.Fatalf("an older %s: %v", name, err)
		}
		if b.votes.stored != now {
			t.Errorf("an older %s: Raft is told %v", name, b.votes.stored)
		}
		b.closeFiles()
	}
}

// The term is so far ahead that terms would run out: the file is damaged.
func TestATermThatIsAbsurdIsRefused(t *testing.T) {
	for _, f := range []found{
		{inFile: ballot{term: 7}, inDB: ballot{term: 7 + termsAheadMax + 1}},
		{inFile: ballot{term: 7}, inDB: ballot{term: 7, voteTerm: math.MaxUint64}},
	} {
		if !f.absurd() {
			t.Errorf("%+v is believed", f)
		}
	}
	for _, f := range []found{{inDB: ballot{term: termsAheadMax}}, {inFile: ballot{term: 1 << 60}, inDB: ballot{term: 7}}} {
		if f.absurd() {
			t.Errorf("%+v is refused", f)
		}
	}
}

func sample(all []int, most int) (some []int) {
	step := len(all)/most + 1
	for i := 0; i < len(all); i += step {
		some = append(some, all[i])
	}
	return some
}

func restore(t *testing.T, path string, db, vote []byte) {
	t.Helper()
	if err := errors.Join(os.WriteFile(filepath.Join(path, boltFile), db, 0o600), os.WriteFile(filepath.Join(path, voteFile), vote, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// However the vote file is damaged, raft.db has what Raft was told.
func TestADamagedVoteFileIsWrittenAgainFromRaftDB(t *testing.T) {
	path := quickDir(t)
	db, vote := told(t, path, 0)
	damages := [][]byte{nil, vote[:100], append(bytes.Clone(vote), 1), make([]byte, len(vote))}
	for at := range vote {
		damaged := bytes.Clone(vote)
		damaged[at] ^= 1 << (at % 8)
		damages = append(damages, damaged)
	}
	for i, damaged := range damages {
		restore(t, path, db, damaged)
		if damaged == nil {
			os.Remove(filepath.Join(path, voteFile))
		}
		if refused, err := check(path, 0); err != nil || refused {
			t.Fatalf("damage %d of the vote file: refused %v, %v", i, refused, err)
		}
		if now, err := os.ReadFile(filepath.Join(path, voteFile)); err != nil || !bytes.Equal(now, vote) {
			t.Fatalf("damage %d of the vote file stays (%v)", i, err)
		}
	}
}

func TestAnotherServersVoteFileIsRefused(t *testing.T) {
	path := quickDir(t)
	db, _ := told(t, path, 0)
	record, err := toldBallot.encode("n2@2")
	if err != nil {
		t.Fatal(err)
	}
	restore(t, path, db, record)
	_, err = openBallots(path, true)
	if damage := (*DamageError)(nil); !errors.As(err, &damage) || damage.File != filepath.Join(path, voteFile) {
		t.Fatalf("it is accepted, or refused as %v", err)
	}
}

// While raft.db is open, bbolt has it mapped into memory. A change below it is an error of the
// next operation, and neither a panic nor an older state.
func TestDamageToAnOpenRaftDBIsAnErrorOfTheNextOperation(t *testing.T) {
	path := quickDir(t)
	db, vote := told(t, path, toldEntries)
	all := sample(places(db), 600)
	for at := range 80 {
		all = append(all, at, os.Getpagesize()+at) // the roots
	}
	noticed := 0
	for _, at := range all {
		restore(t, path, db, vote)
		b, err := openBallots(path, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.db.StoreLog(toldEntry(toldEntries + 2)); err != nil {
			t.Fatal(err)
		}
		first, last, err := bounds(b.db)
		if err != nil {
			t.Fatal(err)
		}
		flipByte(t, path, at)
		var got raft.Log
		if err := b.db.GetLog(last, &got); err != nil && !errors.As(err, new(*DamageError)) {
			t.Fatalf("byte %d: read of entry %d: %v", at, last, err)
		}
		err = errors.Join(b.db.GetLog(last, &got), b.db.StoreLog(toldEntry(last+1)), b.votes.SetUint64(keyTerm, toldTerm+1), b.db.DeleteRange(first, first+4))
		if err != nil {
			noticed++
			if !errors.As(err, new(*DamageError)) {
				t.Fatalf("byte %d: %v", at, err)
			}
		} else if f, l, err := bounds(b.db); err != nil || f != first+5 || l != last+1 {
			t.Fatalf("byte %d: the log reaches from %d to %d, %v", at, f, l, err)
		} else if err := b.db.GetLog(last, &got); errors.Is(err, raft.ErrLogNotFound) {
			t.Fatalf("byte %d: entry %d is gone", at, last)
		}
		b.closeFiles()
	}
	t.Logf("%d of %d damages were noticed", noticed, len(all))
	if noticed == 0 {
		t.Error("nothing was noticed")
	}
}

func flipByte(t *testing.T, path string, at int) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(path, boltFile), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, int64(at)); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1 << (at % 8)
	if _, err := f.WriteAt(b, int64(at)); err != nil {
		t.Fatal(err)
	}
}

func TestAnOpenRaftDBThatIsCutOffIsAnError(t *testing.T) {
	path := quickDir(t)
	told(t, path, toldEntries)
	b, err := openBallots(path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer b.closeFiles()
	if err := os.Truncate(filepath.Join(path, boltFile), 8192); err != nil {
		t.Fatal(err)
	}
	var got raft.Log
	if err := b.db.GetLog(toldEntries, &got); !errors.As(err, new(*DamageError)) {
		t.Errorf("GetLog: %v", err)
	}
	if err := b.db.StoreLog(toldEntry(toldEntries + 2)); !errors.As(err, new(*DamageError)) {
		t.Errorf("StoreLog: %v", err)
	}
	if err := b.votes.SetUint64(keyTerm, 99); err == nil || b.Err() == nil {
		t.Errorf("a term was stored: %v, and the directory says %v", err, b.Err())
	}
}

// faultError is the value with which the runtime panics over a page that cannot be read.
type faultError struct{ error }

func (faultError) Addr() uintptr { return 4096 }

// A page that the disk cannot read is no damage. It may be readable later, so the directory is not
// set aside for it.
func TestAFaultOfADiskThatCannotBeReadIsNotCalledDamage(t *testing.T) {
	fault := faultError{errors.New("unexpected fault address")}
	for _, c := range []struct {
		panicked    any
		file        io.ReaderAt
		rebuildable bool
	}{
		{fault, unreadableFile{}, false},
		{fault, strings.NewReader("all of it"), true},
		{"page 7 already freed", unreadableFile{}, true},
	} {
		err := &DamageError{File: boltFile, Offset: -1, What: "it is damaged, or cannot be read", Err: panicCause(c.panicked, c.file)}
		if got := Rebuildable(err); got != c.rebuildable {
			t.Errorf("%v: rebuildable is %v", err, got)
		}
	}
}

// Damage of raft.db that is found during use is reported like damage found at a start.
func TestARaftDBThatCannotBeReadWhileItIsUsedIsNotCalledDamaged(t *testing.T) {
	s := &boltStore{path: "raft.db"}
	if err := s.fail(boltDamage(s.path, syscall.EIO)); errors.As(err, new(*DamageError)) || !errors.Is(err, syscall.EIO) {
		t.Errorf("a disk's error: %v", err)
	}
	s = &boltStore{path: "raft.db"}
	if err := s.fail(boltDamage(s.path, errors.New("page 7 is of no type"))); !errors.As(err, new(*DamageError)) {
		t.Errorf("damage: %v", err)
	}
	for _, err := range []error{s.read(0, nil), s.write(0, 0, nil), s.guarded(0, nil)} {
		if !errors.As(err, new(*DamageError)) {
			t.Errorf("afterwards: %v", err)
		}
	}
}

type unreadableFile struct{}

func (unreadableFile) ReadAt([]byte, int64) (int, error) { return 0, syscall.EIO }
