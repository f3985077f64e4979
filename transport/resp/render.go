package resp

import "github.com/kvorum/kvorum/fsm/reply"

// estimate returns roughly how many bytes v takes on the wire, and how many values it consists of.
func estimate(v *reply.Value) (size int64, values int) {
	size, values = int64(len(v.Bytes))+8, 1
	for i := range v.Elems {
		s, n := estimate(&v.Elems[i])
		size, values = size+s, values+n
	}
	return size, values
}

// small reports whether a reply of this size takes less memory in wire format than as values. The
// wire format takes at most smallValueBytes for each value, even if a large, shared value is among
// them.
func small(size int64, values int) bool {
	return values > smallValuesMin && size < int64(values)*smallValueBytes
}

// render returns v in wire format, in memory of exactly size bytes, as measure returned it.
func render(v *reply.Value, proto int, size int64) []byte {
	return reply.AppendRESP(make([]byte, 0, size), *v, proto)
}

// measure returns how many bytes v takes on the wire. It renders each value in turn into scratch,
// and returns scratch as it has grown.
func measure(v *reply.Value, proto int, scratch []byte) (size int64, grown []byte) {
	if len(v.Elems) == 0 {
		scratch = reply.AppendRESP(scratch[:0], *v, proto)
		return int64(len(scratch)), scratch
	}
	scratch = reply.AppendAggregateHeader(scratch[:0], *v, proto)
	size = int64(len(scratch))
	for i := range v.Elems {
		var n int64
		n, scratch = measure(&v.Elems[i], proto, scratch)
		size += n
	}
	return size, scratch
}
