package entry

import "encoding/binary"

// BodyReader reads the body of a Commands batch that holds one command. It yields the
// bytes that AppendBody would append, without building the whole body: a body that
// travels in parts may be as large as half a gigabyte.
type BodyReader struct {
	pending []byte   // the rest of a length, or of an argument whose length was read
	args    [][]byte // the arguments that are not read completely yet
	left    int
	begun   bool // the length of args[0] has been put into pending
}

// NewBodyReader returns a reader that refers to the command's arguments, which must not change.
func NewBodyReader(c Command) *BodyReader {
	head := binary.AppendUvarint(nil, 1)
	head = binary.AppendUvarint(head, uint64(c.DB))
	head = binary.AppendUvarint(head, uint64(len(c.Args)))
	return &BodyReader{pending: head, args: c.Args, left: uvarintBytes(1) + CommandBytes(&c)}
}

// Len returns how many bytes are still to be read.
func (r *BodyReader) Len() int { return r.left }

// Read fills p with the next bytes and returns their number.
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

// advance puts the next piece into pending: an argument's length, then its bytes, then
// the length of the next argument.
func (r *BodyReader) advance() {
	if !r.begun {
		r.begun = true
		r.pending = binary.AppendUvarint(nil, uint64(len(r.args[0])))
		return
	}
	r.begun = false
	r.pending, r.args = r.args[0], r.args[1:]
}
