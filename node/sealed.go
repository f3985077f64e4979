package node

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/node/seal"
)

// ReadLog reads an entry and trusts nothing. The entry must be the requested one, its seal must
// match, and from SealedFrom on it must have a seal. A missing entry is raft.ErrLogNotFound only
// outside the bounds of the log.
func (s Stores) ReadLog(index uint64, l *raft.Log) error {
	err := s.decode(index, l)
	for range boundsLooks {
		// raft-wal may close a segment whose entries are deleted while one of them is read.
		if !errors.Is(err, raft.ErrLogNotFound) && !errors.Is(err, fs.ErrClosed) {
			break
		}
		first, failed := s.Logs.FirstIndex()
		last, failedToo := s.Logs.LastIndex()
		if failed = errors.Join(failed, failedToo); failed != nil {
			return s.describe(0, "", fmt.Errorf("read the log's bounds: %w", failed))
		}
		if index < first || index > last || first == 0 {
			return raft.ErrLogNotFound
		}
		err = s.decode(index, l) // the log may have grown, or lost its head, between the two reads
	}
	switch {
	case errors.Is(err, raft.ErrLogNotFound):
		return s.describe(index, "it is not there, although the log begins before it and ends behind it", nil)
	case err != nil:
		return s.describe(index, "", err)
	}
	return s.check(index, l)
}

// check returns an error for an entry that differs from what was stored.
func (s Stores) check(index uint64, l *raft.Log) error {
	if faultNoSealCheck {
		return nil
	}
	check := seal.Check
	if !seal.Sealed(l) && (s.SealedFrom == 0 || index < s.SealedFrom) {
		check = checkUnsealed
	}
	if err := check(l, index); err != nil {
		return s.describe(index, err.Error(), nil)
	}
	return nil
}

// checkUnsealed finds what damage can be found in an entry of the first release. Nothing tells
// whether its term is right.
func checkUnsealed(l *raft.Log, index uint64) (err error) {
	defer func() {
		if cause := recover(); cause != nil { // Raft panics over a configuration that it cannot decode
			err = fmt.Errorf("it is no configuration: %v", cause)
		}
	}()
	if l.Index != index {
		return fmt.Errorf("it says that it is entry %d", l.Index)
	}
	switch l.Type {
	case raft.LogCommand:
		_, err = entry.Decode(l.Data)
	case raft.LogConfiguration:
		raft.DecodeConfiguration(l.Data)
	case raft.LogNoop, raft.LogBarrier:
		if len(l.Data) > 0 {
			err = fmt.Errorf("it is of type %v and has %d bytes of data", l.Type, len(l.Data))
		}
	default:
		err = fmt.Errorf("it is of type %v", l.Type)
	}
	return err
}

// decode is the store's GetLog. It turns the store's panics over a damaged record into errors, and
// also faults in a memory-mapped file whose page cannot be read.
func (s Stores) decode(index uint64, l *raft.Log) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("it cannot be decoded: %v", cause)
		}
	}()
	return s.Logs.GetLog(index, l)
}

// describe calls Describe, or makes a plain error if there is none.
func (s Stores) describe(index uint64, what string, err error) error {
	if s.Describe != nil {
		return s.Describe(index, what, err)
	}
	subject := "the log"
	if index > 0 {
		subject = fmt.Sprintf("entry %d", index)
	}
	if err == nil {
		return fmt.Errorf("%s is damaged: %s: the directory must not be used again; %s", subject, what, AdviceEmpty)
	}
	return fmt.Errorf("%s cannot be read: %w: make sure that the disk is well, then start this server again; if it cannot be read then either, %s", subject, err, AdviceEmpty)
}

// AdviceEmpty is the remedy for a directory that must not be used again. Restoring a backup is no
// remedy: an older copy has forgotten votes and entries.
const AdviceEmpty = "give the node an empty directory in its place, and keep this one: it then joins the cluster as a new server and is caught up by the others"

// sealAll seals the entries that have no seal: a leader's own, and those from a leader of the
// first release. It checks and keeps a seal that is there.
func sealAll(logs []*raft.Log) error {
	for _, l := range logs {
		if !seal.Sealed(l) {
			seal.Put(l)
			continue
		}
		if err := seal.Check(l, l.Index); err != nil && !faultNoSealCheck {
			return fmt.Errorf("entry %d was damaged before it was stored: %w", l.Index, err)
		}
	}
	return nil
}

// refuses answers a call that carries damaged entries before Raft makes room for them. The damage
// happened at the sender or on the way; nothing is wrong with this server.
func (t *transport) refuses(call raft.RPC) bool {
	req, ok := call.Command.(*raft.AppendEntriesRequest)
	if !ok || faultNoSealCheck {
		return false
	}
	for i, l := range req.Entries {
		index := req.PrevLogEntry + 1 + uint64(i)
		if err := checkSent(l, index); err != nil {
			err = fmt.Errorf("entry %d, as %s has sent it, is damaged: %w", index, req.ID, err)
			t.logger.Error("an entry is refused that a leader has sent", "error", err)
			call.Respond(nil, err)
			return true
		}
	}
	return false
}

// checkSent returns an error for an entry that was damaged before or while it was sent.
func checkSent(l *raft.Log, index uint64) error {
	switch {
	case l == nil:
		return errors.New("it is empty")
	case seal.Sealed(l):
		return seal.Check(l, index)
	}
	return checkUnsealed(l, index)
}

// damagedHere checks entries that could not be delivered, because a follower refuses damaged ones.
// If they are damaged, they were read intact and changed in memory since. They would be refused
// every time, so the node leaves.
func (t *transport) damagedHere(req *raft.AppendEntriesRequest) bool {
	for i, l := range req.Entries {
		index := req.PrevLogEntry + 1 + uint64(i)
		if err := checkSent(l, index); err != nil && !faultNoSealCheck {
			t.leave(fmt.Errorf("entry %d is damaged in this server's memory: %w: make sure that its memory is well, then start this server again", index, err))
			return true
		}
	}
	return false
}
