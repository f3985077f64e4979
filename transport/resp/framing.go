package resp

import (
	"errors"
	"math"
)

// phase says which part of a command the input is parsing.
type phase uint8

const (
	atStart  phase = iota // between commands
	inInline              // in an inline command
	inCount               // in "*<arguments>\r\n"
	inHeader              // in "$<bytes>\r\n"
	inBody                // in the two bytes that end a bulk string
	inEnd                 // in the two bytes that follow them
)

// protocolError is the error that a client is sent before it is disconnected.
type protocolError string

func (e protocolError) Error() string { return "Protocol error: " + string(e) }

// errTooLarge disconnects a client without a reply.
var errTooLarge = errors.New("command larger than client-query-buffer-limit")

// The protocol errors, in Redis's words.
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

// parse splits the bytes that have arrived into commands, and resumes where it last stopped. It
// stops when it needs more bytes, when a batch is full, and after each command of a client that
// must authenticate, since that command may authenticate it.
func (in *input) parse() error {
	for more := true; more; {
		var err error
		switch in.phase {
		case atStart:
			more = in.start()
		case inInline:
			more, err = in.inline()
		case inCount:
			more, err = in.count()
		case inHeader:
			more, err = in.header()
		case inBody:
			more = in.bulk()
		case inEnd:
			more = in.endBulk()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// start looks at the first byte of a command. Like all functions that parse calls, it returns false
// if it needs more bytes.
func (in *input) start() bool {
	switch {
	case in.scan == in.tail, len(in.ends) >= planCommandsMax, len(in.ends) > 0 && in.policy.mustAuthenticate():
		return false
	case in.buf[in.scan] == '*':
		in.phase = inCount
	default:
		in.phase = inInline
	}
	in.look, in.size = in.scan, 0
	return true
}

// line searches for the byte that ends the line at scan, and resumes where it last stopped. It
// returns the byte's index, or -1 if the byte has not arrived. A zero byte hides the rest of the
// line from Redis, which then waits until the line is too long; line does the same.
func (in *input) line(end byte, tooLong error) (int, error) {
	limit := min(in.tail, in.scan+lineBytesMax+1)
	for in.look < limit && in.buf[in.look] != 0 {
		if in.buf[in.look] == end {
			return in.look, nil
		}
		in.look++
	}
	if in.tail-in.scan > lineBytesMax {
		return -1, tooLong
	}
	return -1, nil
}

// crossLine skips a line that ends at index end with '\r', and the byte after that, whatever it is.
func (in *input) crossLine(end int) {
	in.size += int64(end + 2 - in.scan)
	in.scan = end + 2
	in.look = in.scan
}

// count parses "*<arguments>\r\n".
func (in *input) count() (more bool, err error) {
	end, err := in.line('\r', errCountSize)
	if end < 0 || end+1 >= in.tail {
		return false, err
	}
	n, ok := decimal(in.buf[in.scan+1 : end])
	switch {
	case !ok || n > argumentsMax:
		return false, errCount
	case n > strangerArgumentsMax && in.policy.mustAuthenticate():
		return false, errStrangerCount
	}
	in.crossLine(end)
	in.arguments, in.phase = int(n), inHeader
	if n <= 0 { // Redis ignores such a command
		in.phase = atStart
	}
	return true, nil
}

// header parses "$<bytes>\r\n".
func (in *input) header() (more bool, err error) {
	end, err := in.line('\r', errHeaderSize)
	if end < 0 || end+1 >= in.tail {
		return false, err
	}
	if first := in.buf[in.scan]; first != '$' {
		return false, protocolError("expected '$', got '" + string([]byte{first}) + "'")
	}
	n, ok := decimal(in.buf[in.scan+1 : end])
	bulkBytes, commandBytes := in.policy.inputLimits()
	switch {
	case !ok || n < 0 || n > bulkBytes:
		return false, errBulk
	case n > strangerBulkBytesMax && in.policy.mustAuthenticate():
		return false, errStrangerBulk
	case in.size+n > commandBytes:
		return false, errTooLarge
	}
	in.crossLine(end)
	in.size += n
	in.body, in.phase = n, inBody
	if n >= largeBytesMin {
		in.settle() // the arguments before the large one
		in.large = make([]byte, 0, min(n, max(int64(in.tail-in.scan), inputBytesMin)))
	}
	return true, nil
}

// bulk reads a bulk string. A large one is copied to its own memory as it arrives; a smaller one is
// marked in the buffer once it is complete.
func (in *input) bulk() (more bool) {
	arrived := int64(in.tail - in.scan)
	if in.large == nil {
		if arrived < in.body {
			return false
		}
		in.marks = append(in.marks, mark{in.scan, in.scan + int(in.body)})
		in.scan += int(in.body)
		in.phase = inEnd
		return true
	}
	n := int(min(arrived, in.body))
	in.large = append(in.large, in.buf[in.scan:in.scan+n]...)
	in.scan += n
	in.body -= int64(n)
	if in.body > 0 {
		return false
	}
	in.args = append(in.args, in.large)
	in.large, in.phase = nil, inEnd
	return true
}

// endBulk skips the two bytes after a bulk string. Redis does not check them either.
func (in *input) endBulk() (more bool) {
	if in.tail-in.scan < 2 {
		return false
	}
	in.scan += 2
	in.size += 2
	in.look = in.scan
	in.arguments--
	in.phase = inHeader
	if in.arguments == 0 {
		in.endCommand()
	}
	return true
}

func (in *input) endCommand() {
	in.ends = append(in.ends, len(in.args)+len(in.marks))
	in.phase = atStart
}

// inline parses an inline command. An empty line is not a command.
func (in *input) inline() (more bool, err error) {
	end, err := in.line('\n', errInlineSize)
	if end < 0 {
		return false, err
	}
	text := in.buf[in.scan:end]
	if n := len(text); n > 0 && text[n-1] == '\r' {
		text = text[:n-1]
	}
	args, err := splitLine(text)
	if err != nil {
		return false, err
	}
	in.scan, in.phase = end+1, atStart
	if len(args) > 0 {
		in.settle()
		in.args = append(in.args, args...)
		in.endCommand()
	}
	return true, nil
}

// decimal parses a number as strictly as Redis: no plus sign, no leading zeros, no overflow.
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
