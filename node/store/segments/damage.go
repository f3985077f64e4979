package segments

import "fmt"

// Damage means that a file of the log does not hold what was stored.
type Damage struct {
	File   string // path
	Offset int64  // -1: the file as a whole
	Index  uint64 // of the entry, 0: none
	What   string // what is wrong
	Err    error  // the cause, if there is one
}

// Error names the file and what is wrong.
func (d *Damage) Error() string {
	text := fmt.Sprintf("%s is damaged at offset %d, entry %d: %s", d.File, d.Offset, d.Index, d.What)
	if d.Err != nil {
		text += ": " + d.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (d *Damage) Unwrap() error { return d.Err }
