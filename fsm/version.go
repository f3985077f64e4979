package fsm

import "fmt"

// Versions of the machine. A version determines how entries are applied, what they may
// hold, what the replies are, and what a snapshot holds. Any change to these needs a new
// version, even a corrected error text.
//
// The active version is part of the state. An empty machine is at OldestVersion, and an
// entry raises it (entry.Head.Raise). While a version is active, the machine holds exactly
// what a snapshot of that version holds, so that the previous release can read it.
const (
	OldestVersion = 1 // the version of the first release
	// NewestVersion is the newest version that this program knows. Version 2 lets the
	// parts of several commands alternate with each other and with other batches.
	NewestVersion = 2
)

// NewerError is the error for data that a later release has written.
type NewerError struct {
	What    string // what was read, as in "the snapshot is of"
	Version uint8  // the machine version that it needs
	Newest  uint8  // the newest version that this program knows
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s machine version %d, and this program knows none above %d: run the release that this node ran before, or a later one ('kvorum version' shows which versions a program knows)",
		e.What, e.Version, e.Newest)
}

// NewerRelease marks the error, for packages that do not import this one.
func (e *NewerError) NewerRelease() {}

// Version returns the active version.
func (m *Machine) Version() uint8 { return m.version }

// raise raises the machine to a version. That is cheap: the state that a version adds is
// empty, or follows at once from the little that sessions hold.
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
