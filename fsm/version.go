package fsm

import "fmt"

// Versions of the machine. A version names how entries are applied, what may
// be in them, what is answered, and what a snapshot holds; everything that a
// later release changes in these is of a later version, also a mended error text.
//
// Which version is active is state: an empty machine is at OldestVersion, and an
// entry raises it (entry.Head.Raise). While a version is active the machine
// holds exactly what a snapshot of that version holds, so that the release
// before can read it.
const (
	OldestVersion = 1 // of the first release
	// NewestVersion is the newest that this program applies. Version 2 lets parts
	// of several commands alternate with each other and with other batches.
	NewestVersion = 2
)

// NewerError is the error of what a later release has written.
type NewerError struct {
	What    string // what was read, as in "the snapshot is of"
	Version uint8  // the machine version that it needs
	Newest  uint8  // the newest that this program knows
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s machine version %d, and this program knows none above %d: run the release that this node ran before, or a later one ('kvorum version' shows which versions a program knows)",
		e.What, e.Version, e.Newest)
}

// NewerRelease tells such an error apart where this package is not known.
func (e *NewerError) NewerRelease() {}

// Version is the active version.
func (m *Machine) Version() uint8 { return m.version }

// raise takes the machine to a version. What a version begins is empty, or
// follows at once from the little that sessions hold.
func (m *Machine) raise(to uint8) error {
	if to > m.newest {
		return &NewerError{What: "the log raises the cluster to", Version: to, Newest: m.newest}
	}
	if m.version < 2 && to >= 2 {
		// any order: each session is on its own
		for _, s := range m.sessions {
			s.parts.raise(s.last, m.keys.ClockMS())
		}
	}
	m.version = max(m.version, to)
	return nil
}
