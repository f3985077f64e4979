package server

import (
	"errors"
	"log/slog"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/node"
)

// stayMember makes a server that has joined a voter, and returns an error once
// this one has been removed and must not run. Nobody tells a server that was
// paused or cut off when it was removed: it only has no leader any more, and
// asks.
func (s *Server) stayMember(n *node.Node) error {
	ticker := time.NewTicker(leaderlessEvery)
	defer ticker.Stop()
	for {
		// Whatever else it fails with, ctx has ended.
		if err := s.service.Settle(s.ctx); err != nil {
			if errors.Is(err, cluster.ErrRemoved) {
				return err
			}
			return nil
		}
		s.log.Debug("a voter of its cluster")
		for since := time.Now(); time.Since(since) < leaderlessMax; {
			select {
			case <-s.ctx.Done():
				return nil
			case <-ticker.C:
			}
			if n.Leader() != "" {
				since = time.Now()
			}
		}
	}
}

// warnAddress says that the configuration has this server at another address
// than it has been told: the others dial the one in the configuration.
func (s *Server) warnAddress(n *node.Node) {
	for _, m := range n.Servers() {
		if m.ID == s.identity.Server && m.PeerAddr != s.cfg.PeerAddr {
			s.log.Warn("the cluster keeps the address that this server was added with, and does not take over another; to move it, start it there with an empty data directory",
				slog.String("kept", m.PeerAddr), slog.String("given", s.cfg.PeerAddr))
		}
	}
}
