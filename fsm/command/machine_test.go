package command_test

import (
	"errors"
	"strconv"
	"strings"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/fsm/setting"
	"github.com/kvorum/kvorum/internal/corpus"
)

// bareMachine runs commands on a keyspace of its own: no log, no cluster. Reads come with a stamp that is ahead of the
// machine's clock, as a leader's is.
type bareMachine struct {
	keys     *keyspace.Keyspace
	settings *setting.Values
	db       int
	proto    int
	count    uint64
	lookups  command.Lookups
	tickMS   int64 // what a command takes
}

const (
	bareBeginMS = 1_700_000_000_000
	bareAheadMS = 2
)

func newBareMachine() *bareMachine {
	m := &bareMachine{keys: keyspace.New([16]byte{1}), settings: setting.NewValues(), proto: 2, tickMS: 1}
	m.keys.Advance(bareBeginMS)
	return m
}

func (m *bareMachine) Do(args [][]byte) (reply.Value, error) {
	v, err := m.run(args)
	if err != nil {
		return v, err
	}
	return corpus.OnWire(v, m.proto)
}

func (m *bareMachine) run(args [][]byte) (reply.Value, error) {
	m.keys.Advance(m.keys.ClockMS() + m.tickMS)
	m.keys.Purge(1)
	m.count++
	owned := make([][]byte, len(args))
	for i := range args {
		owned[i] = append([]byte(nil), args[i]...)
	}
	row, refused := command.Lookup(owned)
	if row == nil {
		return refused, nil
	}
	switch row.Route() {
	case command.Local:
		return m.local(row, owned)
	case command.Log:
		ctx := m.context(row, owned, m.keys.ClockMS())
		v := row.Run(ctx)
		m.lookups.Add(ctx.Lookups)
		for i := range owned { // the caller's bytes must not be kept
			for j := range owned[i] {
				owned[i][j] = '!'
			}
		}
		return v, nil
	}
	for {
		ctx := m.context(row, owned, m.keys.ClockMS()+bareAheadMS)
		v := row.Run(ctx)
		if ctx.DueMS == 0 {
			m.lookups.Add(ctx.Lookups)
			return v, nil
		}
		m.keys.Advance(ctx.DueMS)
	}
}

func (m *bareMachine) context(row *command.Command, args [][]byte, nowMS int64) *command.Context {
	return &command.Context{
		Keys: m.keys, DB: m.db, NowMS: nowMS, Args: args, Seed: 7, Stream: m.count,
		Settings: m.settings, Command: row,
	}
}

// local answers what a connection does of itself, as far as scripts need it.
func (m *bareMachine) local(row *command.Command, args [][]byte) (reply.Value, error) {
	switch row.Name {
	case "select":
		n, err := strconv.Atoi(string(args[1]))
		if err != nil || n < 0 || n >= keyspace.Databases {
			return reply.Err("ERR DB index is out of range"), nil
		}
		m.db = n
		return reply.OK, nil
	case "hello":
		m.proto = int(args[1][0] - '0')
		return reply.OK, nil
	}
	if row.Name == "command" || strings.HasPrefix(row.Name, "command|") {
		return command.CommandCommand(args), nil
	}
	return reply.Value{}, errors.New("the bare machine has no connection that could answer " + row.Name)
}
