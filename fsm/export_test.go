package fsm

import (
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

// What the tests of this package must know of its limits.
const (
	PurgeMax       = purgeMax
	StoredBytesMax = storedBytesMax
	StoredOverhead = storedOverhead
)

// Guard runs a command's function as Apply does.
func (m *Machine) Guard(run func(*command.Context) reply.Value) reply.Value {
	return m.guard(&command.Context{Keys: m.keys, Command: &command.Command{Name: "test", Run: run}})
}

// Keys lets a test change the state behind the machine's back.
func (m *Machine) Keys() *keyspace.Keyspace { return m.keys }
