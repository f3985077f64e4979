package fsm

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/kvorum/kvorum/fsm/member"
)

// Place says where in Raft's log a snapshot stands. Raft keeps it beside the
// snapshot and sends it ahead of it; within the file it is under the checksum.
type Place struct {
	Index              uint64 // of the last entry in it
	Term               uint64 // of that entry
	ConfigurationIndex uint64 // of the newest configuration in it
}

// placeVersion is the layout of a place's field.
const placeVersion = 1

func (p Place) append(dst []byte) []byte {
	dst = append(dst, placeVersion)
	dst = binary.AppendUvarint(dst, p.Index)
	dst = binary.AppendUvarint(dst, p.Term)
	return binary.AppendUvarint(dst, p.ConfigurationIndex)
}

// decodePlace returns nil for a layout that this program does not know: a later
// one's snapshot is taken as one that does not say where it stands.
func decodePlace(data []byte) (*Place, error) {
	d := decoder{rest: data}
	if v := d.byte(); !d.bad && v != placeVersion {
		return nil, nil
	}
	p := &Place{Index: d.uvarint(math.MaxUint64), Term: d.uvarint(math.MaxUint64)}
	p.ConfigurationIndex = d.uvarint(p.Index)
	return p, d.end("place")
}

// Description holds a snapshot's own account of its place in the log and its members.
type Description struct {
	Index   uint64          // the machine's
	Servers []member.Server // the configuration that the machine has recorded
	Place   *Place          // nil: the snapshot does not say (the first release's do not)
}

// Describe reads the beginning of a snapshot. It does not see the checksum at
// the file's end: its caller has another one, or reads the file with Verify too.
func Describe(r io.Reader) (Description, error) {
	s := restoring{brief: true, newest: NewestVersion}
	if err := s.read(r); err != nil {
		return Description{}, err
	}
	return Description{Index: s.head.index, Servers: s.machine.servers, Place: s.place}, nil
}

// placed takes the field that says where the snapshot stands.
func (s *restoring) placed(value []byte) (err error) {
	if s.stage != atStart || s.place != nil {
		return fmt.Errorf("field %q is not in its place", placeField)
	}
	s.place, err = decodePlace(value)
	return err
}

// checkPlace makes sure that a snapshot stands where its machine is: what Raft
// does not hand to the machine, it does not count for a snapshot either.
func (s *restoring) checkPlace() error {
	if s.place != nil && s.place.Index != s.head.index {
		return fmt.Errorf("it says that it is of entry %d, and holds the state of entry %d", s.place.Index, s.head.index)
	}
	return nil
}
