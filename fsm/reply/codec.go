package reply

import (
	"encoding/binary"
	"errors"
)

// depthMax bounds how deeply a stored value may nest.
const depthMax = 64

// kindOK stands for the value OK in the stored form, so that the most common
// reply takes one byte.
const kindOK = 0xff

var errCorrupt = errors.New("reply: stored value is corrupt")

// AppendStored appends v to dst in the stored form: a kind byte, followed by a varint, by a
// length and bytes, or by a count and elements. Equal values have equal forms, so the form
// can be hashed.
func AppendStored(dst []byte, v Value) []byte {
	if v.Kind == Simple && string(v.Bytes) == "OK" {
		return append(dst, kindOK)
	}
	dst = append(dst, byte(v.Kind))
	switch v.Kind {
	case Integer, Boolean:
		dst = binary.AppendVarint(dst, v.num)
	case Double:
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v.num))
	case Simple, Error, Bulk, BigNumber, Verbatim:
		dst = binary.AppendUvarint(dst, uint64(len(v.Bytes)))
		dst = append(dst, v.Bytes...)
	case Array, Map, Set, Push:
		dst = binary.AppendUvarint(dst, uint64(len(v.Elems)))
		for _, e := range v.Elems {
			dst = AppendStored(dst, e)
		}
	}
	return dst
}

// DecodeStored decodes the value at the front of b and also returns the rest. The value
// shares b's bytes.
func DecodeStored(b []byte) (Value, []byte, error) { return decodeStored(b, 0) }

// decodeStored is DecodeStored for a value that is nested depth levels deep.
func decodeStored(b []byte, depth int) (Value, []byte, error) {
	if len(b) == 0 || depth > depthMax {
		return Value{}, nil, errCorrupt
	}
	if b[0] == kindOK {
		return OK, b[1:], nil
	}
	v := Value{Kind: Kind(b[0])}
	b = b[1:]
	switch v.Kind {
	case Null, NullArray:
		return v, b, nil
	case Integer, Boolean:
		n, size := binary.Varint(b)
		if size <= 0 {
			return Value{}, nil, errCorrupt
		}
		v.num = n
		return v, b[size:], nil
	case Double:
		if len(b) < 8 {
			return Value{}, nil, errCorrupt
		}
		v.num = int64(binary.LittleEndian.Uint64(b))
		return v, b[8:], nil
	}
	if v.Kind >= kindCount {
		return Value{}, nil, errCorrupt
	}
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) { // every element takes at least one byte
		return Value{}, nil, errCorrupt
	}
	b = b[size:]
	switch v.Kind {
	case Array, Map, Set, Push:
		return decodeElems(v, b, int(n), depth)
	}
	v.Bytes = b[:n:n]
	return v, b[n:], nil
}

// decodeElems decodes the n elements of an aggregate v.
func decodeElems(v Value, b []byte, n, depth int) (Value, []byte, error) {
	if v.Kind == Map && n%2 != 0 {
		return Value{}, nil, errCorrupt
	}
	for range n {
		e, rest, err := decodeStored(b, depth+1)
		if err != nil {
			return Value{}, nil, err
		}
		v.Elems = append(v.Elems, e)
		b = rest
	}
	return v, b, nil
}
