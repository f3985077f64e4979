package node

import (
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/kvorum/kvorum/fsm/command"
)

// alarm holds the consequences of comparing this node's machine with the others'. The comparison
// itself is not this package's business (design, "Divergence").
//
//	sound     the normal state
//	split     no value has a majority any more: nobody knows which data is right,
//	          so nothing is read or written, until a comparison finds a majority
//	          that this node agrees with (replaced servers have caught up)
//	diverged  a majority agrees on a different value: for ever. This node serves no
//	          clients and never leads; it goes on storing the log and voting for
//	          others, since its log is as good as theirs
type alarm struct {
	node    *Node
	trouble atomic.Pointer[trouble] // nil: sound
	agreed  atomic.Uint64           // the last index at which a majority agreed with this node
	counts  [3]atomic.Uint64        // how many comparisons found a majority, a split, a divergence
}

// trouble is the reason why a node does not serve.
type trouble struct {
	refusal *Error
	reason  error
}

// AlarmStatus is the result of the comparisons with the other nodes.
type AlarmStatus struct {
	Diverged    bool
	Split       bool
	Reason      string // why the node is not sound, "" if it is
	Captured    uint64 // the newest index at which the machine was captured
	Agreed      uint64 // the newest index at which a majority agreed with it
	Comparisons uint64 // those that came to a result
}

func newAlarm(n *Node) *alarm { return &alarm{node: n} }

// refuses answers the calls with an error if clients are not to be served, and reports whether it
// did.
func (a *alarm) refuses(calls []*command.Call) bool {
	refusal := a.refusal()
	if refusal == nil {
		return false
	}
	for _, c := range calls {
		c.Reply = errorReply(refusal)
	}
	return true
}

// refusal returns the error for clients, nil if they are served.
func (a *alarm) refusal() *Error {
	if t := a.trouble.Load(); t != nil {
		return t.refusal
	}
	return nil
}

// err returns why this node does not serve, nil if it does.
func (a *alarm) err() error {
	if t := a.trouble.Load(); t != nil {
		return t.reason
	}
	return nil
}

func (a *alarm) split() bool { return a.refusal() == ErrSplit }

func (a *alarm) status() AlarmStatus {
	newest, _, _ := a.node.Captures()
	s := AlarmStatus{Captured: newest.Index, Agreed: a.agreed.Load()}
	for i := range a.counts {
		s.Comparisons += a.counts[i].Load()
	}
	if t := a.trouble.Load(); t != nil {
		s.Diverged, s.Split, s.Reason = t.refusal == ErrDiverged, t.refusal == ErrSplit, t.reason.Error()
	}
	return s
}

// HasDiverged reports whether a majority was found to hold different data than this node.
func (n *Node) HasDiverged() bool { return n.alarm.refusal() == ErrDiverged }

// Agreed records that a majority of the voters agrees with this node's capture of an index. It
// ends a split.
func (n *Node) Agreed(index uint64) {
	a := n.alarm
	a.counts[0].Add(1)
	a.agreed.Store(max(a.agreed.Load(), index))
	t := a.trouble.Load()
	if t != nil && t.refusal == ErrSplit && a.trouble.CompareAndSwap(t, nil) {
		n.log.Warn("a majority of the nodes agrees again: this node serves", slog.Uint64("index", index))
	}
}

// Split records that no value has a majority of the voters at some index.
func (n *Node) Split(reason string) {
	a := n.alarm
	a.counts[1].Add(1)
	t := &trouble{ErrSplit, fmt.Errorf("the nodes hold different data and no majority of them agrees (%s): nothing is read or written", reason)}
	if a.trouble.CompareAndSwap(nil, t) {
		n.log.Error("the nodes have diverged, and no majority agrees: nothing is read or written until one does. "+
			"Restart the servers one by one, which rebuilds what they hold from their disks; if there is still no majority, find out whose data is right, "+
			"have that one lead, and replace the others one by one by servers with empty directories, first those that differ from it (RAFT DIGEST tells)",
			slog.String("found", reason))
	}
}

// Diverge records that a majority of the voters agrees on a different value than this node's at
// some index. The node hands leadership over at once, and stops everything except storing the log
// and voting.
func (n *Node) Diverge(reason string) {
	a := n.alarm
	a.counts[2].Add(1)
	t := &trouble{ErrDiverged, fmt.Errorf("this node has diverged (%s): it serves no clients and never leads; replace it by a server with an empty directory", reason)}
	if was := a.trouble.Swap(t); was != nil && was.refusal == ErrDiverged {
		return
	}
	n.lead.abstention.bar()
	n.log.Error("this node has diverged: it hands leadership over, never leads again and serves no clients. "+
		"Stop it and start it with an empty directory: it then joins the cluster as a new server", slog.String("found", reason))
	// The machine is wrong and must not answer the calls that clients still wait for.
	n.session.mu.Lock()
	n.session.end(ErrDiverged)
	n.session.mu.Unlock()
}
