package resp

import (
	"errors"
	"math"
)

// phase is where in its client's bytes a guard is.
type phase uint8

const (
	atStart  phase = iota // between commands
	inInline              // in an inline command
	inCount               // in "*<arguments>\r\n"
	inHeader              // in "$<bytes>\r\n"
	inBody                // in the bytes of a bulk string
	inEnd                 // in the two bytes that follow them
)

// protocolError is what a client is told before it is disconnected.
type protocolError string

func (e protocolError) Error() string { return "Protocol error: " + string(e) }

// errTooLarge disconnects a client without a reply.
var errTooLarge = errors.New("command larger than client-query-buffer-limit")

// The errors of framing, in Redis's words.
const (
	errInlineSize    = protocolError("too big inline request")
	errCountSize     = protocolError("too big mbulk count string")
	errHeaderSize    = protocolError("too big bulk count string")
	errCount         = protocolError("invalid multibulk length")
	errBulk          = protocolError("invalid bulk length")
	errStrangerCount = protocolError("unauthenticated multibulk length")
	errStrangerBulk  = protocolError("unauthenticated bulk length")
	errQuotes        = protocolError("unbalanced quotes in request")
)

// parse splits the bytes that have arrived, from where it stopped before. It
// stops when it needs more, when a batch is full, and after each command of a
// client that must authenticate: the next may find it authenticated.
func (g *guard) parse() error {
	for more := true; more; {
		var err error
		switch g.phase {
		case atStart:
			more = g.start()
		case inInline:
			more, err = g.inline()
		case inCount:
			more, err = g.count()
		case inHeader:
			more, err = g.header()
		case inBody:
			more = g.bulk()
		case inEnd:
			more = g.endBulk()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// start looks at a command's first byte; like all that parse calls, it returns
// false if it needs more bytes.
func (g *guard) start() bool {
	switch {
	case g.scan == g.tail, len(g.ends) >= planCommandsMax, len(g.ends) > 0 && g.policy.mustAuthenticate():
		return false
	case g.in[g.scan] == '*':
		g.phase = inCount
	default:
		g.phase = inInline
	}
	g.look, g.size = g.scan, 0
	return true
}

// line looks for the byte that ends the line that begins at scan, from where
// it stopped before, and returns its index; -1 if it has not arrived. A zero
// byte hides all that follows from Redis, which then waits until the line is
// too long.
func (g *guard) line(end byte, tooLong error) (int, error) {
	limit := min(g.tail, g.scan+lineBytesMax+1)
	for g.look < limit && g.in[g.look] != 0 {
		if g.in[g.look] == end {
			return g.look, nil
		}
		g.look++
	}
	if g.tail-g.scan > lineBytesMax {
		return -1, tooLong
	}
	return -1, nil
}

// crossLine passes a line that ends at index end with '\r' and any other byte.
func (g *guard) crossLine(end int) {
	g.size += int64(end + 2 - g.scan)
	g.scan = end + 2
	g.look = g.scan
}

// count reads "*<arguments>\r\n".
func (g *guard) count() (more bool, err error) {
	end, err := g.line('\r', errCountSize)
	if end < 0 || end+1 >= g.tail {
		return false, err
	}
	n, ok := decimal(g.in[g.scan+1 : end])
	switch {
	case !ok || n > argumentsMax:
		return false, errCount
	case n > strangerArgumentsMax && g.policy.mustAuthenticate():
		return false, errStrangerCount
	}
	g.crossLine(end)
	g.arguments, g.phase = int(n), inHeader
	if n <= 0 { // Redis ignores it
		g.phase = atStart
	}
	return true, nil
}

// header reads "$<bytes>\r\n".
func (g *guard) header() (more bool, err error) {
	end, err := g.line('\r', errHeaderSize)
	if end < 0 || end+1 >= g.tail {
		return false, err
	}
	if first := g.in[g.scan]; first != '$' {
		return false, protocolError("expected '$', got '" + string([]byte{first}) + "'")
	}
	n, ok := decimal(g.in[g.scan+1 : end])
	bulkBytes, commandBytes := g.policy.inputLimits()
	switch {
	case !ok || n < 0 || n > bulkBytes:
		return false, errBulk
	case n > strangerBulkBytesMax && g.policy.mustAuthenticate():
		return false, errStrangerBulk
	case g.size+n > commandBytes:
		return false, errTooLarge
	}
	g.crossLine(end)
	g.size += n
	g.body, g.phase = n, inBody
	if n >= largeBytesMin {
		g.settle() // what stands before it
		g.large = make([]byte, 0, min(n, max(int64(g.tail-g.scan), inputBytesMin)))
	}
	return true, nil
}

// bulk reads a bulk string: a large one into memory of its own as it arrives,
// another when it is whole.
func (g *guard) bulk() (more bool) {
	arrived := int64(g.tail - g.scan)
	if g.large == nil {
		if arrived < g.body {
			return false
		}
		g.marks = append(g.marks, mark{g.scan, g.scan + int(g.body)})
		g.scan += int(g.body)
		g.phase = inEnd
		return true
	}
	n := int(min(arrived, g.body))
	g.large = append(g.large, g.in[g.scan:g.scan+n]...)
	g.scan += n
	g.body -= int64(n)
	if g.body > 0 {
		return false
	}
	g.args = append(g.args, g.large)
	g.large, g.phase = nil, inEnd
	return true
}

// endBulk passes the two bytes behind a bulk string, which Redis does not look at.
func (g *guard) endBulk() (more bool) {
	if g.tail-g.scan < 2 {
		return false
	}
	g.scan += 2
	g.size += 2
	g.look = g.scan
	g.arguments--
	g.phase = inHeader
	if g.arguments == 0 {
		g.endCommand()
	}
	return true
}

func (g *guard) endCommand() {
	g.ends = append(g.ends, len(g.args)+len(g.marks))
	g.phase = atStart
}

// inline reads an inline command; an empty one is none.
func (g *guard) inline() (more bool, err error) {
	end, err := g.line('\n', errInlineSize)
	if end < 0 {
		return false, err
	}
	text := g.in[g.scan:end]
	if n := len(text); n > 0 && text[n-1] == '\r' {
		text = text[:n-1]
	}
	args, err := splitLine(text)
	if err != nil {
		return false, err
	}
	g.scan, g.phase = end+1, atStart
	if len(args) > 0 {
		g.settle()
		g.args = append(g.args, args...)
		g.endCommand()
	}
	return true, nil
}

// decimal reads a number as strictly as Redis does: no plus sign, no zeros in
// front, nothing that overflows.
func decimal(b []byte) (int64, bool) {
	if len(b) == 1 && b[0] == '0' {
		return 0, true
	}
	limit := uint64(math.MaxInt64)
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
		limit++
	}
	if len(b) == 0 || len(b) > 19 || b[0] == '0' {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	if n > limit {
		return 0, false
	}
	if negative {
		return -int64(n), true
	}
	return int64(n), true
}
