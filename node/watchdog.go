package node

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// watchdog monitors a leader under which nothing commits although something waits. Heartbeats
// touch neither disk nor log, so the others follow such a leader for as long as that lasts. Raft's
// main loop could hand over, but it may be what waits for the disk. So the watchdog bypasses it
// and sends a follower the last message of a transfer. That follower is elected as after any
// transfer, if its log is no older than that of a majority.
//
// A leader whose disk works but takes long for each write hands over to a much faster one.
//
// A leader whose own disk stalls gives its process up after a while: it cannot even notice that
// another server leads, and its clients wait in vain. It does not if the disks of all voters
// stall, because that would only cause an outage.
//
// After a pause of the process everything seems to have taken long. So time counts only while the
// watchdog itself looks on time.
type watchdog struct {
	node    *Node
	looked  time.Time                // when the last look ended
	awake   time.Time                // since when all looks were on time
	stuck   int                      // how many looks in a row found a disk that does not respond
	noticed uint64                   // the term in which the last look saw that nothing commits; 0: it saw no problem
	given   uint64                   // the term in which leadership was last handed over
	told    map[raft.ServerID]uint64 // the term in which a server may last have been told to stand
	tenure  tenure
}

// tenure is the term in which this node was last seen to lead.
type tenure struct {
	term  uint64
	since time.Time
	said  bool // it has logged that its disk is slow and no other is faster
}

func newWatchdog(n *Node) *watchdog { return &watchdog{node: n, told: map[raft.ServerID]uint64{}} }

func (n *Node) guardLeader() { newWatchdog(n).run() }

// run looks every stallLook until the node stops.
func (w *watchdog) run() {
	w.wake(time.Now())
	w.looked = w.awake
	look := time.NewTicker(stallLook)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-w.node.stop:
			return
		}
		begun := time.Now()
		if err := w.tick(begun); err != nil {
			w.node.fail(err)
			return
		}
		w.ended(begun, time.Now())
	}
}

// ended records when a look ended. A look that asks other servers may take a while, in which this
// process is awake. If it takes longer than they may, the process was paused.
func (w *watchdog) ended(begun, now time.Time) {
	w.looked = now
	if most := time.Duration(len(w.node.heirs())+1) * (rpcTimeout + askNeverLeads); now.Sub(begun) > most {
		w.wake(now)
	}
}

// wake makes the time before now not count.
func (w *watchdog) wake(now time.Time) { w.awake, w.noticed, w.stuck = now, 0, 0 }

// tick is one look at everything. An error ends the node.
func (w *watchdog) tick(now time.Time) error {
	if now.Sub(w.looked) > stallLook+lookLateMax { // this process stood still
		w.wake(now)
	}
	w.looked = now
	if w.node.raft.State() != raft.Leader {
		w.noticed, w.stuck = 0, 0
		return nil
	}
	if err := w.lookAtDisk(now); err != nil {
		return err
	}
	w.look(now)
	w.lookAtPace(now)
	return nil
}

// seen returns how much of an elapsed time this process was awake for.
func (w *watchdog) seen(passed time.Duration, now time.Time) time.Duration {
	return min(passed, now.Sub(w.awake))
}

// lookAtDisk returns an error if the disk has not responded for a long time.
func (w *watchdog) lookAtDisk(now time.Time) error {
	stalled := w.seen(w.node.logs.stalled(), now)
	if stalled <= stallMax {
		w.stuck = 0
		return nil
	}
	if w.stuck++; w.stuck < stallLooks || w.allStall() {
		return nil
	}
	return fmt.Errorf("the disk does not answer: an entry of the log has been on its way to it for %v while this node leads; see whether the disk is well, then start this server again", stalled.Round(time.Second))
}

// allStall reports whether there are other voters and all of them have reported that their disks
// stall, too.
func (w *watchdog) allStall() bool {
	heirs := w.node.heirs()
	return len(heirs) > 0 && !slices.ContainsFunc(heirs, w.diskAnswers)
}

func (w *watchdog) diskAnswers(s raft.Server) bool {
	return w.node.lead.failover.diskAnswers(string(s.ID))
}

// look hands leadership over, once in a term, if nothing has committed for a long time. The
// previous look must have seen the same. A process that was paused sees a stall before it hears
// that another server leads, and would depose that one.
func (w *watchdog) look(now time.Time) {
	n := w.node
	term := n.raft.CurrentTerm()
	disk, waits := w.seen(n.owes(), now), w.seen(n.committer.waits(), now)
	if disk < stallHandOver && waits < stallElections*n.cfg.Timing.Election || w.given == term {
		w.noticed = 0
		return
	}
	if w.noticed != term {
		w.noticed = term
		return
	}
	heirs := slices.DeleteFunc(n.heirsByLog(term), func(s raft.Server) bool {
		return w.told[s.ID] == term || !w.diskAnswers(s)
	})
	if len(heirs) == 0 {
		return
	}
	n.log.Warn("nothing has been committed for long: handing over to another", slog.Duration("waits", waits), slog.Duration("disk", disk))
	w.giveAny(heirs, term)
}

// giveAny hands leadership to the first heir that accepts it.
func (w *watchdog) giveAny(heirs []raft.Server, term uint64) {
	for _, heir := range heirs {
		err := w.give(heir, term)
		if err == nil {
			w.given = term
			return
		}
		w.node.log.Warn("leadership could not be handed over", slog.String("to", string(heir.ID)), slog.Any("error", err))
	}
}

// lookAtPace hands leadership over, once in a term, if every write to this disk takes long and
// those of another voter do not.
func (w *watchdog) lookAtPace(now time.Time) {
	n := w.node
	term := n.raft.CurrentTerm()
	if w.tenure.term != term {
		w.tenure = tenure{term: term, since: now}
	}
	least, slow := n.logs.paces.slow(now)
	if !slow || w.given == term || now.Sub(w.tenure.since) < slowTenure {
		return
	}
	heirs := slices.DeleteFunc(n.heirsByLog(term), func(s raft.Server) bool {
		return w.told[s.ID] == term || !w.diskAnswers(s) || !n.logs.paces.faster(s.ID, least, now)
	})
	if len(heirs) > 0 {
		n.log.Warn("this leader's disk is slow: handing over to a voter that is faster", slog.Duration("each_write_took_at_least", least), slog.String("to", string(heirs[0].ID)))
		w.giveAny(heirs, term)
		return
	}
	if !w.tenure.said {
		w.tenure.said = true
		n.log.Warn("this leader's disk is slow, and no other voter is known to be faster", slog.Duration("each_write_took_at_least", least))
	}
}

// give makes a follower stand for election now. It tells each follower at most once in a term,
// whether or not the follower answers. A follower that stalls would otherwise find all these
// messages when it recovers, and Raft ignores their term.
func (w *watchdog) give(heir raft.Server, term uint64) error {
	n := w.node
	if never, err := n.neverLeads(string(heir.ID)); err != nil {
		return err
	} else if never {
		return errNeverLeading
	}
	err := n.timeoutNow(heir)
	if !errors.As(err, new(*dialError)) {
		maps.DeleteFunc(w.told, func(_ raft.ServerID, told uint64) bool { return told != term })
		w.told[heir.ID] = term
	}
	return err
}

// heirs returns the other voters, the one that has answered most recently first.
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
