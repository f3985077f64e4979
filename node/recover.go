package node

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/member"
)

// Recovered summarizes what Recover has carried over.
type Recovered struct {
	Index uint64 // the last entry of the old log that was applied
	Term  uint64
	Keys  int // in all databases
	// GivenUp counts the entries behind Index that the old log holds and that were not applied.
	GivenUp uint64
}

// UnappliedError means that an entry of the old log cannot be applied because it is malformed or
// damaged. Recover can stop before it.
type UnappliedError struct {
	Index uint64
	Last  uint64 // of the log
	Err   error
}

// Error names the entry and says what is wrong with it.
func (e *UnappliedError) Error() string {
	return fmt.Sprintf("entry %d cannot be applied: %v", e.Index, e.Err)
}

// Unwrap returns the cause.
func (e *UnappliedError) Unwrap() error { return e.Err }

// Recover carries what one server has stored over to the empty stores of another, which then is a
// cluster of its own. This is the way out when a majority of a cluster's disks is lost for good.
// The old stores are only read.
//
// Recover applies everything in the old log, whether or not a majority had it, because this server
// cannot know. Writes that the server never received are lost, even if they were acknowledged. If
// before is not 0, the entry with that index and all behind it are given up.
func Recover(from, to Stores, self member.Server, before uint64) (Recovered, error) {
	old, err := replay(from, before)
	if err != nil {
		return Recovered{}, fmt.Errorf("read what the old server has stored: %w", err)
	}
	machine, last := old.machine, old.last
	switch {
	case last.Index == 0 && old.end > 0:
		return Recovered{}, fmt.Errorf("the old directory holds nothing before entry %d: there would be nothing left", before)
	case last.Index == 0:
		return Recovered{}, errors.New("the old directory holds no entry and no snapshot: there is nothing to recover")
	}
	self.Voter = true
	index := last.Index + 1 // of a configuration with this server alone
	if err := machine.Configure(index, []member.Server{self}); err != nil {
		return Recovered{}, fmt.Errorf("make a cluster of one: %w", err)
	}
	if err := to.Stable.SetUint64([]byte("CurrentTerm"), last.Term); err != nil {
		return Recovered{}, fmt.Errorf("store the term: %w", err)
	}
	if err := writeRecovered(to, machine.Capture(), last.Term, self); err != nil {
		return Recovered{}, fmt.Errorf("write the recovered snapshot: %w", err)
	}
	r := Recovered{Index: last.Index, Term: last.Term}
	if before > 0 {
		r.GivenUp = old.end - last.Index
	}
	for _, db := range machine.Databases() {
		r.Keys += db.Objects
	}
	return r, nil
}

// position is the index and term of a log entry.
type position struct{ Index, Term uint64 }

// replayed is the result of replaying an old server's stores.
type replayed struct {
	machine *fsm.Machine
	last    position // the last entry that the machine has applied
	end     uint64   // of the log
}

// replay rebuilds a machine from the newest snapshot and the log behind it. It leaves out the
// entries from before on; 0 means none.
func replay(from Stores, before uint64) (r replayed, err error) {
	if r.machine, r.last, err = newestSnapshot(from.Snapshots); err != nil {
		return r, err
	}
	if r.end, err = from.Logs.LastIndex(); err != nil {
		return r, fmt.Errorf("read the log's end: %w", err)
	}
	stop := r.end
	if before > 0 {
		stop = before - 1
	}
	switch {
	case before > r.end:
		return r, fmt.Errorf("the old log ends at entry %d: there is nothing to give up from entry %d on", r.end, before)
	case before > 0 && before <= r.last.Index:
		return r, fmt.Errorf("the newest snapshot holds all entries to %d, so that none of them can be given up", r.last.Index)
	}
	for index := r.last.Index + 1; index <= stop; index++ {
		var l raft.Log
		err := from.ReadLog(index, &l)
		if err == nil {
			err = replayEntry(r.machine, index, &l)
		}
		if err != nil {
			return r, &UnappliedError{Index: index, Last: r.end, Err: err}
		}
		r.last = position{index, l.Term}
	}
	return r, nil
}

func replayEntry(machine *fsm.Machine, index uint64, l *raft.Log) error {
	switch l.Type {
	case raft.LogCommand:
		_, err := machine.Apply(index, l.Data)
		return err
	case raft.LogConfiguration:
		servers, err := configurationIn(l)
		if err != nil {
			return err
		}
		return machine.Configure(index, servers)
	}
	return nil
}

// configurationIn decodes a configuration. It turns Raft's panic over a malformed one into an
// error.
func configurationIn(l *raft.Log) (servers []member.Server, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("it is no configuration: %v", cause)
		}
	}()
	return memberServers(raft.DecodeConfiguration(l.Data)), nil
}

// newestSnapshot restores the newest snapshot, or returns an empty machine if there is none.
func newestSnapshot(snapshots raft.SnapshotStore) (*fsm.Machine, position, error) {
	found, err := snapshots.List()
	if err != nil {
		return nil, position{}, fmt.Errorf("list the snapshots: %w", err)
	}
	if len(found) == 0 {
		return fsm.New(), position{}, nil
	}
	meta, content, err := snapshots.Open(found[0].ID)
	if err != nil {
		return nil, position{}, fmt.Errorf("open snapshot %s: %w", found[0].ID, err)
	}
	defer content.Close()
	machine, err := fsm.Restore(bufio.NewReaderSize(content, persistBuffer))
	return machine, position{meta.Index, meta.Term}, err
}

// writeRecovered writes the capture as the first snapshot of the new cluster.
func writeRecovered(to Stores, capture *fsm.Capture, term uint64, self member.Server) error {
	_, nobody := raft.NewInmemTransport(raft.ServerAddress(self.PeerAddr)) // a snapshot's sink wants one to encode addresses
	defer nobody.Close()
	sink, err := to.Snapshots.Create(raft.SnapshotVersionMax, capture.Index(), term, raftServers([]member.Server{self}), capture.Index(), nobody)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(sink, persistBuffer)
	if _, err := placed(capture, sink).WriteTo(out); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	if err := out.Flush(); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}
