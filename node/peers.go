package node

import (
	"context"
	"time"
)

// Peers is how a node reaches the others. Every call names the server it is
// meant for (id@incarnation). Those with a done return at once and call it
// exactly once, from any goroutine, possibly before they return; it never
// blocks. An error means that the outcome is unknown, unless it is one of this
// package's.
type Peers interface {
	// Forward hands an encoded batch to the leader; done is called when the
	// leader knows what became of the batch's entry: nil says that it is
	// committed, ErrNotLeader, ErrBusy and ErrNotYet that it was not proposed, a
	// *Refused that it never will be. Batches that one node forwards to one server
	// arrive in the order of the calls. The bytes are shared: nobody changes them.
	Forward(server string, batch []byte, done func(error))
	// ReadIndex asks the leader for an index that confirms the asker's reads.
	ReadIndex(server string, q ReadQuestion, done func(ReadAnswer, error))
	// Term asks a server for its current term.
	Term(server string, done func(uint64, error))
	Electorate
}

// Electorate is what a node asks and tells the others for the sake of who leads.
type Electorate interface {
	// Beat tells a voter that this node leads.
	Beat(server string, b Beat, done func(BeatAnswer, error))
	// Silence asks a voter whether it, too, would replace the leader.
	Silence(server string, q SilenceQuestion, done func(SilenceAnswer, error))
	// Gone reports whether a server's process has certainly ended: its host
	// refuses connections to its port. No answer is no.
	Gone(ctx context.Context, server string) bool
	// Unanswered returns since when no question to a server has had an answer; the zero
	// time says that the last one had.
	Unanswered(server string) time.Time
	// NeverLeads asks a server whether it is told never to lead.
	NeverLeads(ctx context.Context, server string) (bool, error)
}

// ReadQuestion is a node's question for a confirmed index.
type ReadQuestion struct {
	Server string // the asker, id@incarnation: the connection's, not what the message claims
	Term   uint64 // the asker's current term, read after its reads arrived
}

// ReadAnswer confirms reads: they may be served once the asker's machine has
// applied Index.
type ReadAnswer struct {
	Index   uint64
	Term    uint64 // the leader's
	StampMS int64  // the leader's time: TTLs are computed from it
}

// The other direction: what a node answers to its peers. The cluster package
// declares the interface that it needs of it. None of them blocks; the
// peer endpoint calls them inline, in the order of arrival.

// AcceptForward checks a batch of the session of the server that it comes from,
// and queues it for this leader's next entry. answer is called once, must not
// block, and may be called before AcceptForward returns. The batch belongs to
// the node from then on.
func (n *Node) AcceptForward(from string, batch []byte, answer func(error)) {
	n.committer.accept(from, batch, answer)
}

// AnswerReadIndex answers another node's question, as leader; answer is called
// once, as AcceptForward's.
func (n *Node) AnswerReadIndex(q ReadQuestion, answer func(ReadAnswer, error)) {
	n.reads.question(q, answer)
}

// CurrentTerm answers another node's question for this node's term.
func (n *Node) CurrentTerm() uint64 { return n.raft.CurrentTerm() }
