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

// An upgrade has two steps. First, every server is restarted with the new program, one after the
// other. Until all have it, and for a while after that, nothing is written that the previous
// release cannot read, so there is a way back. Second, the leader raises the machine's version with
// one log entry. From then on the new program uses all its features.
//
// Servers tell each other which versions they know outside the log, since the previous release
// could not read that there. The answer is never kept, because a server may return to the previous
// release at any moment before the raise.

// UpgradeHold says whether this server's operator holds upgrades back.
type UpgradeHold interface {
	// UpgradeHeld reports whether the machine's version must not be raised yet.
	UpgradeHeld() bool
}

// UpgradeStatus says how far an upgrade has come.
type UpgradeStatus struct {
	Active uint8  // the version of this server's machine
	Newest uint8  // the newest version that this server knows
	Waits  string // what the leader waits for; "" if nothing, or if this server does not lead
}

// upgrading holds what the leader knows about an upgrade.
type upgrading struct {
	founded time.Time // when this process founded the cluster; zero if it did not
	since   time.Time // since when all servers have known the next version, as this leader counts; zero: not yet
	waits   atomic.Pointer[string]
}

// Upgrade returns how far an upgrade has come.
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

// FinishUpgrade raises the machine to this server's newest version. It does not wait until
// upgradeAfter has passed, and overrides holds, but every server must know the version.
func (s *Service) FinishUpgrade(ctx context.Context) error {
	if err := s.leaderKnows(ctx); err != nil {
		return err
	}
	return s.change(ctx, changeQuestion{Op: opFinish, Version: s.cfg.Versions.Newest})
}

// watchUpgrade raises the version when that is due, as long as this server leads.
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

// foundedJustNow reports whether this process has just founded the cluster and its machine is not
// yet at the newest version. Such a cluster has no previous release to go back to.
func (s *Service) foundedJustNow() bool {
	a := s.attached.Load()
	return !s.upgrading.founded.IsZero() && time.Since(s.upgrading.founded) < foundedWithin && a.replicated.Version() < s.cfg.Versions.Newest
}

// considerRaise checks whether the next version may become active, and raises the version if so.
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

// readiness lists what keeps a set of servers from a version of the machine.
type readiness struct {
	lacks  []string
	older  bool // at least one of lacks is a server of an earlier release
	holds  []string
	advice []string // what operators can do about lacks
}

func (r *readiness) whatToDo() string {
	if len(r.advice) == 0 {
		return ""
	}
	return ". To go on: " + strings.Join(r.advice, "; ") + "; then finish the upgrade again"
}

// readiness asks each server which versions it knows.
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

// raiseAlone raises the version by one. It holds the configuration token from before the first
// question until this server's machine has the version, so any server that is added later is
// checked against the new version.
func (s *Service) raiseAlone(ctx context.Context, a *attached) error {
	release, err := s.aloneWithConfiguration(ctx)
	if err != nil {
		return err
	}
	defer release()
	term := a.member.CurrentTerm() // read before leadership is confirmed: the raise happens in this term, or fails
	now, err := a.membership.Committed(ctx)
	if err != nil {
		return fmt.Errorf("confirm the configuration: %w", err)
	}
	return s.raise(ctx, a, raising{servers: now.Servers, term: term})
}

// raising holds the facts on which a raise is decided.
type raising struct {
	servers   []member.Server // the servers of the committed configuration
	term      uint64          // the term in which they are asked
	pastHolds bool            // raise even if an operator holds the upgrade
}

// raise raises the version by one if every server answers that it knows the version and none holds
// the upgrade. It asks even if considerRaise just did, since a hold may have come since. The caller
// holds the token.
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
		s.sayWaits(waits) // lets whoever asked for the raise see this while it is tried again
		text := fmt.Sprintf("machine version %d waits for %s", next, strings.Join(waits, "; "))
		if on.pastHolds { // an operator has asked, and will ask again
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

// finish handles FinishUpgrade on the leader. The caller holds the token.
func (s *Service) finish(ctx context.Context, a *attached, now Configuration, term uint64) error {
	on := raising{servers: now.Servers, term: term, pastHolds: true}
	for a.replicated.Version() < s.cfg.Versions.Newest {
		if err := s.raise(ctx, a, on); err != nil {
			return err
		}
	}
	return nil
}

// tooNew refuses to finish an upgrade to a version that this server, the leader, does not know.
func (s *Service) tooNew(version uint8) error {
	if version > s.cfg.Versions.Newest {
		return &Refused{leaderTooOld(version, s.server, s.versions())}
	}
	return nil
}

// leaderKnows refuses to ask a leader of an earlier release to finish an upgrade, since that leader
// would not understand. A leader that does not answer is asked all the same.
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
