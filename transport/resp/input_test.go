package resp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// scriptConn is a connection whose bytes arrive in pieces.
type scriptConn struct {
	net.Conn
	input []byte
	piece func() int // how many bytes the next read brings
}

func (c *scriptConn) Read(p []byte) (int, error) {
	if len(c.input) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.input[:min(len(c.input), max(1, c.piece()))])
	c.input = c.input[n:]
	return n, nil
}

// fixedPolicy is an input's policy that a test sets.
type fixedPolicy struct {
	unknown bool
	bulkMax int64
}

func (p *fixedPolicy) mustAuthenticate() bool      { return p.unknown }
func (p *fixedPolicy) inputLimits() (int64, int64) { return p.bulkMax, commandBytesMax }
func (p *fixedPolicy) received(int)                {}
func (p *fixedPolicy) finishing() bool             { return false }
func (p *fixedPolicy) rest()                       {}

// throughInput returns the commands that an input finds, and what the client is
// told at the end.
func throughInput(t testing.TB, bytes []byte, p *fixedPolicy, piece func() int) (cmds [][]string, refusal protocolError) {
	t.Helper()
	in := &input{conn: &scriptConn{input: bytes, piece: piece}, policy: p}
	for {
		args, ends, err := in.next()
		if err != nil {
			if !errors.As(err, &refusal) && !errors.Is(err, io.EOF) {
				t.Fatalf("the input ends with %v", err)
			}
			return cmds, refusal
		}
		if len(ends) > planCommandsMax || p.unknown && len(ends) > 1 {
			t.Fatalf("a batch of %d commands", len(ends))
		}
		from := 0
		for _, to := range ends {
			cmd := make([]string, 0, to-from)
			for _, arg := range args[from:to] {
				cmd = append(cmd, string(arg))
				clear(arg) // no other argument may change
			}
			cmds = append(cmds, cmd)
			from = to
		}
	}
}

// reference splits input as Redis 7.0's processInputBuffer does, all at once
// and as plainly as can be.
func reference(input string, p *fixedPolicy) (cmds [][]string, refusal protocolError) {
	for input != "" {
		var args []string
		var err protocolError
		var ok bool
		if input[0] == '*' {
			args, input, ok, err = referenceMultibulk(input, p)
		} else {
			args, input, ok, err = referenceInline(input)
		}
		if err != "" || !ok {
			return cmds, err
		}
		if len(args) > 0 {
			cmds = append(cmds, args)
		}
	}
	return cmds, ""
}

// referenceLine cuts input after end; a zero byte in front hides it.
func referenceLine(input, end string, tooLong protocolError) (line, rest string, ok bool, err protocolError) {
	line, rest, ok = strings.Cut(input, end)
	if !ok || strings.Contains(line, "\x00") {
		if len(input) > lineBytesMax {
			return "", "", false, tooLong
		}
		return "", "", false, ""
	}
	if len(line) > lineBytesMax { // a read of Redis's may bring its end along; ours never judges by that
		return "", "", false, tooLong
	}
	return line, rest, true, ""
}

func referenceMultibulk(input string, p *fixedPolicy) (args []string, rest string, ok bool, err protocolError) {
	line, rest, ok, err := referenceLine(input, "\r", errCountSize)
	if !ok || rest == "" {
		return nil, "", false, err
	}
	rest = rest[1:]
	count, isNumber := referenceNumber(line[1:])
	switch {
	case !isNumber || count > 1048576:
		return nil, "", false, errCount
	case count > 10 && p.unknown:
		return nil, "", false, errStrangerCount
	}
	for ; count > 0; count-- {
		line, next, ok, err := referenceLine(rest, "\r", errHeaderSize)
		if !ok || next == "" {
			return nil, "", false, err
		}
		if line == "" || line[0] != '$' {
			return nil, "", false, protocolError("expected '$', got '" + rest[:1] + "'")
		}
		size, isNumber := referenceNumber(line[1:])
		switch {
		case !isNumber || size < 0 || size > p.bulkMax:
			return nil, "", false, errBulk
		case size > 16384 && p.unknown:
			return nil, "", false, errStrangerBulk
		}
		next = next[1:]
		if int64(len(next)) < size+2 {
			return nil, "", false, ""
		}
		args, rest = append(args, next[:size]), next[size+2:]
	}
	return args, rest, true, ""
}

func referenceNumber(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == s
}

func referenceInline(input string) (args []string, rest string, ok bool, err protocolError) {
	line, rest, ok, err := referenceLine(input, "\n", errInlineSize)
	if !ok {
		return nil, "", false, err
	}
	args, ok = referenceSplit(strings.TrimSuffix(line, "\r"))
	if !ok {
		return nil, "", false, errQuotes
	}
	return args, rest, true, ""
}

