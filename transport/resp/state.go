package resp

import (
	"github.com/kvorum/kvorum/fsm/reply"
)

// state is what a connection is doing. It decides which commands the connection
// takes. Beside it stand the session's choices (protocol, database, READONLY, …).
type state int32

// The states.
const (
	plain      state = iota // it takes commands and answers them
	blocked                 // it waits for what need not come, and takes no command
	monitoring              // it is sent what other clients run (MONITOR)
)

// states says what holds in each state.
var states = [...]struct {
	flag      byte // in CLIENT LIST
	localOnly bool // takes only what the connection or its node answers
	quiet     bool // may be silent for ever, whatever the setting timeout says
	refusal   reply.Value
}{
	plain:      {flag: 'N'},
	blocked:    {flag: 'b', quiet: true},
	monitoring: {flag: 'O', localOnly: true, quiet: true, refusal: errMonitoring},
}

// errMonitoring is Redis's: it counts clients that monitor as replicas.
var errMonitoring = reply.Err("ERR Replica can't interact with the keyspace")

func (c *client) state() state { return state(c.shown.state.Load()) }

// setState changes the state; only the connection's goroutine calls it.
func (c *client) setState(s state) {
	was := state(c.shown.state.Swap(int32(s)))
	switch {
	case s == monitoring && was == plain:
		c.server.monitors.add(c)
	case s == plain && was == monitoring:
		c.server.monitors.remove(c)
	}
}

// inState counts the clients that are in a state.
func (s *Server) inState(wanted state) (n int64) {
	for _, c := range s.everyone() {
		if c.state() == wanted {
			n++
		}
	}
	return n
}
