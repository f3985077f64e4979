package store

import (
	"fmt"

	"github.com/hashicorp/raft"
)

// Raft's own keys for the last vote.
var (
	keyVoteTerm      = []byte("LastVoteTerm")
	keyVoteCandidate = []byte("LastVoteCand")
)

// votes is the stable store as Raft sees it. Raft stores a vote as its term and
// then its candidate, each by itself, and takes a second request of the candidate
// in that term for one that it has granted, without a look at the candidate's log.
// Should a crash fall between the two, the candidate would be that of an older
// vote. So the candidate is stored first: with the term of an older vote it means
// nothing, since Raft answers no request of that term any more.
type votes struct {
	raft.StableStore
	term uint64 // of the vote that is about to be stored; of Raft's main loop
}

// SetUint64 holds the term of a vote back until its candidate comes.
func (v *votes) SetUint64(key []byte, value uint64) error {
	if string(key) != string(keyVoteTerm) {
		return v.StableStore.SetUint64(key, value)
	}
	v.term = value
	return nil
}

// Set stores a vote whole when its candidate comes.
func (v *votes) Set(key, value []byte) error {
	if err := v.StableStore.Set(key, value); err != nil || string(key) != string(keyVoteCandidate) {
		return err
	}
	if err := v.StableStore.SetUint64(keyVoteTerm, v.term); err != nil {
		return fmt.Errorf("store the term of a vote: %w", err)
	}
	return nil
}
