package server

import (
	"time"

	"github.com/kvorum/kvorum/node"
)

// stayMember gives a server that has joined its intended role, and goes on checking
// that it is still a member. It returns an error once the server has been removed and
// must not run. It also returns when ctx ends. A server that was paused or cut off when
// it was removed could not be told; it notices that it has no leader, and asks.
func (s *Server) stayMember(n *node.Node) error {
	ticker := time.NewTicker(leaderlessEvery)
	defer ticker.Stop()
	for {
		if err := s.service.Settle(s.ctx); err != nil {
			return err
		}
		s.log.Debug("settled in its cluster")
		if !s.untilInDoubt(n, ticker.C) {
			return nil
		}
	}
}

// untilInDoubt waits until there is a sign that this server may have been removed. It
// returns false if ctx has ended.
func (s *Server) untilInDoubt(n *node.Node, tick <-chan time.Time) bool {
	for since := time.Now(); time.Since(since) < leaderlessMax; {
		select {
		case <-s.ctx.Done():
			return false
		case <-s.service.Doubted():
			return true
		case <-tick:
		}
		if n.Leader() != "" {
			since = time.Now()
		}
	}
	return true
}
