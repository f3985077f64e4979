package command_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/internal/corpus"
)

// lookupsOf reads INFO's keyspace_hits and keyspace_misses.
func lookupsOf(t *testing.T, e corpus.Engine) (counted command.Lookups) {
	t.Helper()
	for _, line := range strings.Split(string(mustDo(t, e, "INFO", "stats").Bytes), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseUint(value, 10, 32)
		switch name {
		case "keyspace_hits":
			counted.Hits = uint32(n)
		case "keyspace_misses":
			counted.Misses = uint32(n)
		}
	}
	return counted
}

// Which commands look a key up to read it, and whether it was there, is counted
// as Redis counts it, for every command of the table, also with wrong arguments.
func TestLookupsAreCountedAsByRedis(t *testing.T) {
	const steps = 4000
	seed := *differentialSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-command.seed=%d", seed)
	real, machine := dialRedis(t, startRedis(t)), newBareMachine()
	machine.tickMS = 0
	p := &program{Rand: rand.New(rand.NewPCG(seed, 0))}
	fixed := [][]string{
		{"SET", "a", "1"}, {"MEMORY", "USAGE", "a"}, {"MEMORY", "USAGE", "none"}, {"OBJECT", "IDLETIME", "a"}, {"OBJECT", "REFCOUNT", "none"},
		{"RANDOMKEY"}, {"EXISTS", "a", "a", "none"}, {"TOUCH", "a", "none"},
	}
	for step := range steps {
		args := p.next()
		if step < len(fixed) {
			args = fixed[step]
		}
		machine.keys.Advance(time.Now().UnixMilli())
		machine.lookups = command.Lookups{}
		before := lookupsOf(t, real)
		mustDo(t, real, args...)
		mustDo(t, machine, args...)
		after := lookupsOf(t, real)
		theirs := command.Lookups{Hits: after.Hits - before.Hits, Misses: after.Misses - before.Misses}
		if machine.lookups != theirs {
			t.Fatalf("seed %d, step %d: %q\nours   %+v\ntheirs %+v", seed, step, args, machine.lookups, theirs)
		}
	}
}
