package server

import (
	"time"

	"github.com/kvorum/kvorum/node"
)

// stayMember makes a server that has joined what it is to be, and returns an
// error once it has been removed and must not run, or ctx has ended. Nobody tells a server that was
// paused or cut off when it was removed: it only has no leader any more, and
// asks.
func (s *Server) stayMember(n *node.Node) error {
	ticker := time.NewTicker(leaderlessEvery)
	defer ticker.Stop()
	for {
		if err := s.service.Settle(s.ctx); err != nil {
			return err
		}
		s.log.Debug("settled in its cluster")
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
