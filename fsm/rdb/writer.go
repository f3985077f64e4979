package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Field is an auxiliary field. It holds state that RDB itself has no place for.
type Field struct {
	Name  string // Redis logs a field whose name begins with "%" at every load
	Value []byte
}

// Writer writes one file. First call Aux for the file's fields; then, for each database,
// Database and String for its objects; then Close. After an error, every call returns that
// error.
type Writer struct {
	writer    io.Writer
	buffer    []byte
	sum       uint64
	written   int64
	databases bool // Database was called, so it is too late for the file's fields
	err       error
}

// NewWriter returns a writer that has begun a file.
func NewWriter(w io.Writer) *Writer {
	return &Writer{
		writer: w,
		buffer: fmt.Appendf(make([]byte, 0, 2*bufferBytes), "%s%04d", magic, Version),
	}
}

// Aux writes a field of the file.
func (w *Writer) Aux(name string, value []byte) error {
	if w.databases {
		return w.fail(errors.New("rdb: a field of the file after the first database"))
	}
	w.field(name, value)
	return w.drain()
}

func (w *Writer) field(name string, value []byte) {
	w.buffer = appendLength(append(w.buffer, opAux), uint64(len(name)))
	w.buffer = append(w.buffer, name...)
	w.value(value)
}

// Database begins a database of size objects, of which expires have a deadline.
func (w *Writer) Database(db, size, expires int) error {
	w.databases = true
	w.buffer = appendLength(append(w.buffer, opSelectDB), uint64(db))
	w.buffer = appendLength(append(w.buffer, opResizeDB), uint64(size))
	w.buffer = appendLength(w.buffer, uint64(expires))
	return w.drain()
}

// String writes a key and its value, with the fields that the reader returns with it. A
// deadline of 0 means none.
func (w *Writer) String(key string, value []byte, deadlineMS int64, fields ...Field) error {
	if !w.databases {
		return w.fail(errors.New("rdb: an object before the first database"))
	}
	if len(fields) > fieldsMax {
		return w.fail(fmt.Errorf("rdb: %d auxiliary fields for one object, at most %d are allowed", len(fields), fieldsMax))
	}
	for _, f := range fields {
		w.field(f.Name, f.Value)
	}
	if deadlineMS != 0 {
		w.buffer = binary.LittleEndian.AppendUint64(append(w.buffer, opExpireTimeMS), uint64(deadlineMS))
	}
	w.buffer = append(w.buffer, typeString)
	w.buffer = appendLength(w.buffer, uint64(len(key)))
	w.buffer = append(w.buffer, key...)
	w.value(value)
	return w.drain()
}

// value writes a string. A large one bypasses the buffer and is written in pieces.
func (w *Writer) value(value []byte) {
	if len(value) <= bufferBytes {
		w.buffer = appendString(w.buffer, value)
		return
	}
	w.buffer = appendLength(w.buffer, uint64(len(value)))
	w.flush()
	for piece := range slices.Chunk(value, bufferBytes) {
		w.write(piece)
	}
}

// Close ends the file with its checksum. It does not close the io.Writer.
func (w *Writer) Close() error {
	w.buffer = append(w.buffer, opEOF)
	w.flush()
	w.write(binary.LittleEndian.AppendUint64(nil, w.sum))
	return w.err
}

// Written returns how many bytes the io.Writer has accepted.
func (w *Writer) Written() int64 { return w.written }

// drain writes the buffer if it is full.
func (w *Writer) drain() error {
	if len(w.buffer) >= bufferBytes {
		w.flush()
	}
	return w.err
}

func (w *Writer) flush() {
	w.write(w.buffer)
	w.buffer = w.buffer[:0]
}

func (w *Writer) write(p []byte) {
	if w.err != nil {
		return
	}
	w.sum = checksum(w.sum, p)
	n, err := w.writer.Write(p)
	w.written += int64(n)
	if err != nil {
		w.err = fmt.Errorf("rdb: write at byte %d: %w", w.written, err)
	}
}

func (w *Writer) fail(err error) error {
	if w.err == nil {
		w.err = err
	}
	return w.err
}
