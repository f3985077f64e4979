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

// Refusal is the error for a batch that must not become part of an entry.
type Refusal struct {
	// Later means that the checking machine lags behind: the same batch may pass when
	// it is sent again.
	Later  bool
	Reason string
}

func (r *Refusal) Error() string { return r.Reason }

// refusal turns the error that a batch would cause in Apply into a *Refusal.
func refusal(err error) error {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r
	}
	return &Refusal{Reason: err.Error()}
}

// Checker checks encoded batches before a leader makes an entry of them. A batch that
// Apply cannot run would stop every node, and again at every start. A Checker reuses its
// buffers and is not safe for concurrent use.
type Checker struct {
	decoder entry.Decoder
	name    [nameBytesMax]byte
}

// Check decodes a batch. It returns a *Refusal unless a machine of the given version
// applies the batch without an error. The batch is valid until the next call. If
// EndsParts is true for it, CheckBody must check its body as well.
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

// EndsParts reports whether a batch is the last part of a command whose body must be
// checked beforehand. From version 2 on no body must be: one that cannot be run gets an
// error reply.
func EndsParts(b *entry.Batch, version uint8) bool {
	return b.Kind == entry.Part && b.PartIndex == b.PartTotal-1 && version < 2
}

// CheckBody checks the body that ends with the part b. before holds the parts that
// precede b (Machine.PartsBefore); CheckBody does not change it.
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

// checkBody decodes a body that came in parts, and returns its commands if all of them
// can be run. From version 2 on, a body must hold exactly one command, as nodes send it.
func checkBody(body []byte, version uint8, name *[nameBytesMax]byte) ([]entry.Command, error) {
	// Refused before it is decoded: many commands may take far more memory than their bytes.
	if version >= 2 && (len(body) == 0 || body[0] != 1) {
		return nil, errors.New("it holds other than one command")
	}
	commands, err := entry.DecodeBody(body)
	if err == nil {
		err = checkCommands(commands, version, name)
	}
	return commands, err
}

// checkCommands returns an error if a machine of this version cannot run all the commands.
func checkCommands(commands []entry.Command, version uint8, name *[nameBytesMax]byte) error {
	for i := range commands {
		word := commands[i].Args[0]
		_, err := rowOf(&commands[i], version, name)
		commands[i].Args[0] = word // rowOf left a name in the buffer that the next command reuses
		if err != nil {
			return err
		}
	}
	return nil
}

// PartsBefore returns the body as far as it came before b, the last part of its command.
// run is false if the machine is certain not to run the command, whatever it is. A
// *Refusal means that the machine has not applied those parts yet. PartsBefore is for
// version 1, where a session has at most one unfinished command.
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

// rowOf returns the table row of an entry's command. An error says why a machine of this
// version cannot run it. rowOf first copies the command's name into name, because the
// lookup converts it to lower case in place and Raft reads the entry's bytes too.
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

// CheckCall returns an error if a client's call could not be applied from an entry. It
// trusts the call's row.
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

// CheckClientAddr refuses an address that cannot be passed on to clients.
func CheckClientAddr(addr string) error {
	if err := member.CheckText(addr); err != nil {
		return fmt.Errorf("a client address: %w", err)
	}
	return nil
}
