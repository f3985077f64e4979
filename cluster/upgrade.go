package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

// An upgrade has two steps. First every server gets the new program, one after
// the other; until the last has it, and for a while after that, nothing is
// written that the release before cannot read, so there is a way back. Then the
// leader raises the version of the machine, by one entry of the log, and the
// new program does all that it can.
//
// Which versions a server knows is told outside of the log, since the release
// before could not read it there, and asked anew each time: a server may be
// put back at any moment before the raise.

// UpgradeHold tells whether this server's operator holds upgrades.
type UpgradeHold interface {
	// UpgradeHeld reports whether the machine's version is not to be raised yet.
	UpgradeHeld() bool
}

// UpgradeStatus says how far an upgrade is.
type UpgradeStatus struct {
	Active uint8  // the machine's version, here
	Newest uint8  // the newest that this server knows
	Waits  string // what the leader waits for; "" for nothing, and where another server leads
}

// upgrading keeps what the leader knows of an upgrade.
type upgrading struct {
	founded time.Time // when this process founded the cluster; zero: it did not
	since   time.Time // when, as this leader counts, all servers had the next version; zero: not yet
	waits   atomic.Pointer[string]
}

// Upgrade says how far an upgrade is.
func (s *Service) Upgrade() UpgradeStatus {
	status := UpgradeStatus{Newest: s.cfg.Versions.Newest}
	a := s.attached.Load()
	if a == nil {
		return status
	}
	status.Active = a.replicated.Version()
	if waits := s.upgrading.waits.Load(); waits != nil && a.membership.Leader() == s.server {
		status.Waits = *waits
	}
	return status
}

// FinishUpgrade raises the machine to the newest version that all servers know,
// without waiting for the time of the way back to be over and whoever holds it.
func (s *Service) FinishUpgrade(ctx context.Context) error {
	if err := s.leaderKnows(ctx); err != nil {
		return err
	}
	return s.change(ctx, changeQuestion{Op: opFinish, Version: s.cfg.Versions.Newest})
}

// watchUpgrade raises the version when its time has come, as long as this server leads.
func (s *Service) watchUpgrade() {
	for {
		pause := upgradeEvery
		if s.foundedJustNow() {
			pause = foundedEvery
		}
		if !s.pause(s.ctx, pause) {
			return
		}
		s.considerRaise()
	}
}

// foundedJustNow reports whether this process has founded the cluster: there is
// no release before to which somebody could want to go back.
func (s *Service) foundedJustNow() bool {
	a := s.attached.Load()
	return !s.upgrading.founded.IsZero() && time.Since(s.upgrading.founded) < foundedWithin && a.replicated.Version() < s.cfg.Versions.Newest
}

// considerRaise looks whether the next version may be active, and raises it.
func (s *Service) considerRaise() {
	ctx, cancel := context.WithTimeout(s.ctx, admitTimeout)
	defer cancel()
	a, u := s.attached.Load(), &s.upgrading
	next := a.replicated.Version() + 1
	if a.membership.Leader() != s.server || next > s.cfg.Versions.Newest {
		u.since = time.Time{}
		u.waits.Store(nil)
		return
	}
	r := s.readiness(ctx, a.member.Servers(), next)
	holds := r.holds
	switch {
	case len(r.lacks) > 0:
		u.since = time.Time{}
		if r.older {
			u.founded = time.Time{}
		}
		s.sayWaits(append(r.lacks, holds...))
		return
	case u.since.IsZero():
		u.since = time.Now()
		s.logger.Info("all servers know the next version of the machine", slog.Int("version", int(next)))
	}
	if left := upgradeAfter - time.Since(u.since); left > 0 && !s.foundedJustNow() {
		holds = append(holds, fmt.Sprintf("%v to pass, in which every node can go back to the release before ('kvorum upgrade finish' does not wait)",
			left.Round(time.Second)))
	}
	if len(holds) > 0 {
		s.sayWaits(holds)
		return
	}
	if err := s.raiseAlone(ctx, a); err != nil {
		s.sayWaits([]string{"another try: " + err.Error()})
		s.logger.Warn("the version of the machine could not be raised, and is tried again", slog.Int("version", int(next)), slog.Any("error", err))
	}
}

func (s *Service) sayWaits(reasons []string) {
	text := strings.Join(reasons, "; ")
	s.upgrading.waits.Store(&text)
}

// readiness lists what stands between servers and a version of the machine.
type readiness struct {
	lacks  []string
	older  bool // one of these runs an earlier release
	holds  []string
	advice []string // what to do about those who are lacking
}

func (r *readiness) whatToDo() string {
	if len(r.advice) == 0 {
		return ""
	}
	return ". To go on: " + strings.Join(r.advice, "; ") + "; then finish the upgrade again"
}