// referenceSplit walks line as the C code walks its string, which ends in a zero.
func referenceSplit(line string) (args []string, ok bool) {
	at := func(i int) byte {
		if i < len(line) {
			return line[i]
		}
		return 0
	}
	space := func(c byte) bool { return strings.IndexByte(" \t\n\v\f\r", c) >= 0 }
	for p := 0; ; {
		for at(p) != 0 && space(at(p)) {
			p++
		}
		if at(p) == 0 {
			return args, true
		}
		var current []byte
		quote := byte(0)
		for done := false; !done; {
			c := at(p)
			switch {
			case quote == '"' && c == '\\' && at(p+1) == 'x' && strings.IndexByte("0123456789abcdefABCDEF", at(p+2)) >= 0 &&
				strings.IndexByte("0123456789abcdefABCDEF", at(p+3)) >= 0:
				n, _ := strconv.ParseUint(line[p+2:p+4], 16, 8)
				current = append(current, byte(n))
				p += 3
			case quote == '"' && c == '\\' && at(p+1) != 0:
				p++
				if i := strings.IndexByte("nrtba", at(p)); i >= 0 {
					current = append(current, "\n\r\t\b\a"[i])
				} else {
					current = append(current, at(p))
				}
			case quote == '\'' && c == '\\' && at(p+1) == '\'':
				p++
				current = append(current, '\'')
			case quote != 0 && c == quote:
				if at(p+1) != 0 && !space(at(p+1)) {
					return nil, false
				}
				done = true
			case quote != 0 && c == 0:
				return nil, false
			case quote != 0:
				current = append(current, c)
			case c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == 0:
				done = true
			case c == '"' || c == '\'':
				quote = c
			default:
				current = append(current, c)
			}
			if at(p) != 0 {
				p++
			}
		}
		args = append(args, string(current))
	}
}

// expectation holds what the reference makes of an input.
type expectation struct {
	input   []byte
	policy  fixedPolicy
	cmds    [][]string
	refusal protocolError
}

func expected(input []byte, p fixedPolicy) expectation {
	e := expectation{input: input, policy: p}
	e.cmds, e.refusal = reference(string(input), &p)
	return e
}

// check runs the input through an input, in pieces.
func (e *expectation) check(t testing.TB, piece func() int) {
	t.Helper()
	p := e.policy
	got, refusal := throughInput(t, e.input, &p, piece)
	for i := range max(len(got), len(e.cmds)) {
		if i >= len(got) || i >= len(e.cmds) || !slices.Equal(got[i], e.cmds[i]) {
			t.Fatalf("%.300q: command %d of %d (want %d) differs", e.input, i, len(got), len(e.cmds))
		}
	}
	if refusal != e.refusal {
		t.Fatalf("%.300q: told %q, want %q", e.input, refusal, e.refusal)
	}
}

// framingCases are inputs at the edges of the format.
func framingCases() []string {
	long := strings.Repeat("a", lineBytesMax)
	return []string{
		"PING\r\n", "PING\nPING\r\n\r\n\n  \nPING a\r\n", multibulk("SET", "a", "b\r\nc"), multibulk(""), multibulk("", ""),
		"*0\r\n*-1\r\n*-5\r\nPING\r\n", "*1\r\n$4\r\nPINGxx*1\rX$4\rXPING\r\n", "*-9223372036854775808\r\nPING\r\n",
		"*+1\r\n", "*01\r\n", "*-0\r\n", "*\r\n", "*1 \r\n", "*1048576\r\n", "*1048577\r\n", "*9223372036854775808\r\n",
		"*-9223372036854775809\r\n", "*1\r\n$+4\r\n", "*1\r\n$-1\r\n", "*1\r\n$\r\n", "*1\r\n\r\n", "*1\r\n\xff\r\n", "*1\r\nx\r\n",
		"*1\r\n$536870912\r\n", "*1\r\n$536870913\r\n", "PING\r\n*1\r\n$9223372036854775807\r\nx", "*1000000000000\r\n",
		"\x00\r\nPING\r\n", "*1\r\n$4\x00\r\n", "*1\x00\r\n", long, long + "a", long + "\r\nPING\r\n", long + "a\r\n",
		"*" + long[1:], "*" + long, "*1\r\n" + long, "*1\r\n$" + long, "*1\r\n" + long + "a\r\n",
		"foo \"bar\r\n", "foo 'bar'x\r\n", "foo \"bar\"x\r\n", "foo \"a\\x41\\xzz\\n\\r\\t\\b\\a\\q\\\"\" 'x\\'y\\n'\r\n", "foo\"bar\" x'y'\r\n",
		"\"\" ''\r\n", "\"\\\r\n", "\"a\\\r\n", "\t\v\fPING\f\r\n", "PING\r\r\n", "'\\x41'\r\n", "a\"b\\\"",
		strings.Repeat("a ", 30000) + "\r\nPING\r\n",
		multibulk("SET", "k", strings.Repeat("v", 100000)) + multibulk("GET", "k") + "PING\r\n",
		multibulk("SET", "k", strings.Repeat("v", 5000)) + strings.Repeat(multibulk("GET", "k"), 500),
		strings.Repeat(multibulk("SET", "key", strings.Repeat("v", 937)), 300),
		multibulk(strings.Split(strings.Repeat("x ", 40000), " ")...) + strings.Repeat(multibulk("SET", "k", strings.Repeat("v", 70000)), 3),
		multibulk("SET", "k", strings.Repeat("v", 100000)) + "*1\r\n$100000\r\n" + strings.Repeat("v", 99999),
		"*3\r\n$100000\r\n" + strings.Repeat("v", 100000) + "\r\n$1\r\na\r\nx\r\n",
		multibulk("a", strings.Repeat("v", 4096-23)) + "PING\r\n" + multibulk("b", strings.Repeat("v", 4096-24)) + "PING\r\n",
	}
}

