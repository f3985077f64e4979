package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/hashicorp/raft"
)

// Raft's own keys for the term and the last vote.
var (
	keyTerm          = []byte("CurrentTerm")
	keyVoteTerm      = []byte("LastVoteTerm")
	keyVoteCandidate = []byte("LastVoteCand")
)

// votes is the stable store as Raft sees it. The term and the last vote are kept twice: in a
// record of ours with a checksum, and under Raft's keys in raft.db, where bbolt would believe a
// damaged byte or its last commit but one. Raft is told that something is stored only once both
// have it. While the server runs, neither is read: Raft reads back what was written.
//
// Raft stores a vote as its term and then its candidate, in separate calls. If the candidate asks
// again in that term, Raft takes the request for one that it has granted, and does not look at the
// candidate's log. So the term of a vote is held back until its candidate arrives. In the record
// both are written at once. In raft.db the candidate is written first, because with the term of an
// older vote it means nothing.
type votes struct {
	raft.StableStore // raft.db
	file             recordFile
	server           string
	failed           func(what string, err error)

	mu     sync.Mutex
	stored ballot
	coming uint64 // the term of the vote whose candidate is written next
	broken error  // the first failed write; what is stored is then unknown
}

// GetUint64 implements raft.StableStore.
func (v *votes) GetUint64(key []byte) (uint64, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var value uint64
	switch string(key) {
	case string(keyTerm):
		value = v.stored.term
	case string(keyVoteTerm):
		value = v.stored.voteTerm
	default:
		return v.StableStore.GetUint64(key)
	}
	if value == 0 {
		return 0, errBoltNotFound
	}
	return value, nil
}

// Get implements raft.StableStore.
func (v *votes) Get(key []byte) ([]byte, error) {
	if string(key) != string(keyVoteCandidate) {
		return v.StableStore.Get(key)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stored.voteTerm == 0 {
		return nil, errBoltNotFound
	}
	return []byte(v.stored.candidate), nil
}

// SetUint64 stores a term, and holds back the term of a vote.
func (v *votes) SetUint64(key []byte, value uint64) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch string(key) {
	case string(keyTerm):
		next := v.stored
		next.term = value
		return v.store(next)
	case string(keyVoteTerm):
		v.coming = value
		return v.broken
	}
	return v.StableStore.SetUint64(key, value)
}

