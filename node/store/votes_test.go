package store

import (
	"errors"
	"testing"

	"github.com/hashicorp/raft"
)

// crashing is a stable store that fails from a certain write on.
type crashing struct {
	*raft.InmemStore
	left int
}

var errCrash = errors.New("the power is gone")

func (c *crashing) write() error {
	if c.left == 0 {
		return errCrash
	}
	c.left--
	return nil
}

func (c *crashing) Set(key, value []byte) error {
	if err := c.write(); err != nil {
		return err
	}
	return c.InmemStore.Set(key, value)
}

func (c *crashing) SetUint64(key []byte, value uint64) error {
	if err := c.write(); err != nil {
		return err
	}
	return c.InmemStore.SetUint64(key, value)
}

// A crash while a vote is stored leaves the one before, or none of its term: never
// the candidate of the one before with the term of the other.
func TestAVoteThatACrashCutShortIsNoOthers(t *testing.T) {
	vote := func(s raft.StableStore, term uint64, candidate string) error {
		return errors.Join(s.SetUint64(keyVoteTerm, term), s.Set(keyVoteCandidate, []byte(candidate)))
	}
	for crashAt := range 3 {
		disk := &crashing{raft.NewInmemStore(), 1 << 30}
		v := &votes{StableStore: disk}
		if err := vote(v, 4, "n1"); err != nil {
			t.Fatal(err)
		}
		disk.left = crashAt
		err := vote(v, 5, "n2")
		if (err == nil) != (crashAt == 2) {
			t.Fatalf("after %d writes: %v", crashAt, err)
		}
		after := &votes{StableStore: disk.InmemStore}
		term, _ := after.GetUint64(keyVoteTerm)
		candidate, _ := after.Get(keyVoteCandidate)
		if term == 5 && string(candidate) != "n2" {
			t.Errorf("a crash after %d writes left a vote for %s in term %d", crashAt, candidate, term)
		}
		if term != 4 && err != nil {
			t.Errorf("a vote that failed is stored, in term %d", term)
		}
	}
}
