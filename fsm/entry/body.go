package entry

import "encoding/binary"

// BodyReader reads the body of a Commands batch that holds one command, as
// AppendBody makes it, without making it: a body that travels in parts may be as
// large as half a gigabyte.
type BodyReader struct {
	pending []byte   // of a length, or of an argument whose length was read
	args    [][]byte // not begun
	left    int
	begun   bool // the first of args has its length in pending, or behind it
}

// NewBodyReader refers to the command's arguments: nobody may change them.
func NewBodyReader(c Command) *BodyReader {
	head := binary.AppendUvarint(nil, 1)
	head = binary.AppendUvarint(head, uint64(c.DB))
	head = binary.AppendUvarint(head, uint64(len(c.Args)))
	return &BodyReader{pending: head, args: c.Args, left: uvarintBytes(1) + CommandBytes(&c)}
}

// Len is how many bytes have not been read.
func (r *BodyReader) Len() int { return r.left }

// Read fills p with what comes next, and returns how much that is.
func (r *BodyReader) Read(p []byte) int {
	n := 0
	for n < len(p) && r.left > 0 {
		if len(r.pending) == 0 {
			r.advance()
		}
		copied := copy(p[n:], r.pending)
		r.pending = r.pending[copied:]
		r.left -= copied
		n += copied
	}
	return n
}

// advance goes from an argument's length to its bytes, and from those to the
// next one's length.
func (r *BodyReader) advance() {
	if !r.begun {
		r.begun = true
		r.pending = binary.AppendUvarint(nil, uint64(len(r.args[0])))
		return
	}
	r.begun = false
	r.pending, r.args = r.args[0], r.args[1:]
}
