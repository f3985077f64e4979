package resp

import "log/slog"

// speaksHTTP reports whether a command's name is a line that a browser sends: a web
// page may have it post to any address, and what it posts could be commands (Redis:
// networking.c, securityWarningCommand).
func speaksHTTP(name []byte) bool { return is(name, "POST") || is(name, "Host:") }

// turnAway disconnects such a client before its next line is looked at. The log hears
// of the first one in a while.
func (c *client) turnAway() {
	c.closing = true
	s := c.server
	s.mu.Lock()
	now := s.now()
	quiet := s.turned != 0 && now-s.turned < int64(turnAwayLogged)
	if !quiet {
		s.turned = now
	}
	s.mu.Unlock()
	if !quiet {
		s.logger.Warn("a client spoke HTTP to the port for Redis clients and was disconnected: perhaps a web page made a browser send commands",
			slog.String("addr", c.addr))
	}
}
