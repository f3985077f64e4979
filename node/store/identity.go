package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/kvorum/kvorum/fsm/member"
)

// identityVersion is the version of the file format that this package writes. It reads no other.
const identityVersion = 1

var errIdentityVersion = fmt.Errorf("this binary reads version %d", identityVersion)

// envelope is the content of the file: a body with a checksum over its compact form.
type envelope struct {
	Version  int             `json:"version"`
	Checksum string          `json:"crc32c"`
	Body     json.RawMessage `json:"identity"`
}

// record is the content of the identity file.
type record struct {
	Server   string     `json:"server"` // id@incarnation
	LogStore LogStore   `json:"log_store"`
	Boot     uint64     `json:"boot"`              // of the last start
	Stores   bool       `json:"stores"`            // Raft's files have been made and must be there
	Floor    bool       `json:"floor,omitempty"`   // the floor file counts; a binary that does not know this mark drops it
	Cluster  string     `json:"cluster,omitempty"` // "" until promised or joined
	Promise  *formation `json:"promise,omitempty"`
	Seeds    []string   `json:"seeds,omitempty"`   // of the cluster that it joined
	Settled  bool       `json:"settled,omitempty"` // it does not ask on its own to become a voter
	// SealedFrom is the first index from which every entry of the log carries a seal; 0: none
	// must. The first release drops it.
	SealedFrom uint64 `json:"sealed_from,omitempty"`
	Diverged   string `json:"diverged,omitempty"` // how it has diverged from the others; the directory must not be opened again
	Rebuilt    bool   `json:"rebuilt,omitempty"`  // it replaces a damaged server: it only joins
	// VoteFile says that the last start was by a binary that keeps the vote file. The first
	// release does not know the field and drops it when it starts.
	VoteFile bool `json:"vote_file,omitempty"`
	// MadeBy names who has begun the directory, if making it took more than one step.
	MadeBy string `json:"made_by,omitempty"`
}

type formation struct {
	Cluster string   `json:"cluster"`
	Servers []server `json:"servers"`
}

type server struct {
	ID       string `json:"id"`
	PeerAddr string `json:"peer_addr"`
	Voter    bool   `json:"voter"`
}

func newFormation(f member.Formation) *formation {
	out := &formation{Cluster: f.Cluster}
	for _, s := range f.Servers {
		out.Servers = append(out.Servers, server(s))
	}
	return out
}

func (f *formation) member() *member.Formation {
	if f == nil {
		return nil
	}
	out := &member.Formation{Cluster: f.Cluster}
	for _, s := range f.Servers {
		out.Servers = append(out.Servers, member.Server(s))
	}
	return out
}

// equal reports whether two formations promise the same.
func (f *formation) equal(g *formation) bool {
	if f.Cluster != g.Cluster || len(f.Servers) != len(g.Servers) {
		return false
	}
	for i := range f.Servers {
		if f.Servers[i] != g.Servers[i] {
			return false
		}
	}
	return true
}

func checksum(body []byte) string {
	return fmt.Sprintf("%08x", crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
}

// encodeIdentity returns the text of the identity file.
func encodeIdentity(r record) ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(envelope{identityVersion, checksum(body), body}, "", "  ")
	return append(text, '\n'), err
}

// decodeIdentity parses the text of the identity file and checks its version and checksum.
func decodeIdentity(text []byte) (record, error) {
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return record{}, fmt.Errorf("not readable: %w", err)
	}
	if e.Version > identityVersion {
		return record{}, fmt.Errorf("version %d: %w", e.Version, errIdentityVersion)
	}
	if e.Version != identityVersion {
		return record{}, fmt.Errorf("version %d", e.Version)
	}
	var body bytes.Buffer
	if err := json.Compact(&body, e.Body); err != nil {
		return record{}, fmt.Errorf("not readable: %w", err)
	}
	if got := checksum(body.Bytes()); got != e.Checksum {
		return record{}, fmt.Errorf("checksum %s, and the content's is %s", e.Checksum, got)
	}
	var r record
	if err := json.Unmarshal(body.Bytes(), &r); err != nil {
		return record{}, fmt.Errorf("not readable: %w", err)
	}
	_, _, err := member.SplitServerID(r.Server)
	return r, err
}

// readIdentity reads the identity file. It returns false if there is none yet.
func readIdentity(path string) (record, bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return record{}, false, nil
	}
	if err != nil {
		return record{}, false, step("open the identity", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, identityBytesMax))
	if err != nil {
		return record{}, false, err
	}
	r, err := decodeIdentity(text)
	if errors.Is(err, errIdentityVersion) {
		return record{}, false, fmt.Errorf("identity file %s: %w: start the binary that has written it", path, err)
	}
	if err != nil {
		return record{}, false, &DamageError{File: path, Offset: -1, What: "the identity is damaged", Err: err}
	}
	return r, true, nil
}
