package rdb

import "fmt"

// Version is the format's version that the writer writes, and the newest that the reader reads.
const Version = 10

// versionMin is the oldest version that the reader reads: the first that ends with a checksum.
const versionMin = 5

const magic = "REDIS"

// The opcodes (Redis 7.0: rdb.h, RDB_OPCODE_*).
const (
	opFunction2     = 0xF5
	opFunctionPreGA = 0xF6
	opModuleAux     = 0xF7
	opIdle          = 0xF8
	opFreq          = 0xF9
	opAux           = 0xFA
	opResizeDB      = 0xFB
	opExpireTimeMS  = 0xFC
	opExpireTime    = 0xFD
	opSelectDB      = 0xFE
	opEOF           = 0xFF
)

// typeString is the only type of value so far (RDB_TYPE_STRING).
const typeString = 0

// UnsupportedError names something in a file or payload that this package cannot read.
type UnsupportedError struct{ What string }

func (e *UnsupportedError) Error() string { return "rdb: " + e.What + " is not yet supported" }

// unsupported returns the error for an opcode or a type that is not a string.
func unsupported(code byte) error {
	what := ""
	switch code {
	case 1, 10, 14, 18:
		what = "a list"
	case 2, 11:
		what = "a set"
	case 3, 5, 12, 17:
		what = "a sorted set"
	case 4, 9, 13, 16:
		what = "a hash"
	case 15, 19:
		what = "a stream"
	case 6, 7:
		what = "a module's value"
	case opFunction2, opFunctionPreGA:
		what = "a library of functions"
	case opModuleAux:
		what = "a module's own data"
	default:
		return fmt.Errorf("%w: unknown type %d", ErrCorrupt, code)
	}
	return &UnsupportedError{What: fmt.Sprintf("%s (type %d)", what, code)}
}
