package node

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// watchdog looks after a leader under which nothing commits although something
// waits. Heartbeats touch neither its disk nor its log, so the others follow it
// for as long as that lasts, and Raft's main loop, which could hand
// over, may be the very one that waits for the disk. So the transfer's last
// message is sent to a follower past it: that one is elected as after any
// transfer, if its log is no older than that of a majority.
//
// A leader whose own disk is what stalls gives its process up a while later: it
// cannot even notice that another leads, and its clients wait in vain.
type watchdog struct {
	node    *Node
	noticed uint64                   // the term in which the last look saw that nothing commits, 0: it saw nothing
	given   uint64                   // the term in which leadership was last given away
	told    map[raft.ServerID]uint64 // the term in which a server may last have been told to stand
}

func newWatchdog(n *Node) *watchdog { return &watchdog{node: n, told: map[raft.ServerID]uint64{}} }

func (n *Node) guardLeader() { newWatchdog(n).run() }

func (w *watchdog) run() {
	look := time.NewTicker(stallLook)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-w.node.stop:
			return
		}
		if w.node.raft.State() != raft.Leader {
			w.noticed = 0
			continue
		}
		if stalled := w.node.logs.stalled(); stalled > stallMax {
			w.node.fail(fmt.Errorf("the disk has not stored an entry for %v while this node leads", stalled.Round(time.Second)))
			return
		}
		w.look()
	}
}

// look gives leadership away, once in a term, when nothing has committed for
// long, as the look before has seen too: a process that was paused sees it before
// it hears that another leads, who would be deposed.
func (w *watchdog) look() {
	n := w.node
	term := n.raft.CurrentTerm()
	waits := max(n.logs.stalled(), n.committer.waits())
	if waits < stallElections*n.cfg.Timing.Election || w.given == term {
		w.noticed = 0
		return
	}
	if w.noticed != term {
		w.noticed = term
		return
	}
	heirs := slices.DeleteFunc(n.heirs(), func(s raft.Server) bool { return w.told[s.ID] == term })
	if len(heirs) == 0 {
		return
	}
	n.log.Warn("nothing has been committed for long: handing over to another", slog.Duration("waits", waits), slog.Bool("disk", n.logs.stalled() > 0))
	for _, heir := range heirs {
		err := w.give(heir, term)
		if err == nil {
			w.given = term
			return
		}
		n.log.Warn("leadership could not be handed over", slog.String("to", string(heir.ID)), slog.Any("error", err))
	}
}

// give has a follower stand for election now. It is told once in a term, answer
// or none: one that stalls would find all that it was sent when it is well again,
// and Raft does not look at that message's term.
func (w *watchdog) give(heir raft.Server, term uint64) error {
	n := w.node
	if never, err := n.neverLeads(string(heir.ID)); err != nil {
		return err
	} else if never {
		return errNeverLeading
	}
	err := n.timeoutNow(heir)
	if !errors.As(err, new(*dialError)) {
		w.told[heir.ID] = term
	}
	return err
}

// heirs are the other voters, the one that has answered last first.
func (n *Node) heirs() []raft.Server {
	var heirs []raft.Server
	for _, s := range n.configuration().Servers {
		if s.Suffrage == raft.Voter && s.ID != raft.ServerID(n.cfg.Session.Server) {
			heirs = append(heirs, s)
		}
	}
	slices.SortFunc(heirs, func(a, b raft.Server) int {
		late := n.transport.deliveries(b.ID).last.Compare(n.transport.deliveries(a.ID).last)
		return cmp.Or(late, cmp.Compare(a.ID, b.ID))
	})
	return heirs
}
