package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

// Action says how a server enters its cluster.
type Action uint8

// The actions.
const (
	// Bootstrap opens the member with the Formation, as the founder.
	Bootstrap Action = iota + 1
	// Await opens the member without a Formation. It has promised itself, and its leader will find
	// it.
	Await
	// Resume opens the member without a Formation. It has been in its cluster before.
	Resume
	// Join opens the member without a Formation. It has been added as a non-voter.
	Join
)

// Start is the result of Form.
type Start struct {
	Action    Action
	Cluster   string
	Formation *member.Formation // of Bootstrap
}

// Form brings this server to the point where its member may be opened. hasState says whether the
// disk holds anything that Raft has stored (a term, an entry, a snapshot); known is the newest
// configuration there. Form waits until ctx ends, and logs for whom it waits. An error means that
// this server cannot enter; ErrNoPlace means that it never can with its data.
//
// The vault's content is the state, so after a crash the start resumes in the same state.
//
//	vault              Raft's state  who        what happens
//	1 nothing          –             founder    asks all others until every one is fresh and has the same list;
//	                                            mints the cluster and its configuration (F), promises F to
//	                                            itself: to 2. If one belongs to a cluster: as 4
//	2 promise F        none          founder    asks each server of F to promise; all have, or a majority has
//	                                            and the others' directories were replaced: Bootstrap with F
//	3 promise F        some          founder    Bootstrap with F (the member redoes one that was cut short)
//	4 nothing          –             a member   waits for a founder's promise, stored before it is answered: to 5.
//	                                            If a leader would have it (knock): stores that cluster: to 6
//	5 promise F        any           a member   Await
//	6 cluster, no F    none          any        asks the leader until its own addition is committed; only then
//	                                            opens its Raft lane: Join
//	7 cluster, no F    some          any        Resume
//	  promise F of     none          an only    (kvorum init has stored it) Bootstrap with F, unless it is
//	  it alone                       member     told of others
//	8 nothing          –             a joiner   (told to join, or to wait until it is invited, or rebuilt in the
//	                                            place of a damaged server) asks at the addresses that it
//	                                            knows until a leader would have it: to 6
//	9 nothing          –             alone      (neither told to join nor given a list of at least two)
//	                                            ErrAlone
//	10 nothing         some          any        refused: the directory was never finished
//
// If the disk has Raft state, Form first asks whether this server still has its place (resume). A
// cluster of one does not start if its server is told of another cluster's server (checkBeside).
//
// Why there is at most one cluster:
//   - Nobody founds alone. An empty directory and a list of one look like a first
//     start but are, in practice, a lost disk. A cluster of one is a promise that
//     an operator has stored (kvorum init), once.
//   - Only the lowest id founds, lists are compared whole, and one vault holds
//     one promise for ever. Two formations need two incarnations of the founder.
//   - A later incarnation founds only when every other member is fresh, and
//     stays so until it is asked to promise (answerHello). A formation F that could
//     still elect a leader has been promised by a majority, so one of its
//     members answers with F, and F stays.
//   - F can begin with only a majority of its promises (state 2), since a server
//     whose directory was replaced never votes under its old name again.
//
// The start ends with a message instead of a cluster in two cases. The founder's directory is lost
// after others have promised and before any of them has an entry: they keep a promise that nobody
// can redeem. Or a majority of F's members lose their directories before F has begun. No data was
// written in either case. The message names the directories to empty, and the start goes on by
// itself once they are empty. This remedy is not automatic, because a promise that could be taken
// back would be none.
//
// A server in state 6 opens its Raft lane only after its addition is committed. So a server that
// holds entries but is not in the configuration has been removed from it, and is refused (Settle).
func (s *Service) Form(ctx context.Context, hasState bool, known []member.Server) (Start, error) {
	r := &report{service: s}
	defer r.over()
	knew := len(known) > 0
	s.knew.Store(&knew)
	for {
		identity := s.cfg.Vault.Identity()
		if hasState && identity.Cluster != "" {
			if p := identity.Promise; p != nil && len(known) == 0 {
				known = p.Servers
			}
			if err := s.checkBeside(ctx, known); err != nil {
				return Start{}, fmt.Errorf("come back to cluster %s: %w", identity.Cluster, err)
			}
			if err := s.resume(ctx, known); err != nil {
				return Start{}, fmt.Errorf("come back to cluster %s: %w", identity.Cluster, err)
			}
		}
		if p := identity.Promise; p != nil {
			return s.keep(ctx, p, hasState)
		}
		if identity.Cluster != "" {
			return s.enter(ctx, identity.Cluster, hasState)
		}
		if err := s.mayFind(hasState); err != nil {
			return Start{}, fmt.Errorf("first start: %w", err)
		}
		step, err := s.freshStep(ctx, r)
		if err != nil {
			return Start{}, fmt.Errorf("first start: %w", err)
		}
		if step == stepped {
			continue
		}
		if !s.pauseOr(ctx, surveyEvery, s.bound) {
			return Start{}, fmt.Errorf("first start: %w", s.whyEnded(ctx))
		}
	}
}

