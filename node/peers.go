package node

import (
	"context"
	"time"
)

// Peers is a node's way to reach the other nodes. Every call names the server that it is meant for
// (id@incarnation). A method with a done function returns at once and calls done exactly once, from
// any goroutine, possibly before the method returns; done never blocks. An error means that the
// outcome is unknown, unless it is one of this package's errors.
type Peers interface {
	// Forward hands an encoded batch to the leader. It calls done when the leader knows the fate
	// of the batch's entry: nil means that it is committed; ErrNotLeader, ErrBusy and ErrNotYet
	// mean that it was not proposed; a *Refused means that it never will be. Batches that one node
	// forwards to one server arrive in the order of the calls. The bytes are shared and must not
	// be changed.
	Forward(server string, batch []byte, done func(error))
	// ReadIndex asks the leader for an index that confirms the asker's reads.
	ReadIndex(server string, q ReadQuestion, done func(ReadAnswer, error))
	// Term asks a server for its current term.
	Term(server string, done func(uint64, error))
	Electorate
}

// Electorate carries what nodes ask and tell each other about who leads.
type Electorate interface {
	// Beat tells a voter that this node leads.
	Beat(server string, b Beat, done func(BeatAnswer, error))
	// Silence asks a voter whether it, too, would replace the leader.
	Silence(server string, q SilenceQuestion, done func(SilenceAnswer, error))
	// Gone reports whether a server's process has certainly ended, because its host refuses
	// connections to its port. Without an answer it returns false.
	Gone(ctx context.Context, server string) bool
	// Unanswered returns the time since which no question to a server has been answered. It is
	// zero if the last question was answered.
	Unanswered(server string) time.Time
	// NeverLeads asks a server whether it is told never to lead.
	NeverLeads(ctx context.Context, server string) (bool, error)
}

// ReadQuestion asks the leader for a confirmed index.
type ReadQuestion struct {
	Server string // the asker, id@incarnation, as the connection says and not the message
	Term   uint64 // the asker's current term, read after its reads arrived
}

// ReadAnswer confirms reads: they may be served once the asker's machine has
// applied Index.
type ReadAnswer struct {
	Index   uint64
	Term    uint64 // the leader's
	StampMS int64  // the leader's time, from which TTLs are computed
}

// The other direction: what a node answers to its peers. The cluster package declares the
// interface that it needs. None of these methods blocks; the peer endpoint calls them inline, in
// the order of arrival.

// AcceptForward checks a batch of the session of the server that sent it, and queues it for this
// leader's next entry. It calls answer exactly once, possibly before it returns; answer must not
// block. The batch belongs to the node from then on.
func (n *Node) AcceptForward(from string, batch []byte, answer func(error)) {
	n.committer.accept(from, batch, answer)
}

// AnswerReadIndex answers another node's question, as leader. It calls answer under the same rules
// as AcceptForward.
func (n *Node) AnswerReadIndex(q ReadQuestion, answer func(ReadAnswer, error)) {
	n.reads.question(q, answer)
}

// CurrentTerm returns this node's term, to answer another node's question.
func (n *Node) CurrentTerm() uint64 { return n.raft.CurrentTerm() }
