package rdb

import "encoding/binary"

// The first byte of a length (Redis 7.0: rdb.h, RDB_6BITLEN and on). The first two forms
// also hold the leading bits of the length.
const (
	length6Bits  = 0x00
	length14Bits = 0x40
	length32Bits = 0x80
	length64Bits = 0x81
)

// The first byte of a string in a special form, where a length would be (RDB_ENCVAL, RDB_ENC_*).
const (
	specialInt8  = 0xC0
	specialInt16 = 0xC1
	specialInt32 = 0xC2
	specialLZF   = 0xC3
)

// appendLength appends the shortest form of a length.
func appendLength(dst []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(dst, length6Bits|byte(n))
	case n < 1<<14:
		return append(dst, length14Bits|byte(n>>8), byte(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, length32Bits), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, length64Bits), n)
}

// canonicalInteger parses the decimal text of a 32-bit integer. It accepts only the text
// that printing would produce: no sign but "-", no leading zeros.
func canonicalInteger(s []byte) (n int64, ok bool) {
	digits := s
	negative := len(s) > 1 && s[0] == '-'
	if negative {
		digits = s[1:]
	}
	if len(digits) == 0 || len(s) > integerBytesMax || digits[0] == '0' && len(s) > 1 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, n == int64(int32(n))
}

// appendInteger appends the integer form of a string if it has one.
func appendInteger(dst, s []byte) ([]byte, bool) {
	n, ok := canonicalInteger(s)
	switch {
	case !ok:
		return dst, false
	case n == int64(int8(n)):
		return append(dst, specialInt8, byte(n)), true
	case n == int64(int16(n)):
		return binary.LittleEndian.AppendUint16(append(dst, specialInt16), uint16(n)), true
	}
	return binary.LittleEndian.AppendUint32(append(dst, specialInt32), uint32(n)), true
}

// appendString appends a string in its integer form if it has one, else plain.
func appendString(dst, s []byte) []byte {
	if dst, ok := appendInteger(dst, s); ok {
		return dst
	}
	return append(appendLength(dst, uint64(len(s))), s...)
}
