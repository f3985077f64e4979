package reply

import (
	"bytes"
	"math"
	"strconv"
)

// AppendRESP appends v to dst in the wire format of protocol proto (2 or 3). Types that
// RESP2 lacks are converted as in Redis: a map to a flat array, a set or push to an array,
// a double to a bulk string with Redis's "%.17g" text, a boolean to 0 or 1, and a verbatim
// string or big number to a bulk string.
func AppendRESP(dst []byte, v Value, proto int) []byte {
	switch v.Kind {
	case Simple:
		return appendLine(dst, '+', v.Bytes)
	case Error:
		return appendLine(dst, '-', bytes.Trim(v.Bytes, "\r\n"))
	case Integer:
		return appendHeader(dst, ':', v.num)
	case Bulk:
		return appendBulk(dst, '$', v.Bytes)
	case Array, Map, Set, Push:
		return appendAggregate(dst, v, proto)
	}
	if proto >= 3 {
		return appendRESP3(dst, v)
	}
	switch v.Kind {
	case NullArray:
		return append(dst, "*-1\r\n"...)
	case Double:
		var text [32]byte
		return appendBulk(dst, '$', appendDouble(text[:0], v.Float()))
	case Boolean:
		return appendHeader(dst, ':', v.num)
	case BigNumber:
		return appendBulk(dst, '$', v.Bytes)
	case Verbatim:
		return appendBulk(dst, '$', v.verbatimText())
	}
	return append(dst, "$-1\r\n"...)
}

// appendRESP3 appends the scalars that only RESP3 has a type for.
func appendRESP3(dst []byte, v Value) []byte {
	switch v.Kind {
	case Double:
		dst = appendDouble(append(dst, ','), v.Float())
		return append(dst, "\r\n"...)
	case Boolean:
		if v.num != 0 {
			return append(dst, "#t\r\n"...)
		}
		return append(dst, "#f\r\n"...)
	case BigNumber:
		return appendLine(dst, '(', v.Bytes)
	case Verbatim:
		return appendBulk(dst, '=', v.Bytes)
	}
	return append(dst, "_\r\n"...)
}

func appendAggregate(dst []byte, v Value, proto int) []byte {
	dst = AppendAggregateHeader(dst, v, proto)
	for i := range v.Elems {
		dst = AppendRESP(dst, v.Elems[i], proto)
	}
	return dst
}

// AppendAggregateHeader appends the line that precedes the elements of an Array, Map, Set
// or Push, for a writer that sends the elements one by one.
func AppendAggregateHeader(dst []byte, v Value, proto int) []byte {
	mark, count := byte('*'), len(v.Elems)
	if proto >= 3 {
		switch v.Kind {
		case Map:
			mark, count = '%', count/2
		case Set:
			mark = '~'
		case Push:
			mark = '>'
		}
	}
	return appendHeader(dst, mark, int64(count))
}

// AppendBulkHeader appends the line that precedes a bulk string of n bytes, for a writer
// that sends the bytes and their line end without copying them.
func AppendBulkHeader(dst []byte, n int) []byte { return appendHeader(dst, '$', int64(n)) }

func appendHeader(dst []byte, mark byte, n int64) []byte {
	dst = strconv.AppendInt(append(dst, mark), n, 10)
	return append(dst, '\r', '\n')
}

func appendBulk(dst []byte, mark byte, b []byte) []byte {
	dst = appendHeader(dst, mark, int64(len(b)))
	dst = append(dst, b...)
	return append(dst, '\r', '\n')
}

// appendLine appends a one-line type. A line end within it would look like the end of the
// reply, so its bytes become spaces, as in Redis.
func appendLine(dst []byte, mark byte, b []byte) []byte {
	dst = append(dst, mark)
	start := len(dst)
	dst = append(dst, b...)
	if bytes.IndexByte(b, '\n') >= 0 || bytes.IndexByte(b, '\r') >= 0 {
		for i := start; i < len(dst); i++ {
			if dst[i] == '\r' || dst[i] == '\n' {
				dst[i] = ' '
			}
		}
	}
	return append(dst, '\r', '\n')
}

// appendDouble appends f as C's "%.17g" prints it.
func appendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case math.IsNaN(f):
		return append(dst, "nan"...)
	}
	return strconv.AppendFloat(dst, f, 'g', 17, 64)
}

// verbatimText returns a Verbatim's text without its "txt:" prefix.
func (v Value) verbatimText() []byte { return v.Bytes[min(4, len(v.Bytes)):] }
