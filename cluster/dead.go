package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

// absence records how long a server has not answered, and why it has not been removed for that.
type absence struct {
	look
	kept string
}

// noteAbsent records since when servers have not answered. Every server keeps this record, so that
// a new leader does not have to start from nothing.
func (s *Service) noteAbsent(found map[string]Health) {
	now := time.Now()
	for server, h := range found {
		if runs(h.Err) {
			delete(s.absent, server)
			continue
		}
		gone := s.absent[server]
		if now.Sub(gone.last) > absentGap {
			gone.since = now
		}
		gone.last = now
		s.absent[server] = gone
	}
	for server := range s.absent {
		if _, asked := found[server]; !asked {
			delete(s.absent, server)
		}
	}
}

// runs reports whether a server's answer to a question for its state shows that it runs. A starting
// server counts as running, since restoring its data may take long.
func runs(err error) bool { return err == nil || errors.Is(err, ErrStarting) }

// removeDead removes one dead server, if this server leads. A server is dead when it has been
// unreachable for longer than the replicated setting allows. It is kept if its removal would weaken
// the cluster.
func (s *Service) removeDead() {
	a := s.attached.Load()
	after := a.replicated.RemoveDeadAfter()
	if after <= 0 || a.membership.Leader() != s.server {
		return
	}
	for _, server := range slices.Sorted(maps.Keys(s.absent)) {
		gone := s.absent[server]
		if time.Since(gone.since) < after {
			continue
		}
		err := s.bury(server)
		var no *Refused
		switch {
		case err == nil:
			s.logger.Warn("removed a server that had been unreachable for longer than remove-dead-after",
				slog.String("server", server), slog.Duration("for", time.Since(gone.since).Round(time.Second)))
			return
		case errors.As(err, &no):
			if no.Text != gone.kept { // logged once per reason, not at every look
				gone.kept = no.Text
				s.absent[server] = gone
				s.logger.Info("a dead server is not removed by itself", slog.String("server", server), slog.String("why", no.Text))
			}
		default:
			s.logger.Warn("removing a dead server failed", slog.String("server", server), slog.Any("error", err))
		}
	}
}

// bury removes a dead server from the committed configuration, if that is safe.
func (s *Service) bury(server string) error {
	ctx, cancel := context.WithTimeout(s.ctx, admitTimeout)
	defer cancel()
	release, err := s.aloneWithConfiguration(ctx)
	if err != nil {
		return err
	}
	defer release()
	a := s.attached.Load()
	now, err := a.membership.Committed(ctx)
	if err != nil {
		return fmt.Errorf("confirm the configuration: %w", err)
	}
	dead, _ := sameID(now.Servers, server)
	if dead == nil {
		return nil
	}
	if text := weakens(now, *dead); text != "" {
		return &Refused{text}
	}
	var rest []member.Server
	for _, v := range now.Servers {
		if v.Voter && v.ID != server {
			rest = append(rest, v)
		}
	}
	if missing := s.missing(ctx, rest); len(missing) > 0 {
		return &Refused{"not all other voters are well: " + strings.Join(missing, "; ")}
	}
	if _, err := s.Inspect(ctx, server); runs(err) {
		return &Refused{"it answers again"}
	}
	return a.membership.Change(ctx, Change{Step: StepRemove, Server: *dead, From: now.Index})
}

// weakens explains why the cluster would tolerate fewer further failures without a dead server, or
// returns "" if it would not. One voter of an odd number is therefore kept until a replacement
// votes.
func weakens(now Configuration, dead member.Server) string {
	count := voters(now.Servers)
	if !dead.Voter || (count-2)/2 >= (count-1)/2 {
		return ""
	}
	return fmt.Sprintf("of %d voters the cluster can lose %d, of %d only %d: let a replacement join first", count, (count-1)/2, count-1, (count-2)/2)
}
