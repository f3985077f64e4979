package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
	"os"
)

// voteFile is the name of the file with Raft's term and last vote, beside raft.db.
const voteFile = "votes"

// ballot holds what a server must never forget: its term and its last vote.
type ballot struct {
	term      uint64
	voteTerm  uint64 // 0: it has never voted
	candidate string
}

// The layout of the record in the vote file: a mark, the owner, the term, the term of the vote,
// the length of the candidate, the candidate, zeros, a checksum.
const (
	voteMark        = "KVVOTE01"
	voteOwnerOffset = 8
	voteTermOffset  = 16
	voteVoteOffset  = 24
	voteNameOffset  = 34
	voteSumOffset   = voteRecordBytes - 4
)

var (
	errVoteRecord = errors.New("it holds no valid record")
	errVoteOwner  = errors.New("it is another server's")
)

// sumOf returns the checksum that this package's own files use.
func sumOf(content []byte) uint32 {
	return crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli))
}

func ownerMark(server string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, server)
	return h.Sum64()
}

// encode returns the record of a server's ballot.
func (b ballot) encode(server string) ([]byte, error) {
	if len(b.candidate) > voteSumOffset-voteNameOffset {
		return nil, fmt.Errorf("a candidate's name of %d bytes", len(b.candidate))
	}
	out := make([]byte, voteRecordBytes)
	copy(out, voteMark)
	order := binary.LittleEndian
	order.PutUint64(out[voteOwnerOffset:], ownerMark(server))
	order.PutUint64(out[voteTermOffset:], b.term)
	order.PutUint64(out[voteVoteOffset:], b.voteTerm)
	order.PutUint16(out[voteNameOffset-2:], uint16(len(b.candidate)))
	copy(out[voteNameOffset:], b.candidate)
	order.PutUint32(out[voteSumOffset:], sumOf(out[:voteSumOffset]))
	return out, nil
}

// decodeBallot parses a record. It returns errVoteRecord for a torn or damaged one.
func decodeBallot(record []byte, server string) (ballot, error) {
	order := binary.LittleEndian
	if len(record) != voteRecordBytes || string(record[:len(voteMark)]) != voteMark || order.Uint32(record[voteSumOffset:]) != sumOf(record[:voteSumOffset]) {
		return ballot{}, errVoteRecord
	}
	if order.Uint64(record[voteOwnerOffset:]) != ownerMark(server) {
		return ballot{}, errVoteOwner
	}
	length := int(order.Uint16(record[voteNameOffset-2:]))
	if length > voteSumOffset-voteNameOffset {
		return ballot{}, errVoteRecord
	}
	return ballot{
		term:      order.Uint64(record[voteTermOffset:]),
		voteTerm:  order.Uint64(record[voteVoteOffset:]),
		candidate: string(record[voteNameOffset : voteNameOffset+length]),
	}, nil
}

// recordFile is a file in which a record is overwritten in place.
type recordFile interface {
	io.ReaderAt
	io.WriterAt
	Sync() error // makes what was written durable
	Close() error
}

// inPlace is a file whose size does not change, so that syncing its content suffices.
type inPlace struct{ *os.File }

func (f inPlace) Sync() error { return syncContent(f.File) }

// openInPlace opens a file of the given size, and reports whether it had to be created.
func openInPlace(path string, size int64) (f inPlace, made bool, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return f, false, err
	}
	info, err := file.Stat()
	if err == nil && info.Size() != size {
		made = true
		zeros := make([]byte, max(size-info.Size(), 0))
		if _, err = file.WriteAt(zeros, min(info.Size(), size)); err == nil {
			err = errors.Join(file.Truncate(size), file.Sync())
		}
	}
	if err != nil {
		return f, false, errors.Join(err, file.Close())
	}
	return inPlace{file}, made, nil
}
