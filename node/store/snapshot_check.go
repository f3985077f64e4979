package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node"
)

// The files of a snapshot, as raft.FileSnapshotStore names them.
const (
	metaFile  = "meta.json"
	stateFile = "state.bin"
)

var (
	crc64ECMA  = crc64.MakeTable(crc64.ECMA)
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// snapshotFile is the content of meta.json. The first release writes everything except the seal,
// and ignores the seal when it reads.
type snapshotFile struct {
	raft.SnapshotMeta
	CRC  []byte // of the content, as raft.FileSnapshotStore computes it
	Seal string `json:"Kvorum,omitempty"` // CRC-32C of this text without the seal
}

func (f snapshotFile) encode() ([]byte, error) {
	text, err := json.Marshal(&f)
	return append(text, '\n'), err
}

func (f snapshotFile) seal() (string, error) {
	f.Seal = ""
	text, err := f.encode()
	return fmt.Sprintf("%08x", crc32.Checksum(text, castagnoli)), err
}

// encodeDescription returns the text of meta.json.
func encodeDescription(f snapshotFile) ([]byte, error) {
	var err error
	if f.Seal, err = f.seal(); err != nil {
		return nil, err
	}
	return f.encode()
}

// decodeDescription parses meta.json. Encoding the result must give the same text again. So a
// changed byte either changes the result or is found here.
func decodeDescription(text []byte) (f snapshotFile, err error) {
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("it cannot be read: %w", err)
	}
	again, err := f.encode()
	if err != nil || !bytes.Equal(again, text) {
		return f, errors.New("it is not as it was written")
	}
	if want, err := f.seal(); err != nil || f.Seal != "" && f.Seal != want {
		return f, fmt.Errorf("its checksum is %s, and it says %s", want, f.Seal)
	}
	return f, nil
}

// flawError is damage of a snapshot, as opposed to an obstacle that keeps this process from
// looking.
type flawError struct {
	file string
	what string
	err  error // the cause, if there is one
}

func (e *flawError) Error() string {
	if e.err != nil {
		return fmt.Sprintf("%s is damaged: %s: %v", e.file, e.what, e.err)
	}
	return fmt.Sprintf("%s is damaged: %s", e.file, e.what)
}

func (e *flawError) Unwrap() error { return e.err }

// newerRelease is the error for content that a later release has written.
type newerRelease interface {
	error
	NewerRelease()
}

// unreadable returns a flawError for a file that is gone or that its disk cannot read, and the
// error itself if this process merely may not read the file at the moment.
func unreadable(path string, err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.EIO) {
		return &flawError{path, "it cannot be read", err}
	}
	return err
}

// check verifies the snapshot in a directory and returns its description and its content,
// positioned at the beginning. It compares the description with the name, the checksums, and what
// the content says about itself.
func (s *snapshotStore) check(path string, name snapshotName) (*raft.SnapshotMeta, io.ReadCloser, error) {
	f, err := readDescription(filepath.Join(path, metaFile), name)
	if err != nil {
		return nil, nil, err
	}
	path = filepath.Join(path, stateFile)
	content, err := os.Open(path)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	if err := s.checkContent(content, f); err != nil {
		content.Close()
		return nil, nil, err
	}
	return &f.SnapshotMeta, content, nil
}

// readDescription reads meta.json and compares it with the snapshot's name.
func readDescription(path string, name snapshotName) (f snapshotFile, err error) {
	file, err := os.Open(path)
	if err != nil {
		return f, unreadable(path, err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, metaBytesMax))
	if err != nil {
		return f, unreadable(path, err)
	}
	if f, err = decodeDescription(text); err != nil {
		return f, &flawError{path, err.Error(), nil}
	}
	switch {
	case f.ID != name.id || f.Term != name.term || f.Index != name.index:
		return f, &flawError{path, fmt.Sprintf("it says that it is snapshot %s, of term %d and entry %d", f.ID, f.Term, f.Index), nil}
	case f.Version != raft.SnapshotVersionMax || f.ConfigurationIndex > f.Index:
		return f, &flawError{path, fmt.Sprintf("it has version %d, and a configuration of entry %d", f.Version, f.ConfigurationIndex), nil}
	}
	return f, nil
}

// checkContent verifies the content and leaves the file at its beginning.
func (s *snapshotStore) checkContent(content *os.File, f snapshotFile) error {
	crc := crc64.New(crc64ECMA)
	n, err := io.CopyBuffer(crc, struct{ io.Reader }{content}, make([]byte, checkBuffer))
	switch {
	case err != nil:
		return unreadable(content.Name(), err)
	case n != f.Size:
		return &flawError{content.Name(), fmt.Sprintf("it has %d bytes, and had %d", n, f.Size), nil}
	case !bytes.Equal(crc.Sum(nil), f.CRC):
		return &flawError{content.Name(), "its checksum is not the one in " + metaFile, nil}
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if s.describe == nil {
		return nil
	}
	described, err := s.describe(bufio.NewReader(content))
	if errors.As(err, new(newerRelease)) { // intact, but from a later release: if set aside, it would be lost for that release
		return err
	}
	if err != nil {
		return &flawError{content.Name(), "its beginning", err}
	}
	if err := compare(described, &f.SnapshotMeta); err != nil {
		return &flawError{filepath.Join(filepath.Dir(content.Name()), metaFile), "it does not fit the content", err}
	}
	_, err = content.Seek(0, io.SeekStart)
	return err
}

// compare checks a snapshot's description (from its meta.json, or sent ahead of it by a leader)
// against what the content says, as far as it says anything: contents of the first release do not
// state terms.
func compare(content node.SnapshotDescription, meta *raft.SnapshotMeta) error {
	if err := checkIndex(content.Index, meta.Index); err != nil {
		return err
	}
	var servers []member.Server
	for _, s := range meta.Configuration.Servers {
		servers = append(servers, member.Server{ID: string(s.ID), PeerAddr: string(s.Address), Voter: s.Suffrage == raft.Voter})
	}
	if !slices.Equal(servers, content.Servers) {
		return fmt.Errorf("it has the configuration %v and is meant to have %v", content.Servers, servers)
	}
	named := node.SnapshotPlace{Index: meta.Index, Term: meta.Term, ConfigurationIndex: meta.ConfigurationIndex}
	if content.Place != nil && *content.Place != named {
		return fmt.Errorf("it was taken at entry %d of term %d, with the configuration of entry %d, and is meant to be of entry %d of term %d, with the configuration of entry %d",
			content.Place.Index, content.Place.Term, content.Place.ConfigurationIndex, named.Index, named.Term, named.ConfigurationIndex)
	}
	return nil
}

// checkIndex requires equality. Entries that Raft keeps to itself do not count for a snapshot's
// index either, except for barriers, which nobody requests.
func checkIndex(content, meta uint64) error {
	if content != meta {
		return fmt.Errorf("it holds the state of entry %d and is meant to be that of %d", content, meta)
	}
	return nil
}
