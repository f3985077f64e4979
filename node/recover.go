package node

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/member"
)

// Recovered is what Recover has carried over.
type Recovered struct {
	Index uint64 // the last entry of the old log that was applied
	Term  uint64
	Keys  int // in all databases
}

// Recover carries what one server has stored over to the empty stores of
// another, which is then a cluster of its own: the way out when a majority of
// a cluster's disks is lost for good. The old stores are only read.
//
// Everything in the old log is applied, whether a majority had it or not: this
// server cannot know. Writes that it has never received are lost, also such as
// were acknowledged.
func Recover(from, to Stores, self member.Server) (Recovered, error) {
	machine, last, err := replay(from)
	if err != nil {
		return Recovered{}, fmt.Errorf("read what the old server has stored: %w", err)
	}
	if last.Index == 0 {
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
	for _, db := range machine.Databases() {
		r.Keys += db.Objects
	}
	return r, nil
}

// position is a place in a log.
type position struct{ Index, Term uint64 }

// replay rebuilds a machine from the newest snapshot and the log behind it.
func replay(from Stores) (*fsm.Machine, position, error) {
	machine, last, err := newestSnapshot(from.Snapshots)
	if err != nil {
		return nil, last, err
	}
	end, err := from.Logs.LastIndex()
	if err != nil {
		return nil, last, fmt.Errorf("read the log's end: %w", err)
	}
	for index := last.Index + 1; index <= end; index++ {
		var l raft.Log
		if err := from.ReadLog(index, &l); err != nil {
			return nil, last, fmt.Errorf("read entry %d: %w", index, err)
		}
		switch l.Type {
		case raft.LogCommand:
			_, err = machine.Apply(index, l.Data)
		case raft.LogConfiguration:
			err = machine.Configure(index, memberServers(raft.DecodeConfiguration(l.Data)))
		}
		if err != nil {
			return nil, last, fmt.Errorf("apply entry %d: %w", index, err)
		}
		last = position{index, l.Term}
	}
	return machine, last, nil
}

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