func TestTheInputSplitsLikeRedisInAnyPieces(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	pieces := map[string]func() int{
		"whole":       func() int { return 1 << 30 },
		"single":      func() int { return 1 },
		"a few":       func() int { return 1 + draw.IntN(7) },
		"packets":     func() int { return 1448 },
		"any":         func() int { return 1 << draw.IntN(18) },
		"buffer less": func() int { return inputBytesMin - 1 },
	}
	for i, input := range framingCases() {
		for _, p := range []fixedPolicy{{bulkMax: bulkBytesMax}, {unknown: true, bulkMax: bulkBytesMax}, {bulkMax: 10}} {
			e := expected([]byte(input), p)
			for name, piece := range pieces {
				if len(input) > 10000 && (name == "single" || name == "a few") && p.bulkMax == 10 {
					continue // slow, and like the others
				}
				t.Run(fmt.Sprint(i, " ", name, " ", p.unknown, p.bulkMax), func(t *testing.T) { e.check(t, piece) })
			}
		}
	}
}

func TestARandomPipelineReachesTheParserUnchanged(t *testing.T) {
	for seed := range uint64(20) {
		draw := rand.New(rand.NewPCG(seed, 0))
		var input bytes.Buffer
		for range draw.IntN(400) {
			args := make([]string, 1+draw.IntN(4))
			for i := range args {
				args[i] = strings.Repeat("\r", draw.IntN(1<<draw.IntN(14)))
			}
			switch draw.IntN(12) {
			case 0:
				input.WriteString("PING \"a b\"\r\n")
			case 1:
				input.WriteString("*0\r\n\r\n")
			case 2:
				args[0] = strings.Repeat("l", draw.IntN(300000))
			}
			input.WriteString(multibulk(args...))
		}
		e := expected(input.Bytes(), fixedPolicy{bulkMax: bulkBytesMax})
		e.check(t, func() int { return 1 << draw.IntN(19) })
	}
}

func FuzzInput(f *testing.F) {
	for i, input := range framingCases() {
		if len(input) < 10000 {
			f.Add([]byte(input), uint64(i), i%3 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, input []byte, seed uint64, unknown bool) {
		draw := rand.New(rand.NewPCG(seed, 0))
		e := expected(input, fixedPolicy{unknown: unknown, bulkMax: bulkBytesMax})
		e.check(t, func() int { return 1 << draw.IntN(14) })
	})
}

// A large bulk string is copied little on its way in: all that is allocated for it
// is hardly more than it.
func TestALargeBulkStringIsCopiedLittle(t *testing.T) {
	const size = 64 << 20
	sent := append([]byte(fmt.Sprintf("*2\r\n$4\r\nping\r\n$%d\r\n", size)), make([]byte, size+2)...)
	sent[len(sent)-2], sent[len(sent)-1] = '\r', '\n'
	in := &input{conn: &scriptConn{input: sent, piece: func() int { return 100_000 }}, policy: &fixedPolicy{bulkMax: size}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	args, _, err := in.next()
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if len(args) != 2 || len(args[1]) != size {
		t.Fatalf("%d arguments have arrived", len(args))
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > size+2*size/largeShare+1<<20 {
		t.Errorf("%d MB were allocated for %d", took>>20, size>>20)
	}
}
