package cluster

import (
	"context"

	"github.com/kvorum/kvorum/fsm/member"
)

// Member is the running member of this server, as far as others may ask it.
type Member interface {
	// AcceptForward queues a batch for the leader's next entry; answer is
	// called once: nil (committed), ErrNotLeader, ErrBusy, or another error
	// (unknown outcome). It must not block.
	AcceptForward(batch []byte, answer func(error))
	// AnswerReadIndex answers a server's question for an index that confirms
	// its reads, asked in its term; answer is called once. It must not block.
	AnswerReadIndex(server string, term uint64, answer func(ReadAnswer, error))
	// CurrentTerm is the member's current term.
	CurrentTerm() uint64
	// State is what the member knows now.
	State() State
	// Servers is the newest configuration that the member knows, committed or
	// not, empty before the first: where to find servers.
	Servers() []member.Server
}

// Membership changes the configuration, on the leader.
type Membership interface {
	// Leader is the server that this member believes leads, "" for none.
	Leader() string
	// Committed returns the committed configuration, after a majority has
	// confirmed that this member leads; ErrNotLeader if it does not.
	Committed(ctx context.Context) ([]member.Server, error)
	// Remove takes a server out and returns once that is committed.
	Remove(ctx context.Context, server string) error
	// Add adds a server, or makes a non-voter a voter, and returns once that is committed.
	Add(ctx context.Context, s member.Server) error
}

// ReadAnswer confirms reads.
type ReadAnswer struct {
	Index   uint64 // to be applied before the reads are served
	Term    uint64 // the leader's
	StampMS int64  // the leader's time
}

// State is what a server says of itself.
type State struct {
	Stored  uint64 // index of the last entry on its disk
	Applied uint64 // index of its machine
	Term    uint64
	Leader  string // whom it believes to lead
	// NeverLeads says that it is told never to lead.
	NeverLeads bool
}
