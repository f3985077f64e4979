package simulation

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
)

// workload is the set of all clients of a cluster.
type workload struct {
	history   *History
	uncertain atomic.Int64 // UNCERTAIN replies of living servers
	clients   []*client
	diaries   []*diarist
	scanner   *scanner
	working   sync.WaitGroup
	done      chan struct{} // closed once the faults are over
	tooLate   chan struct{} // closed a while later, if servers do not answer any more
}

// newWorkload makes the clients of a scenario, without starting them.
func newWorkload(c *Cluster, rng *rand.Rand, s Scenario) *workload {
	w := &workload{history: &History{}, done: make(chan struct{}), tooLate: make(chan struct{})}
	members := c.Members()
	connect := func() connection {
		return connection{cluster: c, rng: rand.New(rand.NewPCG(rng.Uint64(), 100)), home: members[rng.IntN(len(members))], uncertain: &w.uncertain, tooLate: w.tooLate}
	}
	mix, bulky := s.Mix, s.Bulky
	if mix == nil {
		mix = usual
	}
	if bulky == 0 {
		bulky = bulkyUsually
	}
	for i := range clients {
		w.clients = append(w.clients, &client{connection: connect(), number: i, mix: mix, history: w.history})
	}
	for i := range max(s.Diaries, 1) {
		w.diaries = append(w.diaries, &diarist{connection: connect(), key: "diary" + strconv.Itoa(i), bulky: bulky})
	}
	w.scanner = &scanner{connection: connect()}
	return w
}

func (w *workload) begin() {
	for _, c := range w.clients {
		w.working.Go(func() { c.run(w.done) })
	}
	for _, d := range w.diaries {
		w.working.Go(func() { d.run(w.done) })
	}
	w.working.Go(func() { w.scanner.run(w.done) })
}

// end waits until all clients have done their work.
func (w *workload) end() {
	close(w.done)
	late := time.AfterFunc(settleLimit, func() { close(w.tooLate) })
	defer late.Stop()
	w.working.Wait()
}

// answerWithin bounds how long a healed cluster takes for one write.
const answerWithin = time.Second

// alive writes through every server of a healed cluster. All of them must serve.
func (w *workload) alive() error {
	c := w.scanner.connection
	for _, id := range c.cluster.Members() {
		c.home = id
		call := newCall("set", "alive", id)
		began := time.Now()
		sent, dead := c.send([]*command.Call{call})
		if took := time.Since(began); !sent || dead || call.Reply.IsError() || took > answerWithin {
			return &broken{fmt.Sprintf("a write through %s of the healed cluster was answered %q after %v", id, call.Reply.Bytes, took)}
		}
	}
	return nil
}

// judge returns what the diarists and the scanner have found wrong, and whether all servers serve.
func (w *workload) judge() error {
	err := errors.Join(w.scanner.wrong, w.alive())
	for _, d := range w.diaries {
		err = errors.Join(err, d.finish())
	}
	return err
}

// late returns how many numbers come after later ones in the diaries.
func (w *workload) late() (late int) {
	for _, d := range w.diaries {
		late += d.late
	}
	return late
}

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
