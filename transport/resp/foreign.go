package resp

import "log/slog"

// speaksHTTP reports whether a command's name is a line of an HTTP request. A web page can make a
// browser post to any address, and the posted text could contain commands (Redis: networking.c,
// securityWarningCommand).
func speaksHTTP(name []byte) bool { return is(name, "POST") || is(name, "Host:") }

// turnAway disconnects such a client before its next line is parsed. It logs at most one of them
// per turnAwayLogged.
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
