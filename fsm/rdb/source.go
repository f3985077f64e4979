package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/kvorum/kvorum/internal/memory"
)

// ErrCorrupt is wrapped by the errors for data that is truncated or malformed.
var ErrCorrupt = errors.New("rdb: corrupt data")

// ErrChecksum is wrapped by the errors for data whose checksum does not match.
var ErrChecksum = errors.New("rdb: wrong checksum")

// source reads from a stream or from memory, and sums up what was read.
type source struct {
	reader io.Reader // nil: all data is in buffer
	buffer []byte
	at     int // buffer[at:end] is still to be read
	end    int
	summed int // buffer[:summed] is already part of sum
	sum    uint64
	before int64 // bytes that have left the buffer

	stringMax uint64 // the longest string accepted, compressed or not
}

func newSource(r io.Reader) *source {
	return &source{reader: r, buffer: make([]byte, bufferBytes), stringMax: math.MaxInt64}
}

// corrupt returns an ErrCorrupt that says what is wrong at the current position.
func (s *source) corrupt(format string, args ...any) error {
	return fmt.Errorf("%w at byte %d: %s", ErrCorrupt, s.before+int64(s.at), fmt.Sprintf(format, args...))
}

// checksum returns the checksum of everything read so far.
func (s *source) checksum() uint64 {
	s.sum = checksum(s.sum, s.buffer[s.summed:s.at])
	s.summed = s.at
	return s.sum
}

// more fills the empty buffer with at least one byte.
func (s *source) more() error {
	if s.reader == nil {
		return io.EOF
	}
	s.checksum()
	s.before += int64(s.at)
	s.at, s.end, s.summed = 0, 0, 0
	n, err := io.ReadAtLeast(s.reader, s.buffer, 1)
	s.end = n
	return err
}

// fill reads len(p) bytes.
func (s *source) fill(p []byte) error {
	for len(p) > 0 {
		if err := s.some(); err != nil {
			return err
		}
		n := copy(p, s.buffer[s.at:s.end])
		s.at += n
		p = p[n:]
	}
	return nil
}

// skip reads n bytes and discards them.
func (s *source) skip(n uint64) error {
	for n > 0 {
		if err := s.some(); err != nil {
			return err
		}
		k := min(n, uint64(s.end-s.at))
		s.at += int(k)
		n -= k
	}
	return nil
}

// some makes sure that the buffer holds at least one byte to read.
func (s *source) some() error {
	if s.at < s.end {
		return nil
	}
	if err := s.more(); err == io.EOF {
		return s.corrupt("the data ends early")
	} else if err != nil {
		return fmt.Errorf("rdb: read at byte %d: %w", s.before, err)
	}
	return nil
}

func (s *source) byte() (byte, error) {
	var b [1]byte
	if s.at < s.end {
		b[0] = s.buffer[s.at]
		s.at++
		return b[0], nil
	}
	err := s.fill(b[:])
	return b[0], err
}

func (s *source) uint16() (uint16, error) {
	var b [2]byte
	err := s.fill(b[:])
	return binary.LittleEndian.Uint16(b[:]), err
}

func (s *source) uint32() (uint32, error) {
	var b [4]byte
	err := s.fill(b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

func (s *source) uint64() (uint64, error) {
	var b [8]byte
	err := s.fill(b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

// bytes reads n bytes into a new slice. For a large n, the slice grows as the bytes
// arrive.
func (s *source) bytes(n uint64) ([]byte, error) {
	if s.reader == nil && n > uint64(s.end-s.at) {
		return nil, s.corrupt("a length of %d is beyond the end", n)
	}
	p := make([]byte, min(n, trustBytes))
	if err := s.fill(p); err != nil {
		return nil, err
	}
	for uint64(len(p)) < n {
		have := len(p)
		size := have + int(min(n-uint64(have), uint64(have)))
		p = memory.Grow(p, size)[:size]
		if err := s.fill(p[have:]); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// length reads a length, or the first byte of a string's special form.
func (s *source) length() (n uint64, special bool, err error) {
	first, err := s.byte()
	if err != nil {
		return 0, false, err
	}
	var b [8]byte
	switch {
	case first < length14Bits:
		return uint64(first), false, nil
	case first < length32Bits:
		low, err := s.byte()
		return uint64(first-length14Bits)<<8 | uint64(low), false, err
	case first >= specialInt8:
		return uint64(first), true, nil
	case first == length32Bits:
		err = s.fill(b[4:])
	case first == length64Bits:
		err = s.fill(b[:])
	default:
		err = s.corrupt("unknown form of a length, %#x", first)
	}
	return binary.BigEndian.Uint64(b[:]), false, err
}

// count reads a length that must be a plain number, since it does not begin a string.
func (s *source) count(what string) (uint64, error) {
	n, special, err := s.length()
	if err == nil && special {
		err = s.corrupt("%s is not a number", what)
	}
	return n, err
}

// str reads a string in any of its forms, into a new slice.
func (s *source) str() ([]byte, error) {
	n, special, err := s.length()
	if err != nil {
		return nil, err
	}
	if special {
		return s.special(n)
	}
	if n > s.stringMax {
		return nil, s.tooLong(n)
	}
	return s.bytes(n)
}

// skipStr reads a string and discards it. A plain string takes no memory.
func (s *source) skipStr() error {
	n, special, err := s.length()
	if err != nil {
		return err
	}
	if special {
		_, err := s.special(n)
		return err
	}
	if n > s.stringMax {
		return s.tooLong(n)
	}
	return s.skip(n)
}

// special reads a string in one of its special forms.
func (s *source) special(form uint64) (_ []byte, err error) {
	var integer int64
	switch form {
	case specialInt8:
		var b byte
		b, err = s.byte()
		integer = int64(int8(b))
	case specialInt16:
		var u uint16
		u, err = s.uint16()
		integer = int64(int16(u))
	case specialInt32:
		var u uint32
		u, err = s.uint32()
		integer = int64(int32(u))
	case specialLZF:
		return s.compressed()
	default:
		err = s.corrupt("unknown form of a string, %#x", form)
	}
	if err != nil {
		return nil, err
	}
	return strconv.AppendInt(nil, integer, 10), nil
}

func (s *source) tooLong(n uint64) error {
	return s.corrupt("a string of %d bytes, where %d are the most", n, s.stringMax)
}

// compressed reads a string in LZF form.
func (s *source) compressed() ([]byte, error) {
	packed, err := s.count("the length of compressed data")
	if err != nil {
		return nil, err
	}
	plain, err := s.count("the length of decompressed data")
	if err != nil {
		return nil, err
	}
	if plain == 0 || packed == 0 || plain/lzfExpansionMax > packed {
		return nil, s.corrupt("%d bytes cannot decompress to %d", packed, plain)
	}
	if plain > s.stringMax {
		return nil, s.tooLong(plain)
	}
	data, err := s.bytes(packed)
	if err != nil {
		return nil, err
	}
	p, ok := lzfDecompress(data, int(plain))
	if !ok {
		return nil, s.corrupt("compressed data does not decompress")
	}
	return p, nil
}
