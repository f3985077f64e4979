package rdb

// LZF is the compression of RDB (Marc Lehmann's LibLZF). A control byte below 32 is
// followed by that many literal bytes and one more. Any other control byte begins a copy
// of earlier output: 3 bits of length (7: one more byte of length follows) and 13 bits of
// distance.
const (
	lzfLiteralMax  = 1 << 5
	lzfDistanceMax = 1 << 13
	lzfCopyMax     = 2 + 7 + 255 // the most that a copy of three bytes produces

	// lzfExpansionMax bounds the ratio of plain to packed size.
	lzfExpansionMax = lzfCopyMax / 3
)

// lzfDecompress unpacks data to exactly size bytes, or returns false.
func lzfDecompress(data []byte, size int) ([]byte, bool) {
	out := make([]byte, 0, size)
	for len(data) > 0 {
		control := int(data[0])
		data = data[1:]
		if control < lzfLiteralMax {
			n := control + 1
			if n > len(data) || n > size-len(out) {
				return nil, false
			}
			out = append(out, data[:n]...)
			data = data[n:]
			continue
		}
		n := control >> 5
		if n == 7 {
			if len(data) == 0 {
				return nil, false
			}
			n += int(data[0])
			data = data[1:]
		}
		if len(data) == 0 {
			return nil, false
		}
		n += 2
		from := len(out) - (control&0x1F)<<8 - int(data[0]) - 1
		data = data[1:]
		if from < 0 || n > size-len(out) {
			return nil, false
		}
		for i := range n { // byte by byte: the copy may overlap itself
			out = append(out, out[from+i])
		}
	}
	return out, len(out) == size
}
