package simulation

import (
	"errors"
	"fmt"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node"
)

var errUnfinished = errors.New("the disk is unfinished")

// faultServeUnfinished is a planted fault: a server starts on an unfinished disk.
var faultServeUnfinished bool

const (
	// refusedWithin bounds how long a server that must not start may run.
	refusedWithin = 5 * time.Second
	// servedLongest is longer than any servers need that are able to form an empty cluster.
	servedLongest = 10 * time.Second
)

// foundAlone makes the first server found the cluster alone, as after kvorum init, and the
// others join it.
func (c *Cluster) foundAlone() {
	for _, id := range c.IDs[1:] {
		c.arrange(id, func(p *place) { p.founder, p.joins = false, true })
	}
	id := c.IDs[0]
	c.arrange(id, func(p *place) { p.alone = true })
	d := c.disk(id)
	self := member.Server{ID: d.server(), PeerAddr: c.place(id).peerAddr(), Voter: true}
	d.identity.Cluster = "founded by " + self.ID
	d.identity.Promise = &member.Formation{Cluster: d.identity.Cluster, Servers: []member.Server{self}}
}

// refusesToFound starts a server that founded its cluster alone and has lost its disk,
// with the flags of its first start. It must end. From then on, its flags name others.
func (c *Cluster) refusesToFound(id string) {
	over := c.expectEnd(id)
	defer over()
	err := c.StartAnyway(id)
	if err == nil {
		err = c.Await("the end of "+id+", which is told of no other", refusedWithin, func() error {
			if why, ended := c.Ended(id); ended && errors.Is(why, cluster.ErrAlone) {
				return nil
			}
			return fmt.Errorf("it belongs to cluster %q", c.disk(id).cluster())
		})
	}
	if err != nil {
		c.mu.Lock()
		c.wrong = append(c.wrong, err.Error())
		c.mu.Unlock()
	}
	c.arrange(id, func(p *place) { p.alone, p.founder, p.joins = false, false, true })
}

// recover simulates the loss of all servers but one that has the newest log. A new cluster
// is made from its disk, at the second try, and the others join it with empty disks.
// Between the tries, all servers are started as if the first try had succeeded: nobody may
// lead then.
func (f *faults) recover() bool {
	c := f.cluster
	if err := c.Await("whole before a recovery", time.Minute, c.Whole); err != nil {
		f.errs <- err
		return false
	}
	for _, id := range c.IDs {
		c.Crash(id)
	}
	f.hold()
	id := f.survivor()
	old := c.disk(id)
	cut := []string{"", stepTerm, stepSnapshot, stepNamed}[f.rng.IntN(4)]
	c.Insert(id, f.recovered(id, old, cut))
	for _, other := range f.others(id) {
		c.Wipe(other)
	}
	f.servesNobody(id)
	disk := f.recovered(id, old, stepFinished)
	for _, each := range c.IDs {
		c.Crash(each)
		if each != id {
			c.Wipe(each)
		}
	}
	c.Insert(id, disk)
	c.witness.forget()
	f.startAll()
	if err := c.Await("whole after a recovery", time.Minute, c.Whole); err != nil {
		f.errs <- err
	}
	return true
}

// servesNobody starts all servers while one has an unfinished disk, and checks that nobody leads.
func (f *faults) servesNobody(id string) {
	c := f.cluster
	defer c.expectEnd(id)()
	if err := c.Start(id); err == nil && !faultServeUnfinished {
		f.errs <- &broken{"a server was started on the unfinished disk of " + id}
	}
	f.startOthers(id)
	for until := time.Now().Add(servedLongest); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if leader := c.Leader(); leader != "" {
			f.errs <- &broken{fmt.Sprintf("%s leads, and the disk of %s, which holds everything, is unfinished", leader, id)}
			return
		}
	}
}

// survivor returns a server with the newest log, which has everything that was acknowledged.
func (f *faults) survivor() (id string) {
	var term, index uint64
	for _, each := range f.cluster.Members() {
		t, i := f.cluster.disk(each).newest()
		if id == "" || t > term || t == term && i > index {
			id, term, index = each, t, i
		}
	}
	return id
}

// newest returns the term and the index of the last entry, which may be in a snapshot.
func (d *Disk) newest() (term, index uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.snapshots {
		term, index = s.meta.Term, s.meta.Index
	}
	if l := d.logs[d.last]; l != nil && l.Index > index {
		term, index = l.Term, l.Index
	}
	return term, index
}

// The steps of a recovery besides stepTerm and stepSnapshot.
const (
	stepNamed    = "named"
	stepFinished = "finished"
)

// recovered makes a disk from another one, as kvorum recover does. It stops after the step
// upTo, as if killed; "" is before the first step.
func (f *faults) recovered(id string, old *Disk, upTo string) *Disk {
	c := f.cluster
	c.mu.Lock()
	c.wipes++
	made := NewDisk(fmt.Sprintf("%s@%d", id, c.wipes))
	c.mu.Unlock()
	made.unfinished = true
	if upTo == "" {
		return made
	}
	made.LoseAfter(upTo)
	defer made.Mend()
	from, _ := old.Open().Stores()
	opened := made.Open()
	to, _ := opened.Stores()
	self := member.Server{ID: made.server(), PeerAddr: c.place(id).peerAddr()}
	_, err := node.Recover(from, to, self, 0)
	lost := errors.Is(err, errDiskLost)
	if err == nil && upTo != stepTerm && upTo != stepSnapshot {
		err = opened.Join("recovered by "+self.ID, nil)
	}
	if err != nil && !lost {
		f.errs <- fmt.Errorf("recover %s: %w", id, err)
	}
	made.mu.Lock()
	defer made.mu.Unlock()
	made.unfinished = upTo != stepFinished
	return made
}
