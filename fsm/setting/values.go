package setting

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
)

// Values holds the replicated settings of one machine, in canonical form.
type Values struct {
	byName  map[string]string
	bulkMax int64 // ProtoMaxBulkLen, parsed, since every command that grows a string reads it
}

// NewValues returns the default values.
func NewValues() *Values {
	v := &Values{byName: make(map[string]string)}
	for i := range Table {
		if Table[i].Scope == Replicated {
			v.byName[Table[i].Name] = Table[i].Default
		}
	}
	v.refresh()
	return v
}

func (v *Values) refresh() {
	v.bulkMax, _ = strconv.ParseInt(v.byName[ProtoMaxBulkLen], 10, 64)
}

// BulkMax returns the size of the largest string that a command may make (ProtoMaxBulkLen).
func (v *Values) BulkMax() int64 { return v.bulkMax }

// Get returns the value of a replicated setting by its name in lower case.
func (v *Values) Get(name string) (string, bool) {
	s, ok := v.byName[name]
	return s, ok
}

// Set changes one replicated setting. Its error is a *Refusal; RefusedReply makes the
// reply from it.
func (v *Values) Set(name, value string) error {
	row := Find(name)
	if row == nil || row.Scope != Replicated {
		return refuse("it is not a replicated setting")
	}
	canonical, err := row.Parse(value, v.byName[row.Name])
	if err != nil {
		return err
	}
	v.byName[row.Name] = canonical
	v.refresh()
	return nil
}

// All visits the settings in the order of their names.
func (v *Values) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, name := range slices.Sorted(maps.Keys(v.byName)) {
			if !yield(name, v.byName[name]) {
				return
			}
		}
	}
}

// Clone returns an independent copy.
func (v *Values) Clone() *Values {
	return &Values{byName: maps.Clone(v.byName), bulkMax: v.bulkMax}
}

// Append appends the settings to dst in the form that a snapshot keeps: a count, and then
// the name and value of each. Counts and lengths are varints.
func (v *Values) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(v.byName)))
	for name, value := range v.All() {
		dst = binary.AppendUvarint(dst, uint64(len(name)))
		dst = append(dst, name...)
		dst = binary.AppendUvarint(dst, uint64(len(value)))
		dst = append(dst, value...)
	}
	return dst
}

var errMalformed = errors.New("setting: stored settings are malformed")

// Decode decodes what Append wrote. A name that is not in the table is an error, because
// this program would then apply entries differently from the one that wrote it.
func Decode(data []byte) (*Values, error) {
	v := NewValues()
	count, data, err := takeUvarint(data)
	if err != nil {
		return nil, err
	}
	last := ""
	for range count {
		var name, value string
		if name, data, err = takeString(data); err != nil {
			return nil, err
		}
		if value, data, err = takeString(data); err != nil {
			return nil, err
		}
		row := Find(name)
		if row == nil || row.Scope != Replicated || name != row.Name || name <= last {
			return nil, fmt.Errorf("setting: %q is not a replicated setting, or not in its place", name)
		}
		if canonical, err := row.Parse(value, row.Default); err != nil || canonical != value {
			return nil, fmt.Errorf("setting: %q cannot be the value of %s", value, name)
		}
		v.byName[name], last = value, name
	}
	if len(data) > 0 {
		return nil, errMalformed
	}
	v.refresh()
	return v, nil
}

func takeUvarint(data []byte) (uint64, []byte, error) {
	n, size := binary.Uvarint(data)
	if size <= 0 {
		return 0, nil, errMalformed
	}
	return n, data[size:], nil
}

func takeString(data []byte) (string, []byte, error) {
	n, data, err := takeUvarint(data)
	if err != nil || n > uint64(len(data)) {
		return "", nil, errMalformed
	}
	return string(data[:n]), data[n:], nil
}
