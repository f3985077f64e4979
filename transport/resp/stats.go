package resp

import (
	"bytes"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// stats counts what clients do. Counting a command takes no lock: the maps are never changed, but
// replaced when a command or error code is first seen.
type stats struct {
	connections        atomic.Uint64
	refusedConnections atomic.Uint64
	inputBytes         atomic.Uint64
	outputBytes        atomic.Uint64
	reads, writes      atomic.Uint64 // system calls on sockets
	commandCount       atomic.Uint64
	errorCount         atomic.Uint64
	untimed            atomic.Bool   // latency-tracking no
	outputLimited      atomic.Uint64 // clients disconnected for not reading

	readLatency  histogram
	writeLatency histogram
	rates        rates

	mu       sync.Mutex // held to replace a map
	commands atomic.Pointer[map[*command.Command]*commandStats]
	errors   atomic.Pointer[map[string]*atomic.Uint64]
}

// commandStats holds one line of INFO commandstats and one of latencystats.
type commandStats struct {
	calls, ns, rejected, failed atomic.Uint64
	latency                     distribution
}

func (s *stats) init() {
	s.commands.Store(&map[*command.Command]*commandStats{})
	s.errors.Store(&map[string]*atomic.Uint64{})
}

// of returns the counters of a command, and creates them on first use.
func (s *stats) of(row *command.Command) *commandStats {
	if c := (*s.commands.Load())[row]; c != nil {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.commands.Load()
	if c := old[row]; c != nil {
		return c
	}
	more := maps.Clone(old)
	more[row] = &commandStats{}
	s.commands.Store(&more)
	return more[row]
}

// ran counts n calls that together took ns nanoseconds.
func (s *stats) ran(row *command.Command, n int, ns int64) {
	c := s.of(row)
	c.calls.Add(uint64(n))
	c.ns.Add(uint64(max(ns, 0)))
	s.commandCount.Add(uint64(n))
	if ns > 0 && !s.untimed.Load() {
		c.latency.add(ns/int64(n), uint64(n))
	}
}

// rejected counts a command that was refused before it ran.
func (s *stats) rejected(row *command.Command, code string) {
	s.of(row).rejected.Add(1)
	s.countError(code)
}

// failed counts an error reply of a command that ran. A nil row stands for no command.
func (s *stats) failed(row *command.Command, code string) {
	if row != nil {
		s.of(row).failed.Add(1)
	}
	s.countError(code)
}

// countError counts an error reply by its code. Codes beyond errorCodesMax only count in the total.
func (s *stats) countError(code string) {
	s.errorCount.Add(1)
	if n := (*s.errors.Load())[code]; n != nil {
		n.Add(1)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.errors.Load()
	if n := old[code]; n != nil {
		n.Add(1)
		return
	}
	if len(old) >= errorCodesMax {
		return
	}
	more := maps.Clone(old)
	more[code] = &atomic.Uint64{}
	more[code].Add(1)
	s.errors.Store(&more)
}

// errorCode returns the first word of an error reply, in a form that INFO and metrics may show.
func errorCode(v reply.Value) string {
	code, _, _ := bytes.Cut(v.Bytes, []byte(" "))
	return strings.Map(codeRune, string(code[:min(len(code), errorCodeBytesMax)]))
}

// codeRune replaces characters that could be mistaken for INFO's own syntax.
func codeRune(r rune) rune {
	if r <= ' ' || r > '~' || r == ':' || r == '=' {
		return '_'
	}
	return r
}

// ResetStats resets this package's counters for CONFIG RESETSTAT. Totals that Prometheus reads as
// counters may fall, as after a restart.
func (s *Server) ResetStats() {
	t := &s.stats
	for _, n := range []*atomic.Uint64{
		&t.connections, &t.refusedConnections, &t.inputBytes, &t.outputBytes,
		&t.reads, &t.writes, &t.commandCount, &t.errorCount, &t.outputLimited,
	} {
		n.Store(0)
	}
	t.rates.reset()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.init()
}