// Set stores a whole vote when its candidate arrives.
func (v *votes) Set(key, value []byte) error {
	if string(key) != string(keyVoteCandidate) {
		return v.StableStore.Set(key, value)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	next := v.stored
	next.voteTerm, next.candidate = v.coming, string(value)
	return v.store(next)
}

// store writes the changes to both places concurrently, so an election waits no longer than for
// raft.db alone. After a failure it writes nothing any more. Each place then holds one of two
// ballots. Raft knows the older one, and either may be used at the next start.
func (v *votes) store(next ballot) error {
	if v.broken != nil || next == v.stored {
		return v.broken
	}
	inFile := make(chan error, 1)
	go func() { inFile <- writeBallot(v.file, next, v.server) }()
	inDB := writeKeys(v.StableStore, v.stored, next)
	if err := errors.Join(<-inFile, inDB); err != nil {
		v.broken = fmt.Errorf("store the vote of term %d: %w", max(next.term, next.voteTerm), err)
		v.failed("Raft's term and vote", v.broken)
		return v.broken
	}
	v.stored = next
	return nil
}

// writeBallot writes and syncs the record.
func writeBallot(file recordFile, b ballot, server string) error {
	record, err := b.encode(server)
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(record, 0); err != nil {
		return err
	}
	return file.Sync()
}

// writeKeys stores the changes under Raft's keys.
func writeKeys(db raft.StableStore, from, to ballot) error {
	if from.term != to.term {
		if err := db.SetUint64(keyTerm, to.term); err != nil {
			return err
		}
	}
	if from.candidate != to.candidate {
		if err := db.Set(keyVoteCandidate, []byte(to.candidate)); err != nil {
			return err
		}
	}
	if from.voteTerm != to.voteTerm {
		return db.SetUint64(keyVoteTerm, to.voteTerm)
	}
	return nil
}

// readKeys reads the ballot that is stored under Raft's keys.
func readKeys(db raft.StableStore) (b ballot, err error) {
	for _, one := range []struct {
		key []byte
		to  *uint64
	}{{keyTerm, &b.term}, {keyVoteTerm, &b.voteTerm}} {
		value, err := db.Get(one.key)
		switch {
		case errors.Is(err, errBoltNotFound):
		case err != nil:
			return b, fmt.Errorf("read %s: %w", one.key, err)
		case len(value) != 8:
			return b, fmt.Errorf("%s has %d bytes", one.key, len(value))
		default:
			*one.to = binary.BigEndian.Uint64(value)
		}
	}
	candidate, err := db.Get(keyVoteCandidate)
	if err != nil && !errors.Is(err, errBoltNotFound) {
		return b, fmt.Errorf("read %s: %w", keyVoteCandidate, err)
	}
	b.candidate = string(candidate)
	return b, nil
}

// found holds what the two places hold when a directory is opened.
type found struct {
	known   bool   // the directory was last used by a release that keeps the file
	inFile  ballot // what the file holds
	fileErr error  // why the file holds no valid record
	inDB    ballot
}

// newest returns the ballot for Raft at the next start: at least what Raft had been told was
// stored, which both places had. If they differ, the newer one counts. Then a crash fell between
// the two writes, or raft.db was last used by the first release, which does not know the file, or
// one of them is an older copy or damaged. A term that is too high costs nothing; one that is too
// low allows a second vote in a term. If the file holds no valid record, raft.db has what Raft was
// told, because one thing fails at a time.
func (f found) newest() ballot {
	if f.fileErr != nil {
		return f.inDB
	}
	newest := f.inFile
	newest.term = max(newest.term, f.inDB.term)
	if f.inDB.voteTerm > newest.voteTerm {
		// raft.db has no checksums. If it is this term that is damaged, the vote that the
		// file has is not asked for again in a later one.
		newest.voteTerm, newest.candidate = f.inDB.voteTerm, f.inDB.candidate
		newest.term = max(newest.term, newest.voteTerm)
	}
	return newest
}

// absurd reports whether raft.db is so far ahead of the file that it must be damaged. Terms would
// soon run out.
func (f found) absurd() bool {
	newest := max(f.inDB.term, f.inDB.voteTerm)
	return f.fileErr == nil && newest > termsAheadMax && newest-termsAheadMax > f.inFile.term
}

// openVotes reads both places and makes them equal.
func openVotes(d *Dir, db raft.StableStore) (*votes, error) {
	path := d.file(voteFile)
	file, made, err := openInPlace(path, voteRecordBytes)
	if err != nil {
		return nil, step("open the vote file "+path, err)
	}
	d.open = append(d.open, file)
	v := &votes{StableStore: db, file: file, server: d.record.Server, failed: d.failure.unwritable}
	f := found{known: d.record.VoteFile}
	if f.inDB, err = readKeys(db); err != nil {
		return nil, (&DamageError{File: d.file(boltFile), Offset: -1, What: "Raft's term and vote cannot be read", Err: err}).orUnreadable()
	}
	record := make([]byte, voteRecordBytes)
	if _, err = file.ReadAt(record, 0); err == nil {
		f.inFile, err = decodeBallot(record, d.record.Server)
	}
	if errors.Is(err, errVoteOwner) {
		return nil, &DamageError{File: path, Offset: -1, What: errVoteOwner.Error()}
	}
	if made {
		err = errors.New("it was gone, or of another length")
	}
	f.fileErr = err
	if f.absurd() {
		return nil, &DamageError{File: d.file(boltFile), Offset: -1, What: fmt.Sprintf("it says that Raft is in term %d and has voted in term %d, and %s knows of term %d", f.inDB.term, f.inDB.voteTerm, voteFile, f.inFile.term)}
	}
	v.stored = f.newest()
	d.tellVotes(f, v.stored)
	// Also where nothing has changed: what a process wrote that was killed before its
	// sync is read back from memory, and may be on no disk yet.
	if err := writeBallot(file, v.stored, d.record.Server); err != nil {
		return nil, step("write the vote file "+path, err)
	}
	if err := writeKeys(db, f.inDB, v.stored); err != nil {
		return nil, step("correct Raft's vote in "+d.file(boltFile), err)
	}
	if made {
		return v, syncDirectory(d.path)
	}
	return v, nil
}

// tellVotes logs an unexpected difference between the two places.
func (d *Dir) tellVotes(f found, taken ballot) {
	switch {
	case !f.known:
	case f.fileErr != nil:
		d.log.Warn("the vote file cannot be used and is written again from raft.db", slog.String("file", d.file(voteFile)), slog.Any("error", f.fileErr), slog.Uint64("term", taken.term))
	case f.inDB != f.inFile:
		d.log.Warn("raft.db and the vote file had different terms or votes, and the newer counts: a crash fell between the two, or one of them is damaged or an older copy", slog.String("file", d.file(boltFile)),
			slog.Uint64("term", taken.term), slog.Uint64("raft_db_term", f.inDB.term), slog.Uint64("vote_term", taken.voteTerm), slog.Uint64("raft_db_vote_term", f.inDB.voteTerm))
	}
}
