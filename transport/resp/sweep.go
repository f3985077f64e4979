package resp

import "time"

// sweepUntilStopped looks at all connections once a second. It sees what a connection's own
// goroutine cannot see while it waits for a command, for the machine or for its client to read.
func (s *Server) sweepUntilStopped() {
	defer s.sweeper.Done()
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.emptied:
			return
		case <-ticker.C:
			s.stats.rates.renew(s.now(), &s.stats)
			s.sweepClients()
		}
	}
}

// sweepClients disconnects clients that misbehave, and wakes idle ones that hold spare memory.
func (s *Server) sweepClients() {
	now := s.now()
	for _, c := range s.everyone() {
		if c.ctx.Err() != nil {
			continue // already leaving, and counted
		}
		if why := c.misbehaves(now); why != "" {
			s.logger.Info("client disconnected", "addr", c.addr, "reason", why)
			c.kill()
			continue
		}
		if c.shown.spare.Load() && c.shown.busySince.Load() == 0 && now-c.shown.activeAt.Load() > int64(restAfter) {
			c.conn.SetReadDeadline(past) // wakes its goroutine, which frees the memory
		}
	}
}

// misbehaves says why a client is to be disconnected, or returns "" if it is not.
func (c *client) misbehaves(now int64) string {
	settings := &c.server.settings
	blocked, busy := c.shown.blockedAt.Load(), c.shown.busySince.Load()
	if blocked != 0 && now-blocked > settings.stallMax.Load() {
		c.server.stats.outputLimited.Add(1)
		return "it takes none of its replies"
	}
	if c.overLimit(now) {
		c.server.stats.outputLimited.Add(1)
		return "output limit reached"
	}
	if busy != 0 || states[c.state()].quiet {
		return ""
	}
	idle := settings.idleTimeout.Load()
	if idle > 0 && now-c.shown.activeAt.Load() > idle {
		return "it is idle"
	}
	return ""
}
