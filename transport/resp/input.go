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

// input reads a client's bytes and splits them into commands, within the limits. Its invariants:
//
//  1. Each byte is examined once, however it arrives. Memory is allocated for bytes that
//     have arrived, not for bytes that were announced.
//  2. The arguments of a batch have their own memory: no later read changes them.
//  3. Nothing is read until the commands that have arrived are answered, except what a
//     lookout reads ahead, within bounds, while a node command runs.
//  4. A client that sends nothing keeps little memory.
//
// An input belongs to the goroutine of its connection, or to the connection's lookout.
type input struct {
	conn   net.Conn
	policy policy

	buf        []byte
	held       atomic.Int64 // len(buf), for other goroutines
	scan, tail int          // buf[scan:tail] has arrived and is not parsed yet
	look       int          // where the search for the end of a line resumes
	smallReads int          // number of small reads in a row
	fresh      int          // bytes read but not reported to policy yet
	ahead      []byte       // bytes that arrived behind buf[:tail] while a node command ran

	phase     phase
	arguments int    // arguments that the current command still lacks
	body      int64  // bytes that the current bulk string still lacks
	large     []byte // the part of a large bulk string (largeBytesMin or more) that has arrived
	size      int64  // size of the current command so far

	marks  []mark   // arguments that are still in buf
	args   [][]byte // the arguments before them
	ends   []int    // where each complete command ends, counted in arguments
	failed error    // what ended the input
}

// mark is the position of an argument in the input's buffer.
type mark struct{ from, to int }

// policy provides what an input needs to know and tell about its client and server.
type policy interface {
	mustAuthenticate() bool                       // only authentication is allowed yet
	inputLimits() (bulkBytes, commandBytes int64) // the largest bulk string and command
	received(n int)                               // counts bytes that were read
	finishing() bool                              // the server takes no more commands
	rest()                                        // the client has been silent for a while: free memory
}

// next waits for commands. It returns the arguments of all complete commands that have arrived, and
// where in them each command ends. The caller owns the arguments; ends is valid until the next
// call. The error is a protocolError if the client broke the protocol, io.EOF at the end of the
// connection, or the reason why reading failed.
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

// unparsed returns how many bytes have arrived that are not part of a complete argument yet.
func (in *input) unparsed() int { return in.tail - in.scan + len(in.large) + len(in.ahead) }

// batch takes the complete commands out of the input.
func (in *input) batch() (args [][]byte, ends []int) {
	in.settle()
	args, ends = in.args, in.ends
	in.args, in.ends = nil, in.ends[:0]
	whole := ends[len(ends)-1]
	in.args = append(in.args, args[whole:]...) // the beginning of an incomplete command
	return args[:whole], ends
}

// settle copies the marked arguments out of the buffer into one new block.
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

// fail returns the error that next reports for what ended the input.
func (in *input) fail() error {
	if _, wrong := in.failed.(protocolError); !wrong && (in.failed == errTooLarge || in.policy.finishing()) {
		return io.EOF
	}
	return in.failed
}

// fill waits for bytes and reads them. All earlier commands have been answered.
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

// rest frees memory that a silent client does not need. It runs when a read deadline has passed,
// which the sweep sets to free memory, and Close sets to end the connection.
func (in *input) rest() error {
	if err := in.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if in.policy.finishing() { // Close may have set the deadline that was just removed
		return io.EOF
	}
	in.smallReads = quietReads
	in.marks, in.ends = nil, nil // both are empty before a read
	in.keepArguments()
	if in.large == nil {
		in.makeRoom()
	} else { // all that follows the buffer's content is read into large
		in.setBuffer(nil)
		in.scan, in.tail, in.look = 0, 0, 0
	}
	in.policy.rest()
	return nil
}

// keepArguments copies the arguments of an incomplete command out of blocks that they share with
// commands that have already run. Large arguments have their own memory.
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

// roomForLarge returns the space for the rest of a large bulk string, or nil if none is being read.
// Its memory doubles as the string arrives. Once 1/largeShare of the announced size is there, it
// grows to the full size and is not copied again.
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

// makeRoom moves the unparsed bytes to the front of the buffer. The buffer grows after a read that
// filled it, and shrinks when reads stay small.
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

// bufferBytes returns the buffer size for the next read.
func (in *input) bufferBytes(unparsed int) int {
	size, fits := len(in.buf), inputBytesMin
	for fits < 2*unparsed { // leaves half of it for what arrives next
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
