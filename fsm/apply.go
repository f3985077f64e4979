package fsm

import (
	"fmt"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

// hashKeyStream is the stream of the first entry's randomness from which the keyspace
// gets its hash key. The streams of commands count from 1.
const hashKeyStream = 0

// nameBytesMax bounds a command's name in the log.
const nameBytesMax = 64

// Apply runs the entry stored at index and returns one outcome per batch. It ignores
// entries at or below Index (nil, nil). An error means a broken invariant, such as an
// entry that cannot be decoded, a wrong checksum or an unknown command. The node must
// then stop rather than diverge, and the machine applies nothing more. Replies may share
// data's bytes.
func (m *Machine) Apply(index uint64, data []byte) ([]Outcome, error) {
	if m.broken != nil {
		return nil, m.broken
	}
	if index <= m.index {
		return nil, nil
	}
	outcomes, err := m.apply(index, data)
	if err != nil {
		m.broken = fmt.Errorf("fsm: apply entry %d: %w", index, err)
		return nil, m.broken
	}
	return outcomes, nil
}

// apply is Apply for a machine that is sound and an entry that is new to it.
func (m *Machine) apply(index uint64, data []byte) ([]Outcome, error) {
	e, err := m.decoder.Decode(data)
	if err != nil {
		return nil, err
	}
	if err := m.begin(index, e); err != nil {
		return nil, err
	}
	m.chain.begin(m.hash, index)
	m.chain.write(data)
	outcomes := make([]Outcome, len(e.Batches))
	for i := range e.Batches {
		if err := m.applyBatch(&e.Batches[i], &outcomes[i]); err != nil {
			return nil, fmt.Errorf("batch %d of %s: %w", e.Batches[i].Number, e.Batches[i].Server, err)
		}
	}
	m.keys.Purge(purgeMax)
	m.hash = m.chain.end()
	return outcomes, nil
}

// begin advances the clock, raises the version if the entry says so, and prepares the
// context for the entry's commands.
func (m *Machine) begin(index uint64, e *entry.Entry) error {
	m.index, m.asked = index, e.Digest
	if !m.keyed {
		m.keyed = true
		m.keys = keyspace.New(hashKeyOf(e.Seed))
	}
	m.keys.Advance(e.StampMS)
	if ms := wallClockMS(); ms > 0 {
		m.keys.Advance(ms)
	}
	if e.Raise > 0 {
		if err := m.raise(e.Raise); err != nil {
			return err
		}
	}
	m.expireParts()
	m.context = command.Context{
		Keys: m.keys, NowMS: m.keys.ClockMS(), Seed: e.Seed, Stream: hashKeyStream, Settings: m.settings,
	}
	return nil
}

// expireParts drops the parts of commands that have stalled. They expire by the machine's
// clock, as keys do, and the leader's ticks move that clock (NextDeadlineMS).
func (m *Machine) expireParts() {
	if m.version < 2 {
		return
	}
	// any order: each session is on its own
	for _, s := range m.sessions {
		s.parts.expire(m.keys.ClockMS())
	}
}

// hashKeyOf derives the keyspace's hash key from the first entry's seed.
func hashKeyOf(seed uint64) (key [16]byte) {
	r := command.NewRand(seed, hashKeyStream)
	for half := range 2 {
		draw := r.Uint64()
		for i := range 8 {
			key[8*half+i] = byte(draw >> (8 * i))
		}
	}
	return key
}

// applyBatch looks up the batch's session, and runs the batch if its number is the next.
func (m *Machine) applyBatch(b *entry.Batch, out *Outcome) error {
	out.Session, out.Number = b.Session, b.Number
	if err := checkVersion(b, m.version); err != nil {
		return err
	}
	if b.Kind == entry.Register {
		out.Status = m.register(b)
		m.chain.outcome(out)
		return nil
	}
	s := m.sessions[b.Server]
	if s == nil || s.boot != b.Boot {
		out.Status = Unknown
		m.chain.outcome(out)
		return nil
	}
	s.acknowledge(b.Acked)
	if out.Status = s.judge(b.Number); out.Status != Applied {
		s.answer(out)
		m.chain.outcome(out)
		return nil
	}
	m.context.Lookups = command.Lookups{}
	if err := m.runNext(s, b, out); err != nil {
		return err
	}
	out.Lookups = m.context.Lookups
	m.chain.outcome(out)
	s.keep(b.Number, m.chain.replies(out.Replies))
	return nil
}

// runNext runs the next batch of a session.
func (m *Machine) runNext(s *session, b *entry.Batch, out *Outcome) (err error) {
	switch b.Kind {
	case entry.Commands:
		if m.version < 2 {
			s.parts = parts{}
		} else {
			s.parts.between(0)
		}
		out.Replies, err = m.run(b.Commands)
		return err
	case entry.Abandon:
		s.parts.between(0)
		s.parts.abandon(b.First)
		return nil
	}
	var body []byte
	var state partState
	if m.version < 2 {
		body, state = s.parts.addInOrder(b)
	} else {
		s.parts.between(s.parts.firstOf(b))
		body, state = s.parts.add(b, m.keys.ClockMS())
	}
	switch state {
	case partKept:
		out.Status = Partial
		return nil
	case partLost:
		out.Replies = []reply.Value{reply.Err("ERR the command's parts did not all arrive; it was not applied")}
		return nil
	}
	out.Replies, err = m.runBody(body)
	return err
}

// runBody runs the commands of a body that came in parts. From version 2 on, nothing
// checks a body before it is whole, so one that cannot be run gets an error reply.
func (m *Machine) runBody(body []byte) ([]reply.Value, error) {
	commands, err := checkBody(body, m.version, &m.name)
	switch {
	case err == nil:
		m.context.BodyBytes = cap(body)
		defer func() { m.context.BodyBytes = 0 }()
		return m.run(commands)
	case m.version < 2:
		return nil, err
	}
	return []reply.Value{reply.Err("ERR the command came in parts and cannot be run; it was not applied")}, nil
}

// run runs commands in order. Checker has checked each before the leader made an entry of
// it, so a command that cannot be run is a broken invariant.
func (m *Machine) run(commands []entry.Command) ([]reply.Value, error) {
	if len(commands) == 0 {
		return nil, nil
	}
	replies := make([]reply.Value, len(commands))
	for i := range commands {
		c := &commands[i]
		row, err := rowOf(c, m.version, &m.name)
		if err != nil {
			return nil, err
		}
		m.context.DB, m.context.Args, m.context.Command = c.DB, c.Args, row
		m.context.Stream++
		replies[i] = m.guard(&m.context)
	}
	m.context.Args = nil
	return replies, nil
}

// Read runs a call whose route is Gate and sets its Reply. nowMS is the leader's stamp
// that came with the confirmation of the read. A result above 0 means that the call must
// be run again once ClockMS has reached it. Calls with equal seeds draw the same random
// numbers.
func (m *Machine) Read(call *command.Call, nowMS int64, seed uint64) (dueMS int64) {
	if call.Command.Route() != command.Gate {
		call.Reply = reply.Err("ERR '" + call.Command.Name + "' is not a read")
		return 0
	}
	if call.Command.Version > m.version {
		call.Reply = command.NotYetActive(call.Command, m.version)
		return 0
	}
	c := m.contexts.Get().(*command.Context)
	*c = command.Context{
		Keys: m.keys, DB: call.DB, NowMS: max(nowMS, m.keys.ClockMS()), Args: call.Args,
		Seed: seed, Settings: m.settings, Command: call.Command,
	}
	call.Reply, call.Lookups = m.guard(c), c.Lookups
	dueMS = c.DueMS
	*c = command.Context{}
	m.contexts.Put(c)
	return dueMS
}

// guard runs a command's function. It turns a panic into an error reply, which is the
// same on every node: all run the same code on the same state, so all panic at the same
// point.
func (m *Machine) guard(c *command.Context) (answer reply.Value) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if m.onPanic != nil {
			m.onPanic(c.Command.Name, cause)
		}
		answer = reply.Err("ERR internal error in '" + c.Command.Name + "' (a bug in Kvorum, please report it)")
	}()
	return c.Command.Run(c)
}

// OnPanic sets the function that is told about a caught panic. It is called on the
// goroutine and stack of the panic. OnPanic must be called before the machine is used.
func (m *Machine) OnPanic(report func(command string, cause any)) { m.onPanic = report }
