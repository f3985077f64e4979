package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/transport/peer"
)

// A promise that can no longer be redeemed strands the server that gave it (see Form). Only an
// operator can mend that, and may look at any of the servers. So each server says what is wrong and
// which directories must be emptied.

// standing is the part of a hello answer that tells whether a server's cluster can begin.
type standing struct {
	server  string
	cluster string
	promise *member.Formation
	begun   bool
}

func standingOf(a helloAnswer) standing { return standing{a.Server, a.Cluster, a.Promise, a.Begun} }

// ownStanding returns this server's standing, as the others would hear it.
func (s *Service) ownStanding() standing {
	identity := s.cfg.Vault.Identity()
	return standing{identity.Server, identity.Cluster, identity.Promise, s.begun()}
}

// stranded explains why a formation can never begin. That is so if all its members have answered
// (said holds their answers by id), none knows a configuration, and the directories of the founder,
// or of so many members that no majority is left, were replaced. It returns "" if the formation may
// still begin or has begun.
func stranded(f *member.Formation, said map[string]standing) string {
	var replaced, promised []string
	for _, m := range f.Servers {
		a, answered := said[member.ID(m.ID)]
		switch {
		case !answered || a.cluster == f.Cluster && (a.begun || a.promise == nil):
			return ""
		case a.server != m.ID:
			replaced = append(replaced, m.ID)
		case a.cluster == f.Cluster:
			promised = append(promised, m.ID)
		}
	}
	if len(promised) == 0 || !slices.Contains(replaced, founderOf(f)) && 2*(len(f.Servers)-len(replaced)) > len(f.Servers) {
		return ""
	}
	return strandedText(f, promised, replaced)
}

// strandedText tells operators which promises cannot be redeemed and which directories to empty.
func strandedText(f *member.Formation, promised, replaced []string) string {
	return fmt.Sprintf("what cannot come: %s promised themselves to cluster %s, which %s was to begin, "+
		"and since then the data directories of %s were replaced; "+
		"empty the data directories of %s and start them again: nothing is lost by that",
		names(promised), f.Cluster, member.ID(founderOf(f)), names(replaced), names(promised))
}

// names lists servers by the ids that operators know.
func names(servers []string) string {
	ids := make([]string, len(servers))
	for i, server := range servers {
		ids[i] = member.ID(server)
	}
	return strings.Join(ids, ", ")
}

// tooManyReplaced tells the founder of f that it can no longer get a majority.
func tooManyReplaced(f *member.Formation, replaced []string) string {
	var promised []string
	for _, m := range f.Servers {
		if !slices.Contains(replaced, m.ID) {
			promised = append(promised, m.ID)
		}
	}
	return strandedText(f, promised, replaced)
}

// unredeemed tells a fresh server which promises of the others can no longer be redeemed.
func (s *Service) unredeemed(views []view) []string {
	said := map[string]standing{member.ID(s.server): s.ownStanding()}
	for _, v := range views {
		if v.err == nil {
			said[v.listed.ID] = standingOf(v.answer)
		}
	}
	for _, v := range views {
		if p := v.answer.Promise; v.err == nil && p != nil {
			if text := stranded(p, said); text != "" {
				return []string{text}
			}
		}
	}
	return nil
}

// awaitsFounder says what a promised server waits for, until its cluster has begun.
func (s *Service) awaitsFounder(ctx context.Context) []string {
	f := s.cfg.Vault.Identity().Promise
	if f == nil || s.begun() {
		return nil
	}
	said := map[string]standing{member.ID(s.server): s.ownStanding()}
	var waits []string
	for _, v := range s.surveyOf(ctx, slices.DeleteFunc(listOf(f), func(m Listed) bool { return m.ID == member.ID(s.server) })) {
		itself := serverOf(f, v.listed.ID)
		stranger := (*peer.Refusal)(nil)
		switch {
		case errors.As(v.err, &stranger) && stranger.Reason == peer.WrongCluster && member.ID(stranger.Server) == v.listed.ID:
			said[v.listed.ID] = standing{server: stranger.Server}
			waits = append(waits, fmt.Sprintf("%s at %s: there is %s now, of another cluster", itself, v.listed.PeerAddr, stranger.Server))
		case v.err != nil:
			waits = append(waits, fmt.Sprintf("%s at %s: %v", itself, v.listed.PeerAddr, v.err))
		default:
			said[v.listed.ID] = standingOf(v.answer)
			if v.answer.Server != itself {
				waits = append(waits, fmt.Sprintf("%s at %s, whose data directory was replaced: there is %s now", itself, v.listed.PeerAddr, v.answer.Server))
			}
		}
	}
	if text := stranded(f, said); text != "" {
		return []string{text}
	}
	return append([]string{fmt.Sprintf("%s, to found cluster %s", founderOf(f), f.Cluster)}, waits...)
}

// sayAwaiting reports from time to time what a promised server waits for.
func (s *Service) sayAwaiting(ctx context.Context, r *report) {
	if time.Since(r.looked) < awaitingEvery {
		return
	}
	r.looked = time.Now()
	if waits := s.awaitsFounder(ctx); len(waits) > 0 {
		r.say("the first start waits", waits)
	} else {
		r.over()
	}
}
