package store

import (
	"fmt"
	"strings"
)

// DamageError says that a file of the directory does not hold what was stored.
type DamageError struct {
	File   string // path
	Offset int64  // -1: the file as a whole
	Index  uint64 // of the entry, 0: none
	What   string // what is wrong, e.g. "its checksum does not fit"
	Err    error  // the cause, if there is one
}

// Error names the file and the place, then what is wrong, then the remedy.
func (e *DamageError) Error() string {
	var place []string
	if e.Offset >= 0 {
		place = append(place, fmt.Sprintf("offset %d", e.Offset))
	}
	if e.Index > 0 {
		place = append(place, fmt.Sprintf("entry %d", e.Index))
	}
	parts := []string{e.File}
	if len(place) > 0 {
		parts = append(parts, strings.Join(place, ", "))
	}
	parts = append(parts, e.What)
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ") + ": the directory must not be used again; " + adviceEmpty
}

// Unwrap returns the cause.
func (e *DamageError) Unwrap() error { return e.Err }