// mayFind refuses a server that is in no cluster and cannot find one (states 9 and 10).
func (s *Service) mayFind(hasState bool) error {
	switch {
	case hasState:
		return errors.New("the data directory holds what Raft has stored, and names no cluster: what was to make it (kvorum recover) was cut short; " +
			"do that again, into an empty directory")
	case !s.joins() && len(s.list) < 2 && !faultFoundsAlone:
		return ErrAlone
	}
	return nil
}

// keep goes on from a stored promise (states 2, 3 and 5).
func (s *Service) keep(ctx context.Context, f *member.Formation, hasState bool) (Start, error) {
	if !hasState && len(f.Servers) == 1 && (s.joins() || len(s.list) > 1) {
		return Start{}, fmt.Errorf("the data directory was made for a cluster of %s alone, which has never begun, "+
			"and this server is told of others: to join those, start it with an empty directory; "+
			"to begin with this one, leave out --cluster and --join (KVORUM_CLUSTER and KVORUM_JOIN)", s.server)
	}
	s.endpoint.Join(f.Cluster)
	if founderOf(f) != s.server {
		return Start{Action: Await, Cluster: f.Cluster}, nil
	}
	if !hasState {
		if err := s.collect(ctx, f); err != nil {
			return Start{}, fmt.Errorf("first start: %w", err)
		}
	}
	if !hasState {
		s.upgrading.founded = time.Now()
	}
	return Start{Action: Bootstrap, Cluster: f.Cluster, Formation: f}, nil
}

// enter goes on from a cluster that is stored without a promise (states 6 and 7).
func (s *Service) enter(ctx context.Context, cluster string, hasState bool) (Start, error) {
	if hasState {
		s.endpoint.Join(cluster)
		return Start{Action: Resume, Cluster: cluster}, nil
	}
	if err := s.join(ctx, cluster); err != nil {
		return Start{}, fmt.Errorf("join cluster %s: %w", cluster, err)
	}
	s.endpoint.Join(cluster)
	return Start{Action: Join, Cluster: cluster}, nil
}

// outcome says whether a round of a fresh server's start changed anything.
type outcome bool

const (
	waiting outcome = false
	stepped outcome = true // the vault has changed
)

// freshStep runs one round of states 1 and 4.
func (s *Service) freshStep(ctx context.Context, r *report) (outcome, error) {
	if s.joins() {
		return s.joinStep(ctx, r)
	}
	views := s.survey(ctx)
	if ctx.Err() != nil || s.ctx.Err() != nil {
		return waiting, s.whyEnded(ctx)
	}
	d := s.decide(views)
	switch d.verdict {
	case verdictFound:
		return stepped, s.found(d.servers)
	case verdictKnock:
		cluster, err := s.knock(ctx)
		if err == nil {
			return stepped, s.bindTo(cluster)
		}
		d.waitsFor = append(d.waitsFor, "the leader: "+err.Error())
	}
	if d.verdict == verdictWait {
		d.waitsFor = append(d.waitsFor, s.unredeemed(views)...)
	}
	r.say("the first start waits", d.waitsFor)
	return waiting, nil
}

// joinStep runs one round of state 8.
func (s *Service) joinStep(ctx context.Context, r *report) (outcome, error) {
	if len(s.whomToAsk("")) == 0 {
		r.say("waiting to be invited", []string{fmt.Sprintf("an invitation: on a member, RAFT ADD %s", s.cfg.Advertise)})
		return waiting, nil
	}
	cluster, err := s.knock(ctx)
	if err != nil {
		r.say("joining waits", append(s.rebuiltOthers(ctx), "the leader: "+err.Error()))
		return waiting, nil
	}
	return stepped, s.bindTo(cluster)
}

