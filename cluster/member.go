package cluster

import (
	"context"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

// Member is the running member of this server, as far as others may ask it.
type Member interface {
	// AcceptForward queues a batch of the server from for the leader's next
	// entry; answer is called once: nil (committed), ErrNotLeader, ErrBusy, a
	// *Refused (it will never be proposed), or another error (unknown outcome).
	// It must not block.
	AcceptForward(from string, batch []byte, answer func(error))
	// AnswerReadIndex answers a server's question for an index that confirms
	// its reads, asked in its term; answer is called once. It must not block.
	AnswerReadIndex(server string, term uint64, answer func(ReadAnswer, error))
	// State is what the member knows now.
	State() State
	// Servers is the newest configuration that the member knows, committed or
	// not, empty before the first: where to find servers.
	Servers() []member.Server
	Voter
}

// Voter is the member as the others ask it for the sake of who leads. It touches no disk.
type Voter interface {
	// CurrentTerm is the member's current term.
	CurrentTerm() uint64
	// HearBeat takes note of what a leader says of itself.
	HearBeat(from string, b Beat) BeatAnswer
	// AnswerSilence answers a server's question whether the leader should be
	// replaced; answer is called once. It must not block.
	AnswerSilence(q SilenceQuestion, answer func(SilenceAnswer))
}

// Membership reads and changes the configuration and the machine's version, on
// the leader.
type Membership interface {
	// Leader is the server that this member believes leads, "" for none.
	Leader() string
	// Committed returns the committed configuration, after a majority has
	// confirmed that this member leads; ErrNotLeader if it does not.
	Committed(ctx context.Context) (Configuration, error)
	// Change makes one change and returns once that is committed.
	Change(ctx context.Context, c Change) error
	// Transfer hands leadership to a voter, "" being the one that is best
	// placed; nil means that this member has been told so.
	Transfer(ctx context.Context, server string) error
	// Raise makes a version of the machine the active one and returns once this
	// member's machine has it; it fails unless this member still leads in a term.
	Raise(ctx context.Context, version uint8, term uint64) error
}

// Replicated is what the leader reads of the machine's state.
type Replicated interface {
	// Boot is the boot number under which a server has last registered, 0 if
	// it never has.
	Boot(server string) uint64
	// RemoveDeadAfter is how long a server may be unreachable before it is
	// removed, 0 for ever.
	RemoveDeadAfter() time.Duration
	// Version is the active version of the machine.
	Version() uint8
}

// Configuration is a committed configuration.
type Configuration struct {
	Index   uint64 // of its entry, 0 when that is not known
	Servers []member.Server
}

// Step is what a change does to its server.
type Step uint8

// The steps.
const (
	StepAdd     Step = iota + 1 // a new server, as a non-voter
	StepPromote                 // a non-voter becomes a voter
	StepDemote                  // a voter becomes a non-voter
	StepMove                    // to Server.PeerAddr; it stays what it is
	StepRemove
)

// Change is one step from one configuration to the next.
type Change struct {
	Step   Step
	Server member.Server
	From   uint64 // the configuration's index; it fails if there is a later one. 0: unknown
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
	// Diverged says that its machine differs from the majority's.
	Diverged bool
}
