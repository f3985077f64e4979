package corpus

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/kvorum/kvorum/fsm/reply"
)

// AppendCommand appends a command in the form in which clients send it.
func AppendCommand(dst []byte, args [][]byte) []byte {
	dst = fmt.Appendf(dst, "*%d\r\n", len(args))
	for _, arg := range args {
		dst = fmt.Appendf(dst, "$%d\r\n%s\r\n", len(arg), arg)
	}
	return dst
}

// OnWire returns v as a client of a protocol version receives it.
func OnWire(v reply.Value, proto int) (reply.Value, error) {
	return ReadReply(bufio.NewReader(bytes.NewReader(reply.AppendRESP(nil, v, proto))))
}

// kinds maps the first byte of a reply to its kind.
var kinds = map[byte]reply.Kind{
	'+': reply.Simple, '-': reply.Error, ':': reply.Integer, '$': reply.Bulk, '*': reply.Array,
	'%': reply.Map, '~': reply.Set, '>': reply.Push, '(': reply.BigNumber, '=': reply.Verbatim,
	',': reply.Double, '#': reply.Boolean, '_': reply.Null,
}

var errReply = errors.New("corpus: a malformed reply")

// ReadReply reads one reply, in RESP2 or RESP3.
func ReadReply(r *bufio.Reader) (reply.Value, error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return reply.Value{}, err
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || len(line) == 0 {
		return reply.Value{}, errReply
	}
	kind, known := kinds[line[0]]
	if !known {
		return reply.Value{}, fmt.Errorf("%w: %q", errReply, line)
	}
	text := line[1:]
	switch kind {
	case reply.Null:
		return reply.Nil(), nil
	case reply.Simple, reply.Error, reply.BigNumber:
		return reply.Value{Kind: kind, Bytes: text}, nil
	case reply.Boolean:
		return reply.Truth(string(text) == "t"), nil
	case reply.Double:
		f, err := strconv.ParseFloat(string(text), 64)
		if math.IsNaN(f) {
			err = errReply
		}
		return reply.Float(f), err
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	switch {
	case err != nil:
		return reply.Value{}, err
	case kind == reply.Integer:
		return reply.Int(n), nil
	case kind == reply.Bulk || kind == reply.Verbatim:
		return readBulk(r, kind, n)
	}
	return readElems(r, kind, n)
}

func readBulk(r *bufio.Reader, kind reply.Kind, n int64) (reply.Value, error) {
	if n < 0 {
		return reply.Nil(), nil
	}
	b := make([]byte, n+2)
	if _, err := io.ReadFull(r, b); err != nil {
		return reply.Value{}, err
	}
	return reply.Value{Kind: kind, Bytes: b[:n]}, nil
}

func readElems(r *bufio.Reader, kind reply.Kind, n int64) (reply.Value, error) {
	if n < 0 {
		return reply.NilArray(), nil
	}
	if kind == reply.Map {
		n *= 2
	}
	v := reply.Value{Kind: kind}
	for range n {
		e, err := ReadReply(r)
		if err != nil {
			return reply.Value{}, err
		}
		v.Elems = append(v.Elems, e)
	}
	return v, nil
}
