package node

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
)

// freshness tells how old this node's data may be. When a confirmation succeeds, the machine has
// everything that was committed when the confirmation was asked for. So the data is at most as old
// as that moment, by this process's own monotonic clock.
type freshness struct {
	since   time.Time    // what asOfNS counts from
	asOfNS  atomic.Int64 // when the newest successful confirmation was asked for; 0: none yet
	staleNS atomic.Int64 // the age limit of local reads; 0: any age
}

// confirmed records a successful confirmation that was asked for at begun.
func (f *freshness) confirmed(begun time.Time) {
	ns := max(int64(begun.Sub(f.since)), 1)
	if old := f.asOfNS.Load(); ns-old >= int64(freshStep) || old == 0 {
		f.asOfNS.CompareAndSwap(old, ns) // a concurrent update is just as new
	}
}

// suffices returns nil if local reads may be served now, otherwise what is missing.
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

// SetStaleReadMax bounds how old ReadLocal's data may be; 0 means no bound.
func (n *Node) SetStaleReadMax(d time.Duration) { n.reads.fresh.staleNS.Store(int64(d)) }

// ReadLocal runs calls (route Gate) in order on this node's machine as it is, and sets the Reply
// of each. The calls may miss what others have written. They never miss a write that this node has
// answered, since its replies come from the same machine. They never miss what was committed when
// this process began, and never see data older than SetStaleReadMax allows. Where these last two
// promises are not known to hold, a leader is asked first, as in Read.
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
	if refusal := n.alarm.refusal(); refusal == ErrDiverged { // in a split, this node's data may be right
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

// runLocal runs calls on one state of the machine, up to and including the first that is not fast.
// It computes remaining TTLs from the time that has passed here since the machine's last stamp. A
// key that has expired by that time, but not by the machine's clock, still exists for the machine,
// and so also for the reader.
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
