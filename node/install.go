package node

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// raftLogs is the log as Raft sees it, above the cache. It keeps one promise:
//
//	What Raft believes to be its last entry, index and term, is the last entry of
//	the log, or that at which the newest snapshot ends if nothing follows that.
//
// Raft keeps its last entry in memory and does not look at it again when it installs a snapshot,
// which empties the log. If the remembered entry is the snapshot's last or follows it, Raft goes
// on with an entry that is gone. It then refuses for ever what the leader sends next, compares
// candidates with that entry, and claims it when it asks for votes. This happens only if the log
// conflicts with the snapshot: this server led, was cut off, and wrote entries that nobody else
// has.
//
// So a snapshot is handed to Raft only after Raft itself has cleared away such entries, as it does
// when a leader sends a different entry for an index: see transport.install. The entry that Raft
// is shown for that purpose is called a mark. It holds nothing and is never stored. Raft reads
// from it where the log ends without the cleared entries, and takes that for the last entry.
//
// If a suffix was cleared and could not be replaced, Raft also believes in an entry that is gone;
// then the node ends. It also ends, and clears nothing, if entries of the suffix are committed.
// Raft would clear them although its machine has applied them, and a leader whose log ends before
// what it has applied never answers those who wait for its next entries.
//
// raftLogs also knows the term of the entry at which the newest snapshot ends, if the log is empty
// or begins right behind it.
type raftLogs struct {
	raft.LogStore
	stats   atomic.Value // func() map[string]string: Raft's own figures, once it runs
	broken  func(error)  // called when the promise cannot be kept, on Raft's goroutines
	mark    atomic.Pointer[raft.Log]
	cleared atomic.Bool // a suffix was deleted that Raft still takes for the end of its log
}

