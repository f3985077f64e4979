package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// departure is the state of a node that leaves because it cannot go on: see Leave.
type departure struct {
	claimed atomic.Bool   // somebody runs Leave; all others wait for over, and for no lock
	over    chan struct{} // closed when the node has left
	// begun: nothing is stored any more, so this server confirms nothing and votes for nobody.
	// gone: its connections are cut, so nothing that Raft is told from here on reaches anybody.
	begun, gone atomic.Bool
	opened      atomic.Bool // Raft runs
}

// Leave ends a node that cannot read or write what Raft keeps, or whose machine cannot go on. It
// leaves Raft first: nothing is stored or applied any more, the best heir is told to stand for
// election, and the connections are cut. Then Leave answers those who wait here. Whoever waits on
// Failed has to end the process.
//
// Raft's main loop cannot hand over, because it may be the caller. With Leave, the others have a
// leader as soon as the heir has its votes, and not only after this process has ended.
//
// Leave returns when all of that is done, whoever began it.
func (n *Node) Leave(err error) {
	if !n.departure.claimed.CompareAndSwap(false, true) {
		<-n.departure.over
		return
	}
	defer close(n.departure.over)
	stopping := n.logs.unplugged.Load()
	led := uint64(0)
	if n.departure.opened.Load() {
		// Read now: once nothing is stored any more, Raft's main loop may step down by itself.
		if term, leads := n.leads(); leads {
			led = term
		}
	}
	n.departure.begun.Store(true)
	n.worker.queue.close()
	if !stopping && led != 0 {
		n.bequeath(led)
	}
	n.transport.cut()
	n.departure.gone.Store(true)
	if stopping {
		return // a process that ends finds no fault with its disk
	}
	n.record(err, "this node cannot go on: it has left the cluster's Raft and ends")
	n.session.shut(err)
	n.reads.shut()
}

// bequeath makes the follower that certainly holds every committed entry stand for election in the
// place of this node, which led in term. It takes at most leaveWithin.
func (n *Node) bequeath(term uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), leaveWithin)
	defer cancel()
	told := make(chan raft.Server, 1)
	n.running.Go(func() {
		defer close(told)
		n.awaitForemost(ctx, term)
		heirs := slices.DeleteFunc(n.heirsByLog(term), func(s raft.Server) bool { return !n.lead.failover.diskAnswers(string(s.ID)) })
		may := n.askHeirs(ctx, heirs)
		for i, heir := range heirs {
			if may[i](ctx) && n.timeoutNow(heir) == nil {
				told <- heir
				return
			}
		}
	})
	select {
	case heir, ok := <-told:
		if ok {
			n.log.Warn("leadership is left to another", slog.String("to", string(heir.ID)))
			return
		}
	case <-ctx.Done():
	}
	n.log.Warn("no other voter could be told to take the leadership")
}

// askHeirs asks all heirs at once whether they may lead. Each then gets heirWithin to answer, so
// that an heir that is gone does not use up the time of the others.
func (n *Node) askHeirs(ctx context.Context, heirs []raft.Server) (may []func(context.Context) bool) {
	for _, heir := range heirs {
		answer := make(chan bool, 1)
		n.running.Go(func() {
			never, err := n.cfg.Peers.NeverLeads(ctx, string(heir.ID))
			answer <- err == nil && !never
		})
		may = append(may, func(ctx context.Context) bool {
			ctx, cancel := context.WithTimeout(ctx, heirWithin)
			defer cancel()
			select {
			case yes := <-answer:
				return yes
			case <-ctx.Done():
				return false
			}
		})
	}
	return may
}

// heirsByLog returns the other voters, ordered by how much they have stored of what this leader
// sent in its term. The first one holds every committed entry, and no other voter refuses it for
// its log. Entries that were sent early count: a voter that has them refuses a candidate that has
// not.
func (n *Node) heirsByLog(term uint64) []raft.Server {
	heirs := n.heirs()
	slices.SortStableFunc(heirs, func(a, b raft.Server) int {
		return cmp.Compare(n.transport.deliveries(b.ID).stored(term), n.transport.deliveries(a.ID).stored(term))
	})
	return heirs
}

// awaitForemost waits, for at most heirWait, until another voter has confirmed the last entry that
// this leader sent to anybody. Entries may still be in flight when a leader leaves. If another
// voter has stored one and the heir has not, the heir loses that voter's vote, and the cluster an
// election time-out.
func (n *Node) awaitForemost(ctx context.Context, term uint64) {
	ctx, cancel := context.WithTimeout(ctx, heirWait)
	defer cancel()
	heirs := n.heirs()
	last := n.transport.lastSent(term)
	foremost := func(s raft.Server) bool { return n.transport.deliveries(s.ID).stored(term) >= last }
	for !slices.ContainsFunc(heirs, foremost) {
		select {
		case <-n.transport.confirmed:
		case <-ctx.Done():
			return
		}
	}
}

// errLeft is the error that Raft gets once the node has left.
var errLeft = errors.New("this node has left the cluster's Raft")

// guardedStable is the store of Raft's term and vote. A node that cannot store them leaves.
type guardedStable struct {
	raft.StableStore
	departure *departure
	leave     func(error)
	owing
}

func (g *guardedStable) Set(key, value []byte) error {
	return g.write(key, func() error { return g.StableStore.Set(key, value) })
}

// SetUint64 stores a number. Raft panics when it cannot store a term, so once the
// node has left it is told that it could: a vote in that term it cannot store.
func (g *guardedStable) SetUint64(key []byte, value uint64) error {
	err := g.write(key, func() error { return g.StableStore.SetUint64(key, value) })
	if err != nil && g.departure.gone.Load() && string(key) == "CurrentTerm" {
		return nil
	}
	return err
}

// write stores a value, and makes the node leave if that fails.
func (g *guardedStable) write(key []byte, store func() error) error {
	if g.departure.begun.Load() {
		g.leave(errLeft) // returns when the node has left
		return errLeft
	}
	defer g.begin()()
	err := store()
	if err != nil {
		g.leave(fmt.Errorf("the server's term or vote (%s) cannot be stored: %w: make sure that there is space and that the disk is well, then start this server again", key, err))
	}
	return err
}

func (g *guardedStable) Get(key []byte) ([]byte, error) {
	value, err := g.StableStore.Get(key)
	return value, g.read(key, err)
}

func (g *guardedStable) GetUint64(key []byte) (uint64, error) {
	value, err := g.StableStore.GetUint64(key)
	return value, g.read(key, err)
}

// read passes the result of a read on, and makes the node leave if it failed. Raft recognizes a
// missing value by this text.
func (g *guardedStable) read(key []byte, err error) error {
	if err != nil && err.Error() != "not found" {
		g.leave(fmt.Errorf("the server's term or vote (%s) cannot be read: %w: make sure that the disk is well, then start this server again; if it cannot be read then either, %s", key, err, AdviceEmpty))
	}
	return err
}
