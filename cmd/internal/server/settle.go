package server

import (
	"time"

	"github.com/kvorum/kvorum/node"
)

// stayMember makes a server that has joined what it is to be, and returns an
// error once it has been removed and must not run, or ctx has ended. A server
// that was paused or cut off when it was removed could not be told: it only has
// no leader any more, and asks.
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

// untilInDoubt returns when this server may have been removed; false means that
// ctx has ended.
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
