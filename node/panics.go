package node

import (
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	"github.com/kvorum/kvorum/fsm"
)

// panics counts and reports the panics of commands, which the machine catches. Each is a bug, and
// its client learns only that there was one. panics outlives the machine, which a restore
// replaces.
type panics struct {
	log   *slog.Logger
	count atomic.Uint64
}

// watch must be called before a machine is used.
func (p *panics) watch(m *fsm.Machine) { m.OnPanic(p.report) }

// report runs on the stack of the panic.
func (p *panics) report(command string, cause any) {
	p.count.Add(1)
	p.log.Error("a command panicked: a bug in Kvorum", slog.String("command", command),
		slog.Any("cause", cause), slog.String("stack", string(debug.Stack())))
}

// Panics returns how many panics of commands this process has caught.
func (n *Node) Panics() uint64 { return n.panics.count.Load() }