// readiness asks every one of servers which versions it knows.
func (s *Service) readiness(ctx context.Context, servers []member.Server, version uint8) (r readiness) {
	answers := make([]told, len(servers))
	failures := make([]error, len(servers))
	var asking sync.WaitGroup
	for i, server := range servers {
		asking.Go(func() { answers[i], failures[i] = s.askVersions(ctx, server) })
	}
	asking.Wait()
	a := s.attached.Load()
	for i, server := range servers {
		switch t := answers[i]; {
		case failures[i] != nil:
			r.lacks = append(r.lacks, fmt.Sprintf("%s, which does not answer (%v)", server.ID, failures[i]))
			r.advice = append(r.advice, fmt.Sprintf("start %[1]s, or take it out of the cluster (kvorum members remove %[1]s)", member.ID(server.ID)))
		case !t.knows(version):
			r.older = true
			r.lacks = append(r.lacks, fmt.Sprintf("%s, which runs a release%s that knows machine version %d at most", server.ID, called(t.release), t.Newest))
			r.advice = append(r.advice, fmt.Sprintf("start %s with the release that %s, which leads, runs%s", member.ID(server.ID), member.ID(s.server), called(s.cfg.Release)))
		case t.boot < a.replicated.Boot(server.ID):
			r.lacks = append(r.lacks, fmt.Sprintf("%s, of which an earlier process answers", server.ID))
		case t.hold:
			r.holds = append(r.holds, fmt.Sprintf("%s, whose operator holds the upgrade (CONFIG SET upgrade-hold no)", server.ID))
		}
	}
	return r
}

// raiseAlone raises the version by one. Nobody changes the configuration from
// before the first question until this server's machine has the version: whoever
// is added later is judged by it.
func (s *Service) raiseAlone(ctx context.Context, a *attached) error {
	release, err := s.aloneWithConfiguration(ctx)
	if err != nil {
		return err
	}
	defer release()
	term := a.member.CurrentTerm() // before the question whether it leads: the raise is of this term, or fails
	now, err := a.membership.Committed(ctx)
	if err != nil {
		return fmt.Errorf("confirm the configuration: %w", err)
	}
	return s.raise(ctx, a, raising{servers: now.Servers, term: term})
}

// raising says on what a raise is decided.
type raising struct {
	servers   []member.Server // of the committed configuration
	term      uint64          // in which they are asked
	pastHolds bool            // also if somebody holds it
}

// raise raises the version by one, if every server answers that it knows it and
// none holds it, which may have come after the leader's look; the caller holds the token.
func (s *Service) raise(ctx context.Context, a *attached, on raising) error {
	next := a.replicated.Version() + 1
	if next > s.cfg.Versions.Newest {
		return nil
	}
	r := s.readiness(ctx, on.servers, next)
	waits := r.lacks
	if !on.pastHolds {
		waits = append(waits, r.holds...)
	}
	if len(waits) > 0 {
		s.sayWaits(waits) // whoever has asked for the raise can learn it while it is tried again
		text := fmt.Sprintf("machine version %d waits for %s", next, strings.Join(waits, "; "))
		if on.pastHolds { // an operator has asked, and asks again
			text += r.whatToDo()
		}
		return &notYet{text}
	}
	if err := a.membership.Raise(ctx, next, on.term); err != nil {
		return fmt.Errorf("raise the machine to version %d: %w", next, err)
	}
	s.upgrading.waits.Store(nil)
	s.logger.Info("the version of the machine has been raised: there is no way back to the release before", slog.Int("version", int(next)))
	return nil
}

// finish is the leader's side of FinishUpgrade; the caller holds the token.
func (s *Service) finish(ctx context.Context, a *attached, now Configuration, term uint64) error {
	on := raising{servers: now.Servers, term: term, pastHolds: true}
	for a.replicated.Version() < s.cfg.Versions.Newest {
		if err := s.raise(ctx, a, on); err != nil {
			return err
		}
	}
	return nil
}

// tooNew refuses to finish an upgrade to what this server, which leads, does not know.
func (s *Service) tooNew(version uint8) error {
	if version > s.cfg.Versions.Newest {
		return &Refused{leaderTooOld(version, s.server, s.versions())}
	}
	return nil
}

// leaderKnows refuses to ask a leader of an earlier release, which does not
// understand the question. One that does not answer is asked all the same.
func (s *Service) leaderKnows(ctx context.Context) error {
	a := s.attached.Load()
	if a == nil {
		return nil
	}
	leader, _ := sameID(a.member.Servers(), a.membership.Leader())
	if leader == nil {
		return nil
	}
	t, err := s.askVersions(ctx, *leader)
	if err == nil && t.Newest < s.cfg.Versions.Newest {
		return &Refused{leaderTooOld(s.cfg.Versions.Newest, leader.ID, t) + fmt.Sprintf(": start it with the release that %s runs%s", member.ID(s.server), called(s.cfg.Release))}
	}
	return nil
}

func leaderTooOld(version uint8, leader string, t told) string {
	return fmt.Sprintf("machine version %d waits for %s, which leads and runs a release%s that knows version %d at most", version, leader, called(t.release), t.Newest)
}

var errNoVersions = errors.New("cluster: no versions of the machine are given")
