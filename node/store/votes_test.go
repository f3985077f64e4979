package store

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/hashicorp/raft"
)

// power lets a number of writes through and then no more.
type power struct {
	mu   sync.Mutex
	left int
	err  error
}

func newPower(err error) *power { return &power{left: 1 << 30, err: err} }

// leave lets some more writes through.
func (p *power) leave(writes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = writes
}

var errCrash = errors.New("the power is gone")

func (p *power) use() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left == 0 {
		return p.err
	}
	p.left--
	return nil
}

// weakDB is raft.db, in memory.
type weakDB struct {
	*raft.InmemStore
	*power
}

func (w weakDB) Set(key, value []byte) error {
	if err := w.use(); err != nil {
		return err
	}
	return w.InmemStore.Set(key, value)
}

// Get answers as bbolt does, which keeps numbers and words in one place.
func (w weakDB) Get(key []byte) ([]byte, error) { return w.InmemStore.Get(key) }

func (w weakDB) SetUint64(key []byte, value uint64) error {
	return w.Set(key, fmt.Appendf(nil, "%c%c%c%c%c%c%c%c", 0, 0, 0, 0, 0, 0, byte(value>>8), byte(value)))
}

// weakFile is the vote file, in memory; a write that fails tears it if it is told to.
type weakFile struct {
	content []byte
	tears   bool
	*power
}

func (w *weakFile) WriteAt(b []byte, at int64) (int, error) {
	if err := w.use(); err != nil {
		if w.tears {
			copy(w.content[at:], b[:len(b)/8])
		}
		return 0, err
	}
	return copy(w.content[at:], b), nil
}

func (w *weakFile) ReadAt(b []byte, at int64) (int, error) { return copy(b, w.content[at:]), nil }
func (w *weakFile) Sync() error                            { return w.use() }
func (w *weakFile) Close() error                           { return nil }

func vote(s raft.StableStore, term uint64, candidate string) error {
	return errors.Join(s.SetUint64(keyVoteTerm, term), s.Set(keyVoteCandidate, []byte(candidate)))
}

// reopened returns what the next start takes for true.
func reopened(t *testing.T, db weakDB, file *weakFile) ballot {
	t.Helper()
	f := found{known: true}
	var err error
	if f.inDB, err = readKeys(notFound{db}); err != nil {
		t.Fatal(err)
	}
	f.inFile, f.fileErr = decodeBallot(file.content, "n1@1")
	return f.newest()
}

// A crash at any write of an election leaves what was stored before or what was being stored. It
// never leaves the candidate of one vote with the term of another.
func TestACrashWhileAVoteIsStoredLeavesTheOneBeforeOrTheNewOne(t *testing.T) {
	for round := range 200 { // the two places are written beside each other
		tears := round%2 == 0
		for crashAt := range 8 {
			p := newPower(errCrash)
			db, file := weakDB{raft.NewInmemStore(), p}, &weakFile{make([]byte, voteRecordBytes), tears, p}
			v := &votes{StableStore: db, file: file, server: "n1@1", failed: func(string, error) {}}
			if err := errors.Join(v.SetUint64(keyTerm, 4), vote(v, 4, "n1")); err != nil {
				t.Fatal(err)
			}
			p.leave(crashAt)
			told := ballot{4, 4, "n1"}
			if v.SetUint64(keyTerm, 5) == nil {
				told.term = 5
				if vote(v, 5, "n2") == nil {
					told = ballot{5, 5, "n2"}
				}
			}
			p.leave(1 << 30)
			got := reopened(t, db, file)
			if got.voteTerm < got.term && got.voteTerm == told.voteTerm {
				got.candidate = told.candidate // Raft answers no request of that term any more
			}
			switch {
			case got == told:
			case told == ballot{4, 4, "n1"} && got == ballot{5, 4, "n1"}:
			case told == ballot{5, 4, "n1"} && got == ballot{5, 5, "n2"}:
			default:
				t.Fatalf("crash after %d writes (torn: %v): told %v, found %v", crashAt, tears, told, got)
			}
			if inDB, _ := readKeys(notFound{db}); inDB.voteTerm == 5 && inDB.candidate != "n2" {
				t.Errorf("crash after %d writes: raft.db holds a vote for %s in term 5", crashAt, inDB.candidate)
			}
		}
	}
}

// notFound turns the memory's error for a missing key into bbolt's.
type notFound struct{ raft.StableStore }

func (n notFound) Get(key []byte) ([]byte, error) {
	value, err := n.StableStore.Get(key)
	if err != nil {
		return nil, fmt.Errorf("%w", errBoltNotFound)
	}
	return value, nil
}

// After a failed write nobody knows what the disk holds. Nothing else is stored, and what Raft may
// read is what was stored before.
func TestAVoteThatCannotBeStoredIsTheLast(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		for fails := range 5 {
			p := newPower(cause)
			failure := newFailure(t.TempDir())
			v := &votes{StableStore: weakDB{raft.NewInmemStore(), p}, file: &weakFile{make([]byte, voteRecordBytes), false, p}, server: "n1@1", failed: failure.unwritable}
			if err := errors.Join(v.SetUint64(keyTerm, 4), vote(v, 4, "n1")); err != nil {
				t.Fatal(err)
			}
			p.leave(fails)
			err := errors.Join(v.SetUint64(keyTerm, 5), vote(v, 5, "n2"))
			if !errors.Is(err, cause) || !errors.Is(failure.err, cause) {
				t.Fatalf("write %d failed: %v, and the directory says %v", fails, err, failure.err)
			}
			p.leave(1 << 30)
			if err := v.SetUint64(keyTerm, 6); !errors.Is(err, cause) {
				t.Errorf("a later term was stored: %v", err)
			}
			term, _ := v.GetUint64(keyTerm)
			if voted, _ := v.GetUint64(keyVoteTerm); voted != 4 || term > 5 {
				t.Errorf("write %d failed: Raft reads term %d and a vote in term %d", fails, term, voted)
			}
		}
	}
}

// What the first release stored while it used the directory is newer than the file. What only the
// file holds was stored before that, or is newer, too.
func TestTheNewerBallotCountsWhereTheFirstReleaseWasInBetween(t *testing.T) {
	for _, c := range []struct {
		what                     string
		inFile, inDB, wantNewest ballot
	}{
		{"it has not voted", ballot{5, 5, "a"}, ballot{5, 5, "a"}, ballot{5, 5, "a"}},
		{"it has voted", ballot{5, 5, "a"}, ballot{7, 7, "b"}, ballot{7, 7, "b"}},
		{"it has seen a term", ballot{5, 5, "a"}, ballot{9, 5, "a"}, ballot{9, 5, "a"}},
		{"a crash had left raft.db behind", ballot{6, 6, "c"}, ballot{6, 5, "a"}, ballot{6, 6, "c"}},
		{"a crash had left the candidate of a vote without its term", ballot{5, 5, "a"}, ballot{6, 5, "c"}, ballot{6, 5, "a"}},
	} {
		f := found{inFile: c.inFile, inDB: c.inDB}
		if got := f.newest(); got != c.wantNewest {
			t.Errorf("%s: %v, want %v", c.what, got, c.wantNewest)
		}
	}
}