// found mints the cluster's name and stores the founder's own promise.
func (s *Service) found(servers []member.Server) error {
	f := member.Formation{Cluster: rand.Text(), Servers: servers}
	err := s.bind(func() error {
		if s.cfg.Vault.Identity().Cluster != "" {
			return nil // bound meanwhile: the next round sees that
		}
		return s.cfg.Vault.Promise(f)
	})
	if err != nil {
		return fmt.Errorf("store the formation: %w", err)
	}
	s.logger.Info("founding a cluster", slog.String("cluster", f.Cluster), slog.String("members", s.list.String()))
	return nil
}

// bindTo stores the name of the cluster whose leader would admit this server.
func (s *Service) bindTo(cluster string) error {
	return s.bind(func() error {
		if s.cfg.Vault.Identity().Cluster != "" {
			return nil // a founder's promise came first
		}
		var seeds []string
		if s.joins() {
			seeds = s.seeds()
			seeds = seeds[:min(len(seeds), seedsMax)]
		}
		if s.cfg.Nonvoter { // before it belongs to the cluster, so that a restart without the flag still finds a non-voter
			if err := s.cfg.Vault.Settle(); err != nil {
				return fmt.Errorf("store that this server is to be a non-voter: %w", err)
			}
		}
		if err := s.cfg.Vault.Join(cluster, seeds); err != nil {
			return fmt.Errorf("store the cluster: %w", err)
		}
		s.logger.Info("found a running cluster to join", slog.String("cluster", cluster))
		return nil
	})
}

var errDirectoryReplaced = errors.New("its data directory was replaced")

// collect asks every server of F for its promise until all have promised, or enough have (state 2).
func (s *Service) collect(ctx context.Context, f *member.Formation) error {
	r := &report{service: s}
	promised := map[string]bool{s.server: true}
	for {
		var waitsFor, replaced []string
		for _, result := range s.askPromises(ctx, f, promised) {
			switch {
			case result.err == nil:
				promised[result.server] = true
			case errors.Is(result.err, errDirectoryReplaced):
				replaced = append(replaced, result.server)
			default:
				waitsFor = append(waitsFor, fmt.Sprintf("%s: %v", result.server, result.err))
			}
		}
		if len(promised) == len(f.Servers) || faultHastyFounder {
			return nil
		}
		if len(waitsFor) == 0 && len(promised) > len(f.Servers)/2 {
			s.logger.Warn("founding without servers whose data directories were replaced; they will join", slog.Any("servers", replaced))
			return nil
		}
		if 2*(len(f.Servers)-len(replaced)) <= len(f.Servers) {
			waitsFor = append(waitsFor, tooManyReplaced(f, replaced))
		}
		r.say("founding waits for promises", waitsFor)
		if !s.pause(ctx, surveyEvery) {
			return s.whyEnded(ctx)
		}
	}
}

// decide says what a fresh server does after a survey. Its result depends only on the list, this
// server's name and the other servers' answers.
func (s *Service) decide(views []view) decision {
	d := decision{verdict: verdictFound}
	var knock bool
	for _, v := range views {
		if text := s.obstacle(v); text != "" {
			d.waitsFor = append(d.waitsFor, text)
		}
		if v.err == nil && v.answer.Cluster != "" {
			knock = knock || v.answer.Promise == nil || serverOf(v.answer.Promise, member.ID(s.server)) != s.server
		}
		if v.err == nil {
			d.servers = append(d.servers, member.Server{ID: v.answer.Server, PeerAddr: v.listed.PeerAddr, Voter: true})
		}
	}
	switch {
	case faultHastyFounder && len(d.servers) == len(s.list)-1 && s.list.founder() == member.ID(s.server):
	case knock:
		d.verdict = verdictKnock
		d.waitsFor = append(d.waitsFor, s.unredeemed(views)...)
	case len(d.waitsFor) > 0:
		d.verdict = verdictWait
	case s.list.founder() != member.ID(s.server):
		d.verdict = verdictWait
		d.waitsFor = []string{s.list.founder() + ", to found the cluster"}
	}
	own, _ := s.list.find(member.ID(s.server))
	d.servers = append(d.servers, member.Server{ID: s.server, PeerAddr: own.PeerAddr, Voter: true})
	slices.SortFunc(d.servers, func(a, b member.Server) int { return compareIDs(a.ID, b.ID) })
	return d
}
