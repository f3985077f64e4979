package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/cmd/internal/server"
	"github.com/kvorum/kvorum/fsm/member"
)

const (
	// changeWithin bounds a membership change, whatever faults strike meanwhile.
	changeWithin = 2 * time.Minute
	// askWithin bounds one request for such a change.
	askWithin = 6 * time.Second
	// endsWithin bounds the time that a removed server may run once nothing keeps it from learning
	// that it was removed.
	endsWithin = time.Minute
	// votersLeast is the number of voters that must remain, so that no change needs FORCE.
	votersLeast = 3
	// electionLongest is longer than any servers need that are able to elect a leader.
	electionLongest = 6 * time.Second
)

// operate runs change as the only operator.
func (f *faults) operate(change func() (bool, error)) bool {
	<-f.cluster.operator
	defer func() { f.cluster.operator <- struct{}{} }()
	done, err := change()
	if err != nil {
		f.errs <- err
	}
	return done && err == nil
}

// ask requests a change from random members, one after the other, until one confirms it.
func (f *faults) ask(what string, change func(ctx context.Context, s *cluster.Service) error) error {
	return f.cluster.Await(what, changeWithin, func() error {
		members := f.cluster.Members()
		p := f.cluster.Process(members[f.rng.IntN(len(members))])
		if p == nil {
			return errors.New("it is asked for where nothing runs")
		}
		ctx, cancel := context.WithTimeout(p.ctx, askWithin)
		defer cancel()
		return change(ctx, p.server.Service())
	})
}

// unrest harms the leader while a change is under way, in half of the cases.
func (f *faults) unrest() (over func()) {
	if f.rng.IntN(2) == 0 {
		return func() {}
	}
	wait := time.Duration(f.rng.Int64N(int64(2 * time.Second)))
	beside := *f // with a source of randomness of its own
	beside.rng = rand.New(rand.NewPCG(f.rng.Uint64(), 3))
	strike := []func() bool{beside.crashLeader, beside.transfer, beside.cutOff}[f.rng.IntN(3)]
	done := make(chan struct{})
	go func() {
		defer close(done)
		time.Sleep(wait)
		strike()
	}()
	return func() { <-done }
}

// awaitPlaces waits until every server is in its place (Whole).
func (f *faults) awaitPlaces(after string) error {
	return f.cluster.Await("everybody in place after "+after, changeWithin, f.cluster.Whole)
}