// IsMonotonic reports whether entries must follow each other without gaps.
func (l *raftLogs) IsMonotonic() bool {
	m, ok := l.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// GetLog also answers for the entry at which the newest snapshot ends, because the log may begin
// behind it. Only the term of that answer is true. Raft needs no more of an entry that precedes
// the one it looks for. It never sends this entry, since the one before it is missing: the log is
// empty, or begins right behind it.
func (l *raftLogs) GetLog(index uint64, log *raft.Log) error {
	err := l.LogStore.GetLog(index, log)
	if !errors.Is(err, raft.ErrLogNotFound) || index <= 1 {
		return err
	}
	first, failed := l.FirstIndex()
	if failed != nil || first != 0 && first != index+1 {
		return err
	}
	if base := l.base(); base.Index == index {
		*log = raft.Log{Index: index, Term: base.Term, Type: raft.LogNoop}
		return nil
	}
	return err
}

// base returns the entry at which Raft's newest snapshot ends, zero if there is none. It asks Raft
// and not the disk, which may hold a snapshot that could not be restored.
func (l *raftLogs) base() position {
	told := l.told()
	return position{figure(told["last_snapshot_index"]), figure(told["last_snapshot_term"])}
}

// told returns Raft's own figures, nil before Raft runs.
func (l *raftLogs) told() map[string]string {
	stats, ok := l.stats.Load().(func() map[string]string)
	if !ok {
		return nil
	}
	return stats()
}

// end returns the position of the last entry.
func (l *raftLogs) end() (position, error) {
	last, err := l.LastIndex()
	if err != nil {
		return position{}, fmt.Errorf("read the log's last index: %w", err)
	}
	if base := l.base(); last <= base.Index {
		return base, nil
	}
	var entry raft.Log
	if err := l.LogStore.GetLog(last, &entry); err != nil {
		return position{}, fmt.Errorf("read entry %d of the log: %w", last, err)
	}
	return position{last, entry.Term}, nil
}

// holds reports whether the log contains an entry, or begins right after it.
func (l *raftLogs) holds(p position) bool {
	var entry raft.Log
	return l.GetLog(p.Index, &entry) == nil && entry.Term == p.Term
}

// marks makes the mark for the index of an entry. There is one mark at a time.
func (l *raftLogs) marks(p position) *raft.Log {
	mark := &raft.Log{Index: p.Index, Term: p.Term, Type: raft.LogNoop}
	l.mark.Store(mark)
	return mark
}

// StoreLog stores one entry.
func (l *raftLogs) StoreLog(log *raft.Log) error { return l.StoreLogs([]*raft.Log{log}) }

// StoreLogs stores entries, or accepts a mark. Raft takes its last entry from what it has stored,
// so StoreLogs changes the mark into the entry at which the log ends.
func (l *raftLogs) StoreLogs(logs []*raft.Log) error {
	var err error
	if mark := l.mark.Load(); len(logs) == 1 && logs[0] == mark {
		var end position
		end, err = l.end()
		*mark = raft.Log{Index: end.Index, Term: end.Term, Type: raft.LogNoop}
	} else {
		err = l.LogStore.StoreLogs(logs)
	}
	if cleared := l.cleared.Swap(false); cleared && err != nil {
		l.broken(fmt.Errorf("entries that conflicted with the leader's were cleared from the log's end, and nothing could be stored in their place: %w", err))
	}
	return err
}

// DeleteRange deletes a head or a suffix; from an empty log it deletes nothing. A suffix that
// contains committed entries stays and ends the node: the leader's side has lost them.
func (l *raftLogs) DeleteRange(from, to uint64) error {
	last, err := l.LastIndex()
	if err != nil {
		return fmt.Errorf("read the log's last index: %w", err)
	}
	if last == 0 { // after an install has emptied the log, Raft compacts it from index 0 on
		return nil
	}
	if committed := figure(l.told()["commit_index"]); from <= committed && to > l.base().Index {
		err := fmt.Errorf("the leader sends other entries from %d on, and up to %d they are committed: servers that had stored them have lost them. Keep this directory, which still holds them; find out which servers were wiped, or were given an older directory, before this one is started again", from, committed)
		l.broken(err)
		return err
	}
	err = l.LogStore.DeleteRange(from, to)
	if to < last { // a head: Raft does not rely on it
		return err
	}
	if err != nil {
		l.broken(fmt.Errorf("the log's entries from %d to %d could not be deleted: %w", from, to, err))
		return err
	}
	l.cleared.Store(to > l.base().Index)
	return nil
}

// errNotNewer tells a leader that its snapshot ends before what this server has, or at an entry
// that differs from the one that this server has there.
var errNotNewer = errors.New("the snapshot is not newer than what this server has, and does not continue in its log")

// install decides what happens to a snapshot that another server sends, and reports whether Raft
// is to install it. Two kinds are skipped. The first is a snapshot whose last entry the log holds:
// it was sent twice or came late. Raft would go back to it and remove what has been acknowledged
// since. The leader is told the truth, that this server has everything in it. The second is a
// snapshot older than what is committed here. A snapshot for which there is no room is not begun.
func (t *transport) install(call raft.RPC, req *raft.InstallSnapshotRequest) (forRaft bool) {
	if req.Term < t.term() {
		return true // Raft answers with its own
	}
	ends := position{req.LastLogIndex, req.LastLogTerm}
	reach := t.committed()
	if reach < ends.Index {
		if err := t.room(req.Size); err != nil && !t.logs.holds(ends) { // begun, it would fill the disk that the log needs
			go skip(call, req, err)
			return false
		}
		last, err := t.clear(req, ends)
		if err != nil {
			go skip(call, req, fmt.Errorf("clear what conflicts with the snapshot at %d: %w", ends.Index, err))
			return false
		}
		reach = last
	}
	switch {
	case t.logs.holds(ends):
		go skip(call, req, nil)
	case reach >= ends.Index:
		go skip(call, req, errNotNewer)
	default:
		return true
	}
	return false
}

// clear makes Raft clear away the entry that conflicts with the one at which a snapshot ends, and
// all entries behind it. It returns where the log then ends. When it returns, Raft has also
// finished every call that came before.
func (t *transport) clear(req *raft.InstallSnapshotRequest, ends position) (last uint64, err error) {
	answered := make(chan raft.RPCResponse, 1)
	call := raft.RPC{RespChan: answered, Command: &raft.AppendEntriesRequest{
		RPCHeader: req.RPCHeader, Term: req.Term, Entries: []*raft.Log{t.logs.marks(ends)},
	}}
	select {
	case t.calls <- call:
	case <-t.layer.done:
		return 0, errStopped
	}
	select {
	case answer := <-answered:
		if answer.Error != nil {
			return 0, answer.Error
		}
		if !answer.Response.(*raft.AppendEntriesResponse).Success {
			return 0, errors.New("the log has not taken the entry there")
		}
	case <-t.layer.done:
		return 0, errStopped
	}
	return t.logs.LastIndex()
}

// skip reads a snapshot off its connection, so that the connection can be used further, and
// answers the call.
func skip(call raft.RPC, req *raft.InstallSnapshotRequest, refusal error) {
	_, err := io.Copy(io.Discard, call.Reader)
	if err == nil {
		err = refusal
	}
	call.Respond(&raft.InstallSnapshotResponse{Term: req.Term, Success: err == nil}, err)
}
