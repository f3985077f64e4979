package node

import (
	"fmt"
	"maps"
	"time"

	"github.com/hashicorp/raft"
)

// transfers hands leadership over, one attempt at a time, and only to followers that answer.
//
// Raft's own choice may be a dead follower. An attempt at a follower that times out leaves a
// request in the queue of that follower's replication. A second attempt would wait for room in the
// queue, perhaps for ever, and until it ends the node rejects every entry, even in later terms. So
// after a failed attempt a follower is left alone in that term until its replication has made
// progress.
type transfers struct {
	slot   chan struct{} // cap 1: held by the attempt in progress
	term   uint64
	failed map[raft.ServerID]uint64 // how many calls a follower had answered when an attempt at it failed
}

// TransferLeadership hands leadership to the voter that has answered most recently. After a
// time-out it may still succeed.
func (n *Node) TransferLeadership() error {
	err := fmt.Errorf("hand over leadership: there is no other voter")
	for _, heir := range n.heirs() {
		if err = n.transfer(heir); err == nil {
			return nil
		}
		if _, leads := n.leads(); !leads {
			return nil
		}
	}
	return err
}

// TransferLeadershipTo hands leadership to a given voter.
func (n *Node) TransferLeadershipTo(server string) error {
	for _, s := range n.configuration().Servers {
		if string(s.ID) == server && s.Suffrage == raft.Voter {
			return n.transfer(s)
		}
	}
	return fmt.Errorf("hand over leadership: %s is not a voter", server)
}

// transfer hands leadership to one server if that server answers, may lead, and its disk responds.
func (n *Node) transfer(to raft.Server) error {
	t := &n.lead.transfers
	t.slot <- struct{}{}
	defer func() { <-t.slot }()
	term, leads := n.leads()
	if !leads {
		return fmt.Errorf("hand over leadership: %w", ErrNotLeader)
	}
	if t.term != term {
		t.term, t.failed = term, map[raft.ServerID]uint64{}
	}
	seen := n.transport.deliveries(to.ID)
	if seen.last.IsZero() {
		return fmt.Errorf("hand over leadership: %s has not answered yet", to.ID)
	}
	if silence := time.Since(seen.last); silence > max(n.cfg.Timing.Heartbeat, 2*n.cfg.Timing.Commit) {
		return fmt.Errorf("hand over leadership: %s has not answered for %v", to.ID, silence.Round(time.Millisecond))
	}
	if !n.lead.failover.diskAnswers(string(to.ID)) {
		return fmt.Errorf("hand over leadership: the disk of %s does not answer", to.ID)
	}
	never, err := n.neverLeads(string(to.ID))
	if err != nil {
		return fmt.Errorf("hand over leadership: ask %s whether it may lead: %w", to.ID, err)
	}
	if never {
		return fmt.Errorf("hand over leadership: %s %w", to.ID, errNeverLeading)
	}
	if at, ok := t.failed[to.ID]; ok && seen.calls < at+transferRearm {
		return fmt.Errorf("hand over leadership: the last attempt at %s has just failed", to.ID)
	}
	err = n.change("hand over leadership", func() raft.Future { return n.raft.LeadershipTransferToServer(to.ID, to.Address) })
	if err != nil {
		now := newMembers(n.configuration())
		maps.DeleteFunc(t.failed, func(id raft.ServerID, _ uint64) bool { return !now.servers[id] })
		t.failed[to.ID] = n.transport.deliveries(to.ID).calls
	}
	return err
}
