package resp

import (
	"github.com/kvorum/kvorum/fsm/reply"
)

// state says what a connection is doing, which decides which commands it accepts. The session's
// choices (protocol, database, READONLY, …) are kept apart from it.
type state int32

// The states.
const (
	plain      state = iota // accepts commands and answers them
	blocked                 // waits for something that may never come, and accepts no commands
	monitoring              // is sent what other clients run (MONITOR)
)

// states holds the properties of each state.
var states = [...]struct {
	flag      byte // in CLIENT LIST
	localOnly bool // accepts only commands that the connection or its node answers
	quiet     bool // may be silent for ever, regardless of the setting timeout
	refusal   reply.Value
}{
	plain:      {flag: 'N'},
	blocked:    {flag: 'b', quiet: true},
	monitoring: {flag: 'O', localOnly: true, quiet: true, refusal: errMonitoring},
}

// errMonitoring is Redis's text, which counts monitors as replicas.
var errMonitoring = reply.Err("ERR Replica can't interact with the keyspace")

func (c *client) state() state { return state(c.shown.state.Load()) }

// setState changes the state. Only the connection's goroutine calls it.
func (c *client) setState(s state) {
	was := state(c.shown.state.Swap(int32(s)))
	switch {
	case s == monitoring && was == plain:
		c.server.monitors.add(c)
	case s == plain && was == monitoring:
		c.server.monitors.remove(c)
	}
}

// inState counts the clients in a state.
func (s *Server) inState(wanted state) (n int64) {
	for _, c := range s.everyone() {
		if c.state() == wanted {
			n++
		}
	}
	return n
}
