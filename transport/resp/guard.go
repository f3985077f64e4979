package resp

import (
	"cmp"
	"io"
	"net"

	"github.com/kvorum/kvorum/internal/memory"
)

// guard is a client's connection as redcon sees it. It splits the bytes that
// pass into commands, within the limits, and keeps them for the handler: to
// redcon's parser it hands one short command of its own (wake) when a batch of
// whole commands has arrived. So nothing that a client sends can crash, hang
// or bloat that parser, and what must hold is:
//
//  1. redcon is never given a byte of a client's.
//  2. Its buffer is full exactly when it is empty, since wake's length divides
//     it, so it is always rewound.
//  3. A byte is looked at once, however it arrives. Memory is taken for bytes
//     that have arrived, not for those announced.
//  4. A batch's arguments are memory of their own: no later read changes them.
//
// A guard belongs to the goroutine that redcon runs for its connection.
type guard struct {
	net.Conn
	client *client
	policy policy

	in         []byte
	scan, tail int // in[scan:tail] has arrived and is not parsed
	look       int // where the search for a line's end goes on
	smallReads int // in a row

	phase     phase
	arguments int    // that the present command still lacks
	body      int64  // bytes that the present bulk string still lacks
	large     []byte // what has arrived of a bulk string from largeBytesMin on
	size      int64  // of the present command so far

	marks  []mark   // arguments that are still in in
	args   [][]byte // the arguments before them
	ends   []int    // of each whole command, counted in arguments
	failed error    // what ended this connection's input
}

// mark is where an argument is in a guard's buffer.
type mark struct{ from, to int }

// policy is what a guard asks of its client and server.
type policy interface {
	mustAuthenticate() bool                       // nothing but authentication is allowed yet
	inputLimits() (bulkBytes, commandBytes int64) // the largest bulk string and command
	received(n int)                               // counts bytes read
	refuse(err protocolError)
	finishing() bool // the server wants no more commands
}

// wake is what redcon parses: the shape of a command, and of a length that
// divides parserBytes.
const wake = "*1\r\n$6\r\narrive\r\n"

func newGuard(conn net.Conn, p policy) *guard { return &guard{Conn: conn, policy: p} }

// Write spares the system call that redcon's own, always empty, output buffer
// would cost after each read.
func (g *guard) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	return g.Conn.Write(b)
}

// Read is called by redcon when the commands that have arrived are answered.
// It waits for the next ones.
func (g *guard) Read(p []byte) (int, error) {
	if len(p) < len(wake) {
		return 0, io.ErrShortBuffer
	}
	for {
		if g.failed == nil {
			g.failed = g.parse()
		}
		if len(g.ends) > 0 {
			return copy(p, wake), nil
		}
		if g.failed == nil {
			g.failed = g.fill()
		}
		if g.failed != nil {
			return 0, g.fail()
		}
	}
}

// batch returns the arguments of all commands that have arrived, and where
// each command ends in them. They are the caller's; ends is until the next Read.
func (g *guard) batch() (args [][]byte, ends []int) {
	g.settle()
	args, ends = g.args, g.ends
	g.args, g.ends = nil, g.ends[:0]
	whole := ends[len(ends)-1]
	g.args = append(g.args, args[whole:]...) // the beginning of a command
	return args[:whole], ends
}

// settle copies the marked arguments out of the buffer, into one block.
func (g *guard) settle() {
	if len(g.marks) == 0 {
		return
	}
	if g.args == nil {
		g.args = make([][]byte, 0, len(g.marks))
	}
	from := g.marks[0].from
	block := append([]byte(nil), g.in[from:g.marks[len(g.marks)-1].to]...)
	for _, m := range g.marks {
		g.args = append(g.args, block[m.from-from:m.to-from:m.to-from])
	}
	g.marks = g.marks[:0]
}

// fail ends the input. What the client sent wrong it is told.
func (g *guard) fail() error {
	if refusal, ok := g.failed.(protocolError); ok {
		g.policy.refuse(refusal)
		return io.EOF
	}
	if g.failed == errTooLarge || g.policy.finishing() {
		return io.EOF
	}
	return g.failed
}

// fill waits for bytes. All commands before them have been answered.
func (g *guard) fill() error {
	if g.policy.finishing() {
		return io.EOF
	}
	into := g.roomForLarge()
	if into == nil {
		g.settle()
		g.makeRoom()
		into = g.in[g.tail:]
	}
	n, err := g.Conn.Read(into)
	if n <= 0 {
		return cmp.Or(err, io.ErrNoProgress)
	}
	g.policy.received(n)
	if g.large != nil {
		g.large = g.large[:len(g.large)+n]
		g.body -= int64(n)
		return nil
	}
	g.tail += n
	g.smallReads++
	if n >= len(g.in)/8 {
		g.smallReads = 0
	}
	return nil
}

// roomForLarge is where the rest of a large bulk string is read to, nil if
// there is none. Its memory doubles as it arrives, until a good part of
// what was announced is there: then it gets all of it, and is not copied again.
func (g *guard) roomForLarge() []byte {
	if g.large == nil {
		return nil
	}
	if len(g.large) == cap(g.large) {
		whole, size := int64(len(g.large))+g.body, 2*int64(cap(g.large))
		if int64(len(g.large)) >= whole/largeShare {
			size = whole
		}
		g.large = memory.Grow(g.large, int(size))
	}
	return g.large[len(g.large):min(cap(g.large), len(g.large)+readBytesMax)]
}

// makeRoom moves what is not parsed to the front of the buffer, which grows
// after a read that filled it, and shrinks when reads stay small.
func (g *guard) makeRoom() {
	unparsed := g.in[g.scan:g.tail]
	size := len(g.in)
	switch {
	case size == 0, len(unparsed) == 0 && g.smallReads >= quietReads:
		size = inputBytesMin
	case g.tail == size && size < inputBytesMax:
		size *= 2
	}
	switch {
	case size != len(g.in):
		g.in, g.smallReads = make([]byte, size), 0
	case g.scan == 0:
		return
	}
	copy(g.in, unparsed)
	g.look -= g.scan
	g.scan, g.tail = 0, len(unparsed)
}