// some returns a random id for which the condition holds, or "" if there is none.
func (f *faults) some(condition func(id string, p place) bool) string {
	var ids []string
	for _, id := range f.cluster.IDs {
		if condition(id, f.cluster.place(id)) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return ids[f.rng.IntN(len(ids))]
}

// name returns a server's id or, just as often, its full name id@incarnation.
func (f *faults) name(id string) string {
	if f.rng.IntN(2) == 0 {
		return id
	}
	return f.cluster.disk(id).server()
}

// join makes a new server join, by itself or invited, as a voter or not.
func (f *faults) join() bool {
	return f.operate(func() (bool, error) {
		id := f.some(func(_ string, p place) bool { return !p.in })
		if id == "" {
			return false, nil
		}
		return true, f.enter(id, f.rng.IntN(3) > 0)
	})
}

// enter starts a server with an empty disk and waits until it is a member.
func (f *faults) enter(id string, voter bool) error {
	over := f.unrest()
	defer over()
	f.cluster.Wipe(id)
	invited := f.rng.IntN(2) == 0
	f.cluster.arrange(id, func(p *place) { p.founder, p.in, p.voter, p.joins = false, true, voter, !invited })
	f.start(id)
	if invited {
		addr := f.cluster.place(id).peerAddr()
		err := f.ask("invite "+id, func(ctx context.Context, s *cluster.Service) error { return s.Invite(ctx, addr, voter) })
		if err != nil {
			return err
		}
	}
	over()
	return f.awaitPlaces("the coming of " + id)
}

// remove removes a member and waits until its process has ended.
func (f *faults) remove(id string) error {
	server := f.cluster.disk(id).server()
	named := f.name(id)
	f.cluster.arrange(id, func(p *place) { p.in = false })
	over := f.unrest()
	err := f.ask("remove "+id, func(ctx context.Context, s *cluster.Service) error {
		err := s.Remove(ctx, named, false)
		if err != nil {
			named = server // it may be done, so that the short id names nobody
		}
		return err
	})
	over()
	if err != nil {
		return err
	}
	return f.awaitEnd(id)
}

// awaitEnd waits until a removed server has ended by itself.
func (f *faults) awaitEnd(id string) error {
	var why error
	err := f.cluster.Await("the end of "+id+", which has no place", endsWithin, func() error {
		if err, ended := f.cluster.Ended(id); ended {
			why = err
			return nil
		}
		if f.cluster.running(f.cluster.machine[id]) != nil {
			return errors.New("it runs")
		}
		return nil
	})
	if err == nil && why != nil && !errors.Is(why, cluster.ErrNoPlace) {
		err = fmt.Errorf("%s, which has no place, ended for another reason: %w", id, why)
	}
	return err
}

// leave removes a member. It may come back with its old disk, which must be refused, and
// with an empty one.
func (f *faults) leave() bool {
	return f.operate(func() (bool, error) {
		spare := f.cluster.voters() > votersLeast || f.rng.IntN(2) == 0
		id := f.some(func(_ string, p place) bool { return p.in && (!p.voter || spare) })
		if id == "" {
			return false, nil
		}
		if err := f.remove(id); err != nil {
			return false, err
		}
		f.hold()
		if f.rng.IntN(2) == 0 {
			if err := f.comeBackWithOldDisk(id); err != nil {
				return false, err
			}
		}
		f.cluster.Crash(id)
		if f.cluster.voters() < votersLeast {
			return true, f.enter(id, true)
		}
		return true, nil
	})
}

// comeBackWithOldDisk starts a removed server on its old disk. It must end and not become a member.
func (f *faults) comeBackWithOldDisk(id string) error {
	if err := f.cluster.StartAnyway(id); err != nil {
		return err
	}
	if err := f.awaitEnd(id); err != nil {
		return err
	}
	var servers []member.Server
	if leader := f.cluster.Node(f.cluster.Leader()); leader != nil {
		servers = leader.Servers()
	}
	for _, s := range servers {
		if s.ID == f.cluster.disk(id).server() {
			return &broken{fmt.Sprintf("%s was removed, came back with its data and is a member", s.ID)}
		}
	}
	return nil
}

// demote makes a voter a non-voter, checks that it stays one, and promotes it again.
func (f *faults) demote() bool {
	return f.operate(func() (bool, error) {
		id := f.some(func(_ string, p place) bool { return p.in && p.voter })
		named, server := f.name(id), f.cluster.disk(id).server()
		// A server that has stored that it is a voter does not ask to become one again,
		// even if it cannot be told that it was demoted.
		if err := f.cluster.Await(id+" knows that it is a voter", changeWithin, f.cluster.disk(id).knowsItsVote); err != nil {
			return false, err
		}
		over := f.unrest()
		f.cluster.arrange(id, func(p *place) { p.voter = false })
		err := f.ask("demote "+id, func(ctx context.Context, s *cluster.Service) error { return s.Demote(ctx, named, false) })
		over()
		if err == nil {
			err = f.awaitPlaces("the demotion of " + id)
		}
		if err != nil {
			return false, err
		}
		if f.rng.IntN(2) == 0 {
			f.crashOne(id)
		}
		f.hold()
		if err := f.awaitPlaces("a while without the vote of " + id); err != nil {
			return false, err
		}
		over = f.unrest()
		f.cluster.arrange(id, func(p *place) { p.voter = true })
		err = f.ask("promote "+id, func(ctx context.Context, s *cluster.Service) error { return s.Promote(ctx, server) })
		over()
		if err != nil {
			return false, err
		}
		return true, f.awaitPlaces("the promotion of " + id)
	})
}

// replace gives a server an empty disk while other faults strike. Afterwards it may give
// it its old disk for a while, as if from a backup.
func (f *faults) replace() bool {
	return f.operate(func() (bool, error) {
		if err := f.awaitPlaces("what was before a replacement"); err != nil {
			return false, err
		}
		id := f.some(func(_ string, p place) bool { return p.in })
		old := f.cluster.disk(id)
		over := f.unrest()
		f.cluster.Wipe(id)
		f.start(id)
		over()
		err := f.awaitPlaces("the replacement of " + id)
		if err != nil || f.rng.IntN(2) == 0 {
			return true, err
		}
		f.cluster.arrange(id, func(p *place) { p.in = false })
		now, _ := f.cluster.Insert(id, old)
		if err := f.comeBackWithOldDisk(id); err != nil {
			return false, err
		}
		f.cluster.Insert(id, now)
		f.cluster.arrange(id, func(p *place) { p.in = true })
		f.start(id)
		return true, f.awaitPlaces("the end of what was restored of " + id)
	})
}

// move restarts a server at another address, with its disk.
func (f *faults) move() bool {
	return f.operate(func() (bool, error) {
		id := f.some(func(_ string, p place) bool { return p.in })
		f.cluster.arrange(id, func(p *place) { p.in = false })
		f.cluster.Crash(id)
		f.cluster.arrange(id, func(p *place) {
			p.in = true
			p.moves++
			p.host = fmt.Sprintf("%s-%d", id, p.moves)
		})
		over := f.unrest()
		f.start(id)
		over()
		return true, f.awaitPlaces("the move of " + id)
	})
}

// copied starts a server on a copy of a running server's disk, at another address. The
// copy must end, and the original must go on.
func (f *faults) copied() bool {
	return f.operate(func() (bool, error) {
		if err := f.awaitPlaces("what was before a copy"); err != nil {
			return false, err
		}
		id := f.some(func(_ string, p place) bool { return p.in })
		c := f.cluster
		host := id + "-copy"
		env, cfg := c.environment(id, host, c.disk(id).Copy()), c.config(id)
		cfg.PeerAddr = host + ":16379"
		cfg.Logger = cfg.Logger.With("copy", true)
		for i := range cfg.Members {
			if cfg.Members[i].ID == id {
				cfg.Members[i].PeerAddr = cfg.PeerAddr
			}
		}
		s, err := server.Open(cfg, env)
		if err != nil {
			return false, err
		}
		ended := make(chan error, 1)
		go func() { ended <- s.Wait() }()
		select {
		case err := <-ended:
			if !errors.Is(err, cluster.ErrNoPlace) {
				return false, fmt.Errorf("the copy of %s ended for another reason: %w", id, err)
			}
		case <-time.After(endsWithin):
			s.Crash()
			return false, &broken{fmt.Sprintf("a copy of %s runs beside it", id)}
		}
		return true, f.awaitPlaces("the end of a copy of " + id)
	})
}

// trio returns the leader and two other voters.
func (f *faults) trio() (leader, other, laggard string) {
	leader = f.cluster.Leader()
	other = f.some(func(id string, p place) bool { return p.voter && p.in && id != leader })
	laggard = f.some(func(id string, p place) bool { return p.voter && p.in && id != leader && id != other })
	return leader, other, laggard
}

// cutBoth cuts one server off from some others.
func (f *faults) cutBoth(id string, others ...string) {
	for _, other := range others {
		f.cluster.Network.Cut(id, other)
		f.cluster.Network.Cut(other, id)
	}
}

// wipeBesideLaggard wipes one of the servers that have the newest entries. It cuts off all
// others that have them, so that the wiped server meets only those that lag behind.
func (f *faults) wipeBesideLaggard() bool {
	return f.operate(func() (bool, error) {
		if err := f.awaitPlaces("what was before a wipe"); err != nil {
			return false, err
		}
		leader, wiped, laggard := f.trio()
		if leader == "" || laggard == "" {
			return false, nil
		}
		lag := []string{laggard}
		if f.cluster.voters() >= 5 {
			lag = append(lag, f.some(func(id string, p place) bool {
				return p.voter && p.in && id != leader && id != wiped && id != laggard
			}))
		}
		for _, id := range lag {
			f.cutBoth(id, f.others(id)...)
		}
		f.hold()
		f.cluster.Wipe(wiped)
		for _, id := range f.cluster.Members() {
			f.cutBoth(id, f.others(id)...)
		}
		for _, a := range append(lag, wiped) {
			for _, b := range append(lag, wiped) {
				f.cluster.Network.Heal(a, b)
			}
		}
		f.start(wiped)
		time.Sleep(electionLongest)
		f.cluster.Network.HealAll()
		return true, f.awaitPlaces("the wipe of " + wiped)
	})
}

// removeBesideLaggard removes a voter that is cut off and does not learn of it. Later the
// voter meets only a server that lags behind.
func (f *faults) removeBesideLaggard() bool {
	return f.operate(func() (bool, error) {
		for f.cluster.voters() <= votersLeast {
			id := f.some(func(_ string, p place) bool { return !p.in })
			if id == "" {
				return false, nil
			}
			if err := f.enter(id, true); err != nil {
				return false, err
			}
		}
		if err := f.awaitPlaces("what was before a removal"); err != nil {
			return false, err
		}
		leader, removed, laggard := f.trio()
		if leader == "" {
			return false, nil
		}
		f.cutBoth(removed, f.others(removed)...)
		f.cluster.arrange(removed, func(p *place) { p.in = false })
		full := f.cluster.disk(removed).server()
		err := f.ask("remove "+removed, func(ctx context.Context, s *cluster.Service) error { return s.Remove(ctx, full, false) })
		if err != nil {
			return false, err
		}
		if err := f.awaitPlaces("the removal of " + removed); err != nil {
			return false, err
		}
		f.cutBoth(laggard, f.others(laggard)...)
		f.hold()
		f.cluster.Network.Heal(removed, laggard)
		f.cluster.Network.Heal(laggard, removed)
		time.Sleep(electionLongest)
		f.cluster.Network.HealAll()
		return true, f.awaitEnd(removed)
	})
}
