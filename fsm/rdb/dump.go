package rdb

import (
	"encoding/binary"
	"fmt"
)

// footerBytes ends a DUMP payload: the version and the checksum.
const footerBytes = 2 + 8

// AppendDump appends the payload with which DUMP replies for a string.
func AppendDump(dst, value []byte) []byte {
	start := len(dst)
	dst = appendPacked(append(dst, typeString), value)
	dst = binary.LittleEndian.AppendUint16(dst, Version)
	return binary.LittleEndian.AppendUint64(dst, checksum(0, dst[start:]))
}

// appendPacked appends a string in the form that Redis's DUMP chooses: as an integer,
// compressed if that saves bytes, or plain.
func appendPacked(dst, s []byte) []byte {
	if len(s) < compressBytesMin {
		return appendString(dst, s)
	}
	packed, ok := lzfCompress(s)
	if !ok {
		return appendString(dst, s)
	}
	dst = appendLength(append(dst, specialLZF), uint64(len(packed)))
	return append(appendLength(dst, uint64(len(s))), packed...)
}

// ParseDump returns the string in a payload. A string of more than bytesMax bytes is an
// error, since a few bytes may claim to decompress to a hundred times as many. The error
// wraps ErrChecksum if version or checksum are wrong (Redis: "DUMP payload version or
// checksum are wrong"), wraps ErrCorrupt for "Bad data format", and is an
// *UnsupportedError for another type. Bytes between the value and the footer are ignored,
// as in Redis.
func ParseDump(payload []byte, bytesMax int64) ([]byte, error) {
	if len(payload) < footerBytes {
		return nil, fmt.Errorf("%w: a payload of %d bytes", ErrChecksum, len(payload))
	}
	body, footer := payload[:len(payload)-footerBytes], payload[len(payload)-footerBytes:]
	if version := binary.LittleEndian.Uint16(footer); version > Version {
		return nil, fmt.Errorf("%w: a payload of version %d", ErrChecksum, version)
	}
	if checksum(0, payload[:len(payload)-8]) != binary.LittleEndian.Uint64(footer[2:]) {
		return nil, ErrChecksum
	}
	s := &source{buffer: body, end: len(body), stringMax: uint64(bytesMax)}
	kind, err := s.byte()
	if err != nil {
		return nil, err
	}
	if kind != typeString {
		return nil, unsupported(kind)
	}
	return s.str()
}
