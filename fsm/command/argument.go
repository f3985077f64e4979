package command

import (
	"bytes"
	"math"

	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

// is reports whether arg is an option's name, as C's strcasecmp compares:
// without regard to ASCII case, and up to a zero byte. name is in lower case.
func is(arg []byte, name string) bool {
	if i := bytes.IndexByte(arg, 0); i >= 0 {
		arg = arg[:i]
	}
	if len(arg) != len(name) {
		return false
	}
	for i, b := range arg {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if b != name[i] {
			return false
		}
	}
	return true
}

// parseInt reads a signed 64-bit decimal that is written in the one way that
// Redis accepts: no sign but "-", no leading zeros, no spaces.
func parseInt(b []byte) (int64, bool) {
	digits := b
	negative := len(b) > 1 && b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 19 {
		return 0, false
	}
	if digits[0] == '0' {
		return 0, len(b) == 1
	}
	var n uint64
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + uint64(d-'0') // 19 digits fit
	}
	if negative {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n <= math.MaxInt64
}

// parseDatabase reads an int as C has it; which database it names, if any, is
// for the caller to judge.
func parseDatabase(arg []byte) (int, reply.Value) {
	n, ok := parseInt(arg)
	switch {
	case !ok:
		return 0, errNotInteger
	case n < math.MinInt32 || n > math.MaxInt32:
		return 0, errNotInt32
	}
	return int(n), reply.Value{}
}

func validDatabase(db int) bool { return db >= 0 && db < keyspace.Databases }
