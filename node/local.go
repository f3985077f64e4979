package node

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
)

// freshness is how old this node's data may be. When a confirmation succeeds,
// the machine has everything that was committed when it was asked for: so the
// data is at most as old as that moment, by this process's own monotonic clock.
type freshness struct {
	since   time.Time    // what asOfNS counts from
	asOfNS  atomic.Int64 // when the newest confirmation that succeeded was asked for; 0: none has yet
	staleNS atomic.Int64 // how old local reads may be; 0: any age
}

// confirmed takes note of a confirmation that was asked for at begun.
func (f *freshness) confirmed(begun time.Time) {
	ns := max(int64(begun.Sub(f.since)), 1)
	if old := f.asOfNS.Load(); ns-old >= int64(freshStep) || old == 0 {
		f.asOfNS.CompareAndSwap(old, ns) // whoever was quicker is as new
	}
}

// suffices returns nil if local reads may be served now, else what they lack.
func (f *freshness) suffices() *Error {
	asOf, stale := f.asOfNS.Load(), f.staleNS.Load()
	switch {
	case asOf == 0:
		return ErrBehind
	case stale > 0 && int64(time.Since(f.since))-asOf > stale:
		return ErrStale
	}
	return nil
}

// SetStaleReadMax bounds how old ReadLocal's data may be; 0 is no bound.
func (n *Node) SetStaleReadMax(d time.Duration) { n.reads.fresh.staleNS.Store(int64(d)) }

// ReadLocal runs calls (route Gate) in order on this node's machine as it is,
// and sets each one's Reply: they may miss what others have written. They
// never miss a write that this node has answered, since its replies come from
// the same machine; never what was committed when this process began; and
// nothing older than SetStaleReadMax allows. Where the last two are not known
// to hold, a leader is asked first, as Read does.
func (n *Node) ReadLocal(ctx context.Context, calls []*command.Call) {
	err := n.reads.fresh.suffices()
	if err != nil || anyNew(calls, n.MachineVersion()) { // a client that has seen a new command work is not refused it here
		if _, refused := n.reads.confirm(ctx, time.Now().Add(n.cfg.WriteTimeout)); refused != ErrUnconfirmed {
			err = refused // nil, or another reason
		}
	}
	if n.Err() != nil {
		err = ErrReadClosing // its machine stands still for ever
	}
	if refusal := n.alarm.refusal(); refusal == ErrDiverged { // without a majority, this node's data may be right
		err = refusal
	}
	if err != nil {
		for _, c := range calls {
			c.Reply = errorReply(err)
		}
		return
	}
	for len(calls) > 0 {
		all := calls
		calls = n.reads.runLocal(all)
		n.worker.counts.read(all[:len(all)-len(calls)])
	}
}

// runLocal runs calls on one state of the machine, up to the first that is not
// fast. What is left of a key's time is told by the time that has passed here
// since the machine's last stamp; a key whose time is over by that and not by
// the machine's clock is still there, as it is to the machine.
func (r *reads) runLocal(calls []*command.Call) (rest []*command.Call) {
	w := r.node.worker
	nowMS := r.node.stamps.passed()
	w.mu.RLock()
	defer w.mu.RUnlock()
	for i, c := range calls[:min(len(calls), fastReadsMax)] {
		seed := rand.Uint64()
		if due := w.machine.Read(c, nowMS, seed); due > 0 && w.machine.Read(c, due-1, seed) > 0 {
			w.machine.Read(c, w.machine.ClockMS(), seed)
		}
		if c.Command.Flags&command.Fast == 0 {
			return calls[i+1:]
		}
	}
	return calls[min(len(calls), fastReadsMax):]
}
