package store

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/kvorum/kvorum/node/store/segments"
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
	return e.Found() + ": the directory must not be used again; " + adviceEmpty
}

// Found is Error without the remedy, for whoever has no other copy to be caught up from.
func (e *DamageError) Found() string {
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
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// damage makes what a log says of its damage a DamageError, and says of any other
// error in which step it came, after what the operating system has said.
func damage(err error, doing string) error {
	var found *segments.Damage
	if errors.As(err, &found) {
		damaged := DamageError(*found)
		return &damaged
	}
	if errors.As(err, new(syscall.Errno)) {
		return step(doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
