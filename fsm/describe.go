package fsm

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/kvorum/kvorum/fsm/member"
)

// Place is a snapshot's position in Raft's log. Raft stores it beside the snapshot and
// sends it first. Within the file, the snapshot's own checksum covers it.
type Place struct {
	Index              uint64 // of the last entry in the snapshot
	Term               uint64 // of that entry
	ConfigurationIndex uint64 // of the newest configuration in the snapshot
}

// placeVersion is the version of the field's layout.
const placeVersion = 1

func (p Place) append(dst []byte) []byte {
	dst = append(dst, placeVersion)
	dst = binary.AppendUvarint(dst, p.Index)
	dst = binary.AppendUvarint(dst, p.Term)
	return binary.AppendUvarint(dst, p.ConfigurationIndex)
}

// decodePlace returns nil for a layout that this program does not know. The snapshot of a
// later release then counts as one without a place.
func decodePlace(data []byte) (*Place, error) {
	d := decoder{rest: data}
	if v := d.byte(); !d.bad && v != placeVersion {
		return nil, nil
	}
	p := &Place{Index: d.uvarint(math.MaxUint64), Term: d.uvarint(math.MaxUint64)}
	p.ConfigurationIndex = d.uvarint(p.Index)
	return p, d.end("place")
}

// Description holds what a snapshot says about its place in the log and about the members.
type Description struct {
	Index   uint64          // the machine's
	Servers []member.Server // the configuration that the machine has recorded
	Place   *Place          // nil: the snapshot has none (the first release wrote none)
}

// Describe reads only the beginning of a snapshot. It does not reach the checksum at the
// file's end, so its caller must have another checksum, or call Verify too.
func Describe(r io.Reader) (Description, error) {
	s := restoring{brief: true, newest: NewestVersion}
	if err := s.read(r); err != nil {
		return Description{}, err
	}
	return Description{Index: s.head.index, Servers: s.machine.servers, Place: s.place}, nil
}

// placed reads the field that holds the snapshot's place.
func (s *restoring) placed(value []byte) (err error) {
	if s.stage != atStart || s.place != nil {
		return fmt.Errorf("field %q is not in its place", placeField)
	}
	s.place, err = decodePlace(value)
	return err
}

// checkPlace makes sure that the snapshot's place agrees with its machine's index. The
// two are equal because Raft counts for a snapshot only what it hands to the machine.
func (s *restoring) checkPlace() error {
	if s.place != nil && s.place.Index != s.head.index {
		return fmt.Errorf("it says that it is of entry %d, and holds the state of entry %d", s.place.Index, s.head.index)
	}
	return nil
}
