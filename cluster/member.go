package cluster

import (
	"context"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

// Member is the running member of this server, as far as other servers may question it.
type Member interface {
	// AcceptForward queues a batch from another server for the leader's next entry. It calls answer
	// once: with nil (committed), ErrNotLeader, ErrBusy, a *Refused (it will never be proposed), or
	// another error (unknown outcome). It must not block.
	AcceptForward(from string, batch []byte, answer func(error))
	// AnswerReadIndex gives a server an index that confirms its reads. term is the server's term.
	// It calls answer once. It must not block.
	AnswerReadIndex(server string, term uint64, answer func(ReadAnswer, error))
	// State returns what the member knows now.
	State() State
	// Servers returns the newest configuration that the member knows, committed or not. It is empty
	// before the first. It serves to find servers.
	Servers() []member.Server
	Voter
}

// Voter is the part of a member that takes part in the choice of a leader. It touches no disk.
type Voter interface {
	// CurrentTerm returns the member's current term.
	CurrentTerm() uint64
	// HearBeat records a beat from a leader.
	HearBeat(from string, b Beat) BeatAnswer
	// AnswerSilence answers whether the leader should be replaced. It calls answer once. It must
	// not block.
	AnswerSilence(q SilenceQuestion, answer func(SilenceAnswer))
}

// Membership reads and changes the configuration and the machine's version. The changes work only
// on the leader.
type Membership interface {
	// Leader returns the server that this member believes leads, or "" if it knows of none.
	Leader() string
	// Committed returns the committed configuration once a majority has confirmed that this member
	// leads. It returns ErrNotLeader if this member does not lead.
	Committed(ctx context.Context) (Configuration, error)
	// Change makes one change and returns once it is committed.
	Change(ctx context.Context, c Change) error
	// Transfer hands leadership to a voter; an empty server stands for the best-placed one. It
	// returns nil once this member no longer leads, which may be before the other does.
	Transfer(ctx context.Context, server string) error
	// Raise makes a version of the machine the active one and returns once this member's machine
	// has it. It fails unless this member still leads in term.
	Raise(ctx context.Context, version uint8, term uint64) error
}

// Replicated is the part of the machine's state that the leader reads.
type Replicated interface {
	// Boot returns the boot number under which a server last registered, or 0 if it never has.
	Boot(server string) uint64
	// RemoveDeadAfter returns how long a server may be unreachable before it is removed. Zero means
	// for ever.
	RemoveDeadAfter() time.Duration
	// Version returns the active version of the machine.
	Version() uint8
}

// Configuration is a committed configuration.
type Configuration struct {
	Index   uint64 // index of its entry; 0: unknown
	Servers []member.Server
}

// Step names what a change does to its server.
type Step uint8

// The steps.
const (
	StepAdd     Step = iota + 1 // a new server, as a non-voter
	StepPromote                 // a non-voter becomes a voter
	StepDemote                  // a voter becomes a non-voter
	StepMove                    // a new address, Server.PeerAddr; its role stays
	StepRemove
)

// Change is one step from one configuration to the next.
type Change struct {
	Step   Step
	Server member.Server
	From   uint64 // the configuration's index; the change fails if there is a later one. 0: unknown
}

// ReadAnswer is an answer to ReadIndex.
type ReadAnswer struct {
	Index   uint64 // the index to apply before the reads are served
	Term    uint64 // the leader's term
	StampMS int64  // the leader's time
}

// State holds what a server reports of itself.
type State struct {
	Stored  uint64 // index of the last entry on its disk
	Applied uint64 // index of the last entry that its machine has applied
	Term    uint64
	Leader  string // the server that it believes leads
	// NeverLeads says that it is configured never to lead.
	NeverLeads bool
	// Diverged says that its machine differs from the majority's.
	Diverged bool
}
