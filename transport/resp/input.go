package resp

import (
	"cmp"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/internal/memory"
)

// input reads a client's bytes and splits them into commands, within the limits.
// What must hold is:
//
//  1. A byte is looked at once, however it arrives. Memory is taken for bytes
//     that have arrived, not for those announced.
//  2. A batch's arguments are memory of their own: no later read changes them.
//  3. Nothing is read before the commands that have arrived are answered, but what
//     a lookout reads ahead, within bounds, while one of the node's runs.
//  4. A client that sends nothing keeps little memory.
//
// An input belongs to the goroutine of its connection, or to its lookout.
type input struct {
	conn   net.Conn
	policy policy

	buf        []byte
	held       atomic.Int64 // bytes of buf; other goroutines see it
	scan, tail int          // buf[scan:tail] has arrived and is not parsed
	look       int          // where the search for a line's end goes on
	smallReads int          // in a row
	fresh      int          // bytes read and not yet told the policy
	ahead      []byte       // what has arrived behind buf[:tail] while a command of the node's ran

	phase     phase
	arguments int    // that the present command still lacks
	body      int64  // bytes that the present bulk string still lacks
	large     []byte // what has arrived of a bulk string from largeBytesMin on
	size      int64  // of the present command so far

	marks  []mark   // arguments that are still in buf
	args   [][]byte // the arguments before them
	ends   []int    // of each whole command, counted in arguments
	failed error    // what ended this connection's input
}

// mark is where an argument is in an input's buffer.
type mark struct{ from, to int }

// policy is what an input asks of its client and server.
type policy interface {
	mustAuthenticate() bool                       // nothing but authentication is allowed yet
	inputLimits() (bulkBytes, commandBytes int64) // the largest bulk string and command
	received(n int)                               // counts bytes read; they are parsed, or wait
	finishing() bool                              // the server wants no more commands
	rest()                                        // the client has sent nothing for a while: give memory back
}

// next waits for commands and returns the arguments of all that have arrived, and
// where each command ends in them. The arguments are the caller's; ends is until the
// next call. The error is what the client did wrong (a protocolError), io.EOF at the end of
// a connection, or why it could not be read.
func (in *input) next() (args [][]byte, ends []int, err error) {
	for {
		if in.failed == nil {
			in.failed = in.parse()
			in.policy.received(in.fresh)
			in.fresh = 0
		}
		if len(in.ends) > 0 {
			args, ends = in.batch()
			return args, ends, nil
		}
		if in.failed == nil {
			in.failed = in.fill()
		}
		if in.failed != nil {
			return nil, nil, in.fail()
		}
	}
}

// unparsed is how many bytes have arrived that are in no argument yet.
func (in *input) unparsed() int { return in.tail - in.scan + len(in.large) + len(in.ahead) }

// batch takes the commands that have arrived.
func (in *input) batch() (args [][]byte, ends []int) {
	in.settle()
	args, ends = in.args, in.ends
	in.args, in.ends = nil, in.ends[:0]
	whole := ends[len(ends)-1]
	in.args = append(in.args, args[whole:]...) // the beginning of a command
	return args[:whole], ends
}

// settle copies the marked arguments out of the buffer, into one block.
func (in *input) settle() {
	if len(in.marks) == 0 {
		return
	}
	if in.args == nil {
		in.args = make([][]byte, 0, len(in.marks))
	}
	from := in.marks[0].from
	block := append([]byte(nil), in.buf[from:in.marks[len(in.marks)-1].to]...)
	for _, m := range in.marks {
		in.args = append(in.args, block[m.from-from:m.to-from:m.to-from])
	}
	in.marks = in.marks[:0]
}

// fail returns what ended the input.
func (in *input) fail() error {
	if _, wrong := in.failed.(protocolError); !wrong && (in.failed == errTooLarge || in.policy.finishing()) {
		return io.EOF
	}
	return in.failed
}

// fill waits for bytes. All commands before them have been answered.
func (in *input) fill() error {
	if in.policy.finishing() {
		return io.EOF
	}
	into := in.roomForLarge()
	if into == nil {
		in.settle()
		in.makeRoom()
		into = in.buf[in.tail:]
	}
	n, err := in.read(into)
	if n <= 0 {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return in.rest()
		}
		return cmp.Or(err, io.ErrNoProgress)
	}
	if in.large != nil {
		in.large = in.large[:len(in.large)+n]
		in.body -= int64(n)
		return nil
	}
	in.tail += n
	in.smallReads++
	if n >= len(in.buf)/8 {
		in.smallReads = 0
	}
	return nil
}

// rest gives memory back that a client who sends nothing does not need. Who wants
// that, or the end of the connection, has let the deadline of the read pass.
func (in *input) rest() error {
	if err := in.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if in.policy.finishing() { // asked for before the deadline was taken back
		return io.EOF
	}
	in.smallReads = quietReads
	in.marks, in.ends = nil, nil // there is nothing in them before a read
	in.keepArguments()
	if in.large == nil {
		in.makeRoom()
	} else { // everything behind the buffer's is read into large
		in.setBuffer(nil)
		in.scan, in.tail, in.look = 0, 0, 0
	}
	in.policy.rest()
	return nil
}

// keepArguments copies the arguments of a command that has arrived in part out of the
// blocks that they share with commands that have run. Large ones are memory of their own.
func (in *input) keepArguments() {
	size := 0
	for _, arg := range in.args {
		if len(arg) < largeBytesMin {
			size += len(arg)
		}
	}
	block := make([]byte, 0, size)
	in.args = slices.Clone(in.args)
	for i, arg := range in.args {
		if from := len(block); len(arg) < largeBytesMin {
			block = append(block, arg...)
			in.args[i] = block[from:len(block):len(block)]
		}
	}
	if len(in.args) == 0 {
		in.args = nil
	}
}

// roomForLarge is where the rest of a large bulk string is read to, nil if
// there is none. Its memory doubles as it arrives, until a good part of
// what was announced is there: then it gets all of it, and is not copied again.
func (in *input) roomForLarge() []byte {
	if in.large == nil {
		return nil
	}
	if len(in.large) == cap(in.large) {
		whole, size := int64(len(in.large))+in.body, 2*int64(cap(in.large))
		if int64(len(in.large)) >= whole/largeShare {
			size = whole
		}
		in.large = memory.Grow(in.large, int(size))
	}
	return in.large[len(in.large):min(cap(in.large), len(in.large)+readBytesMax)]
}

// makeRoom moves what is not parsed to the front of the buffer, which grows
// after a read that filled it, and shrinks when reads stay small.
func (in *input) makeRoom() {
	unparsed := in.buf[in.scan:in.tail]
	size := in.bufferBytes(len(unparsed))
	switch {
	case size != len(in.buf):
		in.setBuffer(make([]byte, size))
		in.smallReads = 0
	case in.scan == 0:
		return
	}
	copy(in.buf, unparsed)
	in.look -= in.scan
	in.scan, in.tail = 0, len(unparsed)
}

// bufferBytes says how large a buffer the next read needs.
func (in *input) bufferBytes(unparsed int) int {
	size, fits := len(in.buf), inputBytesMin
	for fits < 2*unparsed { // half of it is left for what comes
		fits *= 2
	}
	switch {
	case size == 0, fits < size && in.smallReads >= quietReads:
		return fits
	case in.tail == size && size < inputBytesMax:
		return 2 * size
	}
	return size
}

func (in *input) setBuffer(buf []byte) {
	in.buf = buf
	in.held.Store(int64(len(buf)))
}
