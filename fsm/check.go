package fsm

import (
	"errors"
	"fmt"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/internal/memory"
)

// Refusal says why a batch must not become part of an entry.
type Refusal struct {
	// Later says that the machine of whoever checked has to go on first: the
	// batch may pass as it is when it is sent again.
	Later  bool
	Reason string
}

func (r *Refusal) Error() string { return r.Reason }

// refusal says why a batch that Apply breaks over is refused.
func refusal(err error) error {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r
	}
	return &Refusal{Reason: err.Error()}
}

// Checker checks encoded batches before a leader makes an entry of them: one
// that Apply cannot run would stop every node, again at every start. It keeps
// its buffers and is not safe for concurrent use.
type Checker struct {
	decoder entry.Decoder
	name    [nameBytesMax]byte
}

// Check returns a decoded batch that a machine of the given version applies
// without an error, or a *Refusal. The batch is valid until the next call. If
// EndsParts holds of it, its body has to be checked as well, by CheckBody.
func (c *Checker) Check(data []byte, version uint8) (*entry.Batch, error) {
	b, err := c.decoder.DecodeBatch(data)
	if err == nil {
		err = checkVersion(b, version)
	}
	if err == nil && b.Kind == entry.Commands {
		err = checkCommands(b.Commands, version, &c.name)
	}
	if err == nil && b.Kind == entry.Register {
		err = CheckClientAddr(b.ClientAddr)
	}
	if err != nil {
		return nil, refusal(err)
	}
	return b, nil
}

// EndsParts reports whether a batch is the last part of a command whose body a
// machine of this version must be able to run: from version 2 on it need not.
func EndsParts(b *entry.Batch, version uint8) bool {
	return b.Kind == entry.Part && b.PartIndex == b.PartTotal-1 && version < 2
}

// CheckBody checks the body that ends with the part b, given what comes before it
// (Machine.PartsBefore), which it does not change.
func (c *Checker) CheckBody(before []byte, b *entry.Batch, version uint8) error {
	body := memory.Append(memory.Grow(before, len(before)+len(b.PartBytes)), b.PartBytes)
	if _, err := checkBody(body, version, &c.name); err != nil {
		return refusal(err)
	}
	return nil
}

// checkVersion refuses a batch whose layout needs a later version.
func checkVersion(b *entry.Batch, version uint8) error {
	if needs := b.MachineVersion(); needs > version {
		return &Refusal{Later: true, Reason: fmt.Sprintf("it needs machine version %d, and version %d is active", needs, version)}
	}
	return nil
}

// checkBody decodes a body that came in parts, and returns its commands if all
// can be run; from version 2 on it is one, as nodes send it.
func checkBody(body []byte, version uint8, name *[nameBytesMax]byte) ([]entry.Command, error) {
	if version >= 2 && (len(body) == 0 || body[0] != 1) { // before many are decoded, which may take far more memory
		return nil, errors.New("it holds other than one command")
	}
	commands, err := entry.DecodeBody(body)
	if err == nil {
		err = checkCommands(commands, version, name)
	}
	return commands, err
}

func checkCommands(commands []entry.Command, version uint8, name *[nameBytesMax]byte) error {
	for i := range commands {
		word := commands[i].Args[0]
		_, err := rowOf(&commands[i], version, name)
		commands[i].Args[0] = word // the row's is in a buffer that the next one takes
		if err != nil {
			return err
		}
	}
	return nil
}

// PartsBefore returns what the parts that precede b, the last of its command, hold
// of the body; run is false if the machine is certain not to run b's command,
// whatever it is. The refusal says that the machine has not come to them yet. It
// is for version 1, where one command at most is under way.
func (m *Machine) PartsBefore(b *entry.Batch) (before []byte, run bool, err error) {
	if b.PartIndex == 0 {
		return nil, true, nil
	}
	s := m.sessions[b.Server]
	if s == nil || s.boot != b.Boot || b.Number > s.last+1 {
		return nil, false, &Refusal{Later: true, Reason: "the parts before this one have not been applied yet"}
	}
	underWay := s.parts.unfinished
	if b.Number <= s.last || !s.parts.fits(b) {
		return nil, false, nil
	}
	return underWay[0].body, true, nil
}

// rowOf finds the row of a command of an entry; an error says why a machine of
// this version cannot run it. The name is copied into name first, since the
// table lowers it in place and the entry's bytes are also read by Raft.
func rowOf(c *entry.Command, version uint8, name *[nameBytesMax]byte) (*command.Command, error) {
	n := copy(name[:], c.Args[0])
	if n < len(c.Args[0]) {
		return nil, fmt.Errorf("a command's name of %d bytes", len(c.Args[0]))
	}
	c.Args[0] = name[:n:n]
	row, refusal := command.Lookup(c.Args)
	if row == nil {
		return nil, fmt.Errorf("command %q: %s", c.Args[0], refusal.Bytes)
	}
	if row.Route() == command.Local {
		return nil, fmt.Errorf("command %q does not belong into the log", row.Name)
	}
	if c.DB >= keyspace.Databases {
		return nil, fmt.Errorf("command %q for database %d", row.Name, c.DB)
	}
	if row.Version > version {
		return nil, &Refusal{Later: true, Reason: fmt.Sprintf("command %q needs machine version %d, and version %d is active", row.Name, row.Version, version)}
	}
	return row, nil
}

// CheckCall returns an error if a client's call could not be applied from an
// entry. It relies on the row that the call was given.
func CheckCall(c *command.Call) error {
	switch {
	case c.Command == nil || c.Command.Route() == command.Local:
		return fmt.Errorf("not a command of the log")
	case c.DB < 0 || c.DB >= keyspace.Databases:
		return fmt.Errorf("command %q for database %d", c.Command.Name, c.DB)
	case len(c.Args) < 1 || len(c.Args) > entry.ArgsMax || len(c.Args[0]) > nameBytesMax:
		return fmt.Errorf("command %q with %d arguments", c.Command.Name, len(c.Args))
	}
	return nil
}

// CheckClientAddr refuses an address that clients could not be told.
func CheckClientAddr(addr string) error {
	if err := member.CheckText(addr); err != nil {
		return fmt.Errorf("a client address: %w", err)
	}
	return nil
}
