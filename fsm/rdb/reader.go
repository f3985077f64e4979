package rdb

import (
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Kind is the kind of an event.
type Kind uint8

// The kinds of events, and which fields of Event they fill.
const (
	Aux      Kind = iota + 1 // a field of the file: Key, Value
	Database                 // a database begins: DB
	Size                     // the size that the file claims for the database: DB, Objects, Deadlines
	String                   // an object with a string value: DB, Key, Value, and DeadlineMS to Fields
	End                      // the end of the file, checksum verified: nothing
)

// Event is one item of a file.
type Event struct {
	Kind       Kind
	DB         int
	Key        string
	Value      []byte // owned by the receiver
	DeadlineMS int64  // 0: none
	IdleS      int64  // seconds since the last use; -1: the file does not say
	Freq       int    // the logarithmic counter of LFU; -1: the file does not say
	Fields     []Field
	Objects    uint64 // a hint only
	Deadlines  uint64 // a hint only
}

// Reader reads one file.
type Reader struct {
	source  *source
	version int // 0: the header has not been read
	db      int // -1: no database yet
	err     error

	skipValues bool
}

// NewReader returns a reader of the file in r. It reads to the end of r; bytes after the
// file's end are an error.
func NewReader(r io.Reader) *Reader { return &Reader{source: newSource(r), db: -1} }

// SkipValues makes Next read the objects' values without keeping them: Event.Value is nil then.
func (r *Reader) SkipValues() { r.skipValues = true }

// Version returns the file's version, once Next has returned an event.
func (r *Reader) Version() int { return r.version }

// Next returns the next event. Only End proves that the whole file is sound; events before
// it may come from a damaged file. After End, Next returns io.EOF. After an error, it
// returns the same error again.
func (r *Reader) Next() (Event, error) {
	if r.err != nil {
		return Event{}, r.err
	}
	event, err := r.next()
	switch {
	case err != nil:
		r.err = err
	case event.Kind == End:
		r.err = io.EOF
	}
	return event, err
}

// next is Next without the memory for errors.
func (r *Reader) next() (Event, error) {
	if r.version == 0 {
		if err := r.header(); err != nil {
			return Event{}, err
		}
	}
	code, err := r.source.byte()
	if err != nil {
		return Event{}, err
	}
	switch code {
	case opAux:
		if r.db < 0 {
			f, err := r.field()
			return Event{Kind: Aux, Key: f.Name, Value: f.Value}, err
		}
	case opSelectDB:
		return r.database()
	case opResizeDB:
		return r.size()
	case opEOF:
		return r.end()
	}
	return r.object(code)
}

// header reads the magic and the version.
func (r *Reader) header() error {
	var header [len(magic) + 4]byte
	if err := r.source.fill(header[:]); err != nil {
		return err
	}
	version, err := strconv.ParseUint(string(header[len(magic):]), 10, 16)
	if err != nil || string(header[:len(magic)]) != magic {
		return r.source.corrupt("not an RDB file")
	}
	if version < versionMin || version > Version {
		return &UnsupportedError{What: fmt.Sprintf("version %d of RDB (versions %d to %d are)", version, versionMin, Version)}
	}
	r.version = int(version)
	return nil
}

func (r *Reader) field() (Field, error) {
	name, err := r.source.str()
	if err != nil {
		return Field{}, err
	}
	value, err := r.source.str()
	return Field{Name: string(name), Value: value}, err
}

func (r *Reader) database() (Event, error) {
	db, err := r.source.count("the number of a database")
	if err != nil {
		return Event{}, err
	}
	if db >= databasesMax {
		return Event{}, r.source.corrupt("database %d", db)
	}
	r.db = int(db)
	return Event{Kind: Database, DB: r.db}, nil
}

func (r *Reader) size() (Event, error) {
	objects, err := r.source.count("the size of a database")
	if err != nil {
		return Event{}, err
	}
	deadlines, err := r.source.count("the size of a database")
	return Event{Kind: Size, DB: r.db, Objects: objects, Deadlines: deadlines}, err
}

// object reads an object; code is its first opcode.
func (r *Reader) object(code byte) (Event, error) {
	event := Event{Kind: String, DB: r.db, IdleS: -1, Freq: -1}
	for code != typeString {
		if err := r.attribute(code, &event); err != nil {
			return Event{}, err
		}
		var err error
		if code, err = r.source.byte(); err != nil {
			return Event{}, err
		}
	}
	if r.db < 0 {
		return Event{}, r.source.corrupt("an object before the first database")
	}
	key, err := r.source.str()
	if err != nil {
		return Event{}, err
	}
	event.Key = string(key)
	if r.skipValues {
		err = r.source.skipStr()
	} else {
		event.Value, err = r.source.str()
	}
	return event, err
}

// attribute reads the attribute that an opcode before an object's type announces.
func (r *Reader) attribute(code byte, event *Event) (err error) {
	switch code {
	case opAux:
		if len(event.Fields) == fieldsMax {
			return r.source.corrupt("more than %d auxiliary fields before one object", fieldsMax)
		}
		var f Field
		f, err = r.field()
		event.Fields = append(event.Fields, f)
	case opExpireTimeMS:
		var ms uint64
		ms, err = r.source.uint64()
		event.DeadlineMS = int64(ms)
	case opExpireTime:
		var seconds uint32
		seconds, err = r.source.uint32()
		event.DeadlineMS = int64(int32(seconds)) * 1000
	case opIdle:
		var seconds uint64
		seconds, err = r.source.count("an idle time")
		event.IdleS = int64(seconds)
	case opFreq:
		var freq byte
		freq, err = r.source.byte()
		event.Freq = int(freq)
	case opSelectDB, opResizeDB, opEOF:
		return r.source.corrupt("opcode %#x where an object must follow", code)
	default:
		return unsupported(code)
	}
	return err
}

// end verifies the checksum, and that nothing follows it.
func (r *Reader) end() (Event, error) {
	sum := r.source.checksum()
	want, err := r.source.uint64()
	switch {
	case err != nil:
		return Event{}, err
	case want == 0 && sum != 0:
		return Event{}, fmt.Errorf("%w: the file was written without one (rdbchecksum no)", ErrChecksum)
	case want != sum:
		return Event{}, fmt.Errorf("%w: the file says %#x, its bytes %#x", ErrChecksum, want, sum)
	}
	if r.source.at == r.source.end {
		if err := r.source.more(); err == io.EOF {
			return Event{Kind: End}, nil
		} else if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return Event{}, fmt.Errorf("rdb: read after the end: %w", err)
		}
	}
	return Event{}, r.source.corrupt("bytes follow the end of the file")
}
