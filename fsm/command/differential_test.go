package command_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/internal/corpus"
)

var (
	differentialSteps = flag.Int("command.steps", 20_000, "commands of each differential program")
	differentialSeed  = flag.Uint64("command.seed", 0, "seed of the differential programs; 0 draws one")
)

// program draws random commands over few keys, so that they meet.
type program struct {
	*rand.Rand
	drawn int
}

func (p *program) pick(words ...string) string { return words[p.IntN(len(words))] }

func (p *program) key() string { return p.pick("a", "b", "c", "d", "k\x00e", "") }

func (p *program) database() string {
	return p.pick("0", "1", "2", "3", "15", "16", "-1", "x", "99999999999", "4294967296")
}

// value draws what a string may hold: words, integers at every edge, floats, bytes.
func (p *program) value() string {
	switch p.IntN(12) {
	case 0:
		return ""
	case 1:
		return p.pick("0", "1", "-1", "9999", "10000", "10", "007", "+5", " 5", "5 ", "-0", "0x10")
	case 2:
		return p.pick("9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809", "9223372036854775806")
	case 3:
		return strconv.FormatInt(int64(p.Uint64())>>p.IntN(64), 10)
	case 4:
		return p.float()
	case 5:
		return strings.Repeat(p.pick("x", "yz", "\xff"), 40+p.IntN(8))
	case 6:
		return strings.Repeat(p.pick("x", "ab"), p.IntN(300))
	case 7:
		b := make([]byte, p.IntN(70))
		for i := range b {
			b[i] = byte(p.Uint32())
		}
		return string(b)
	}
	b := make([]byte, p.IntN(12))
	for i := range b {
		b[i] = "abc"[p.IntN(3)]
	}
	return string(b)
}

func (p *program) float() string {
	switch p.IntN(8) {
	case 0:
		return p.pick("inf", "-inf", "nan", "infinity", "+Inf", "1e", "e5", ".", ".5", "5.", "-.5e-3", "1e5", "1E+5", "0x1p4", "0x.8", "0xg", "1e400", "1e-400",
			"1e5000", "1e-5000", "3.0e3", " 1", "1 ", "1\x00", "", "+1.5", "--1", "1e4931", "-1e4931", "1e17", "0.1", "-0", "-0.0", "1e20")
	case 1:
		return strconv.FormatFloat(p.NormFloat64(), 'g', -1, 64)
	case 2:
		return strconv.FormatFloat(p.NormFloat64()*1e10, 'f', p.IntN(10), 64)
	case 3:
		return fmt.Sprintf("%d.%d", p.IntN(1000), p.IntN(1000))
	case 4:
		return fmt.Sprintf("%de%d", p.IntN(1000), p.IntN(40)-20)
	case 5:
		return fmt.Sprintf("-%d.%018d", p.IntN(100), p.Uint64()%1e18)
	}
	return strconv.FormatFloat(float64(p.IntN(2000)-1000)/float64(1+p.IntN(100)), 'f', -1, 64)
}

func (p *program) integer() string {
	if p.IntN(12) == 0 {
		return p.pick("x", "", "1.5", "9223372036854775807", "-9223372036854775808", "9223372036854775808", " 1", "536870912")
	}
	return strconv.Itoa(p.IntN(60) - 20)
}

// far draws a number of units around base that has not been drawn before, so
// that no two deadlines depend on the millisecond in which they were set.
func (p *program) far(base, step int) string {
	p.drawn++
	if p.IntN(2) == 0 {
		step = -step
	}
	return strconv.Itoa(base + step*p.drawn)
}

// seconds draws a time to live that is far, or past, or over, or wrong, but never
// so short that it could pass while the program runs.
func (p *program) seconds() string {
	if p.IntN(2) == 0 {
		return p.far(500_000_000, 100)
	}
	return p.pick("0", "-1", "x", "9223372036854775807", "9223372036854775", "-9223372036854775808", "-9223372036854775807", "-9300000000000000", "-9223372036854775", "1.5", "")
}

func (p *program) millis() string {
	if p.IntN(2) == 0 {
		return p.far(500_000_000_000, 100_000)
	}
	return p.pick("0", "-1", "x", "9223372036854775807", "-9223372036854775808")
}

func (p *program) unixSeconds() string {
	if p.IntN(2) == 0 {
		return p.far(4_000_000_000, 100)
	}
	return p.pick("0", "-1", "x", "9223372036854775807", "9223372036854775", "-9223372036854775808", "-9223372036854775807", "-9300000000000000")
}

func (p *program) unixMillis() string {
	if p.IntN(2) == 0 {
		return p.far(4_000_000_000_000, 100_000)
	}
	return p.pick("0", "-1", "x", "9223372036854775807", "-9223372036854775808")
}

// some draws up to max of what draw gives.
func (p *program) some(max int, draw func() []string) []string {
	var all []string
	for range p.IntN(max + 1) {
		all = append(all, draw()...)
	}
	return all
}

func (p *program) setOption() []string {
	switch p.IntN(10) {
	case 0, 1:
		return []string{p.pick("nx", "NX", "xx", "Xx")}
	case 2, 3:
		return []string{"GET"}
	case 4:
		return []string{"KEEPTTL"}
	case 5:
		return []string{"EX", p.seconds()}
	case 6:
		return []string{"px", p.millis()}
	case 7:
		return []string{"EXAT", p.unixSeconds()}
	case 8:
		return []string{"PXAT", p.unixMillis()}
	}
	return []string{p.pick("persist", "ex", "nxx", "", "GET\x00x")}
}

func (p *program) getexOption() []string {
	if p.IntN(3) == 0 {
		return []string{"PERSIST"}
	}
	return p.setOption()
}

func (p *program) expireOption() []string {
	return []string{p.pick("nx", "xx", "gt", "lt", "GT", "no\nsuch")}
}

func (p *program) copyOption() []string {
	if p.IntN(2) == 0 {
		return []string{"replace"}
	}
	return []string{p.pick("db", "DB", "nosuch"), p.database()}
}

func (p *program) lcsOption() []string {
	return [][]string{{"len"}, {"IDX"}, {"idx", "withmatchlen"}, {"minmatchlen", p.integer()}, {"WITHMATCHLEN"}, {"nosuch"}}[p.IntN(6)]
}

func (p *program) restoreOption() []string {
	return [][]string{{"replace"}, {"REPLACE"}, {"absttl"}, {"idletime", p.integer()}, {"freq", p.pick("1", "256", "-1", "x")}, {"nosuch"}}[p.IntN(6)]
}

func (p *program) keysList() []string {
	return append(p.some(3, func() []string { return []string{p.key()} }), p.key())
}

func (p *program) pairs() []string {
	return p.some(3, func() []string { return []string{p.key(), p.value()} })
}

// next draws a command.
func (p *program) next() []string {
	k := p.key()
	commands := []func() []string{
		func() []string { return append([]string{"SET", k, p.value()}, p.some(3, p.setOption)...) },
		func() []string { return []string{"SET", k, p.value()} },
		func() []string { return []string{"SET", k, p.value()} },
		func() []string { return []string{"GET", k} },
		func() []string { return append([]string{"GETEX", k}, p.some(2, p.getexOption)...) },
		func() []string { return []string{"GETDEL", k} },
		func() []string { return []string{"GETSET", k, p.value()} },
		func() []string { return []string{"SETNX", k, p.value()} },
		func() []string { return []string{"SETEX", k, p.seconds(), p.value()} },
		func() []string { return []string{"PSETEX", k, p.millis(), p.value()} },
		func() []string { return append([]string{"MSET", k, p.value()}, p.pairs()...) },
		func() []string { return append([]string{"MSETNX"}, append(p.keysList(), p.value())...) },
		func() []string { return append([]string{"MGET"}, p.keysList()...) },
		func() []string { return []string{"APPEND", k, p.value()} },
		func() []string { return []string{"APPEND", k, p.value()} },
		func() []string { return []string{"STRLEN", k} },
		func() []string { return []string{p.pick("GETRANGE", "SUBSTR"), k, p.integer(), p.integer()} },
		func() []string { return []string{"SETRANGE", k, p.integer(), p.value()} },
		func() []string { return []string{p.pick("INCR", "DECR"), k} },
		func() []string { return []string{p.pick("INCRBY", "DECRBY"), k, p.value()} },
		func() []string { return []string{"INCRBYFLOAT", k, p.float()} },
		func() []string { return []string{"INCRBYFLOAT", k, p.float()} },
		func() []string { return append([]string{"LCS", k, p.key()}, p.some(3, p.lcsOption)...) },
		func() []string { return append([]string{p.pick("DEL", "UNLINK")}, p.keysList()...) },
		func() []string { return append([]string{p.pick("EXISTS", "TOUCH")}, p.keysList()...) },
		func() []string { return []string{p.pick("TYPE", "PERSIST"), k} },
		func() []string { return []string{p.pick("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"), k} },
		func() []string { return append([]string{"EXPIRE", k, p.seconds()}, p.some(2, p.expireOption)...) },
		func() []string { return append([]string{"PEXPIRE", k, p.millis()}, p.some(2, p.expireOption)...) },
		func() []string { return append([]string{"EXPIREAT", k, p.unixSeconds()}, p.some(2, p.expireOption)...) },
		func() []string { return append([]string{"PEXPIREAT", k, p.unixMillis()}, p.some(2, p.expireOption)...) },
		func() []string { return []string{p.pick("RENAME", "RENAMENX"), k, p.key()} },
		func() []string { return append([]string{"COPY", k, p.key()}, p.some(2, p.copyOption)...) },
		func() []string { return []string{"MOVE", k, p.database()} },
		func() []string { return []string{"SWAPDB", p.database(), p.database()} },
		func() []string { return []string{"SELECT", p.pick("0", "1", "2", "3")} },
		func() []string { return []string{"OBJECT", p.pick("ENCODING", "FREQ"), k} },
		func() []string { return []string{"DUMP", k} },
		func() []string { return []string{"DBSIZE"} },
		func() []string {
			return []string{"KEYS", p.pick("*", "?", "[a-c]", "[^a]", "k*", "k\\*", "[", "a*b", "*a")}
		},
		func() []string { return p.scan() },
		func() []string { return []string{"DEBUG", "DIGEST"} },
		func() []string { return []string{"DEBUG", "DIGEST-VALUE", k, p.key()} },
		func() []string { return p.restore() },
		func() []string {
			if p.IntN(30) > 0 {
				return []string{"DBSIZE"}
			}
			return [][]string{{"FLUSHDB"}, {"FLUSHALL", "ASYNC"}, {"flushdb", "sync"}, {"FLUSHALL", "now"}}[p.IntN(4)]
		},
	}
	return commands[p.IntN(len(commands))]()
}

// scan draws a scan that ends in one step, or a wrong one.
func (p *program) scan() []string {
	args := []string{"SCAN", p.pick("0", "0", "0", "x", "-", "+0", "-0", ""), "COUNT", "1000"}
	return append(args, p.some(2, func() []string {
		return [][]string{{"MATCH", p.pick("*", "[ab]", "k*")}, {"TYPE", p.pick("string", "String", "list", "nosuch")}, {"COUNT", p.pick("0", "-1", "x", "5000")}, {"MATCH"}, {"nosuch", "x"}}[p.IntN(5)]
	})...)
}

// restore draws a payload that is right, damaged, or of an unknown version.
func (p *program) restore() []string {
	m := newBareMachine()
	if _, err := m.Do(words("SET", "k", p.value())); err != nil {
		panic(err)
	}
	v, err := m.Do(words("DUMP", "k"))
	if err != nil {
		panic(err)
	}
	payload := bytes.Clone(v.Bytes)
	switch p.IntN(6) {
	case 0:
		payload[p.IntN(len(payload))] ^= 1 << p.IntN(8)
	case 1:
		payload = payload[:p.IntN(len(payload))]
	}
	args := []string{"RESTORE", p.key(), p.pick("0", "0", "100000000", "-1", "x", "4000000000000", "9223372036854775807"), string(payload)}
	return append(args, p.some(3, p.restoreOption)...)
}

// sameReply reports whether two servers have answered args alike: times may
// differ a little, and keys may come in any order.
func sameReply(args []string, a, b reply.Value) bool {
	name := strings.ToUpper(args[0])
	tolerance := map[string]int64{"TTL": 1, "EXPIRETIME": 1, "PTTL": 1000, "PEXPIRETIME": 1000}[name]
	switch {
	case tolerance > 0 && a.Kind == reply.Integer && b.Kind == reply.Integer && a.Int() > 0 && b.Int() > 0:
		return max(a.Int()-b.Int(), b.Int()-a.Int()) <= tolerance
	case name == "KEYS" || name == "SCAN":
		return corpus.PrintSorted(a) == corpus.PrintSorted(b)
	}
	return corpus.Print(a) == corpus.Print(b)
}

func TestRandomProgramsAreAnsweredAsByRedis(t *testing.T) {
	seed := *differentialSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-command.seed=%d", seed)
	real, machine := dialRedis(t, startRedis(t)), newBareMachine()
	machine.tickMS = 0 // its time is the real server's
	for _, proto := range []string{"2", "3"} {
		p := &program{Rand: rand.New(rand.NewPCG(seed, uint64(proto[0])))}
		mustDo(t, real, "HELLO", proto)
		mustDo(t, machine, "HELLO", proto)
		for step := range *differentialSteps {
			args := p.next()
			machine.keys.Advance(time.Now().UnixMilli())
			theirs, mine := mustDo(t, real, args...), mustDo(t, machine, args...)
			if !sameReply(args, mine, theirs) {
				t.Fatalf("seed %d, step %d of protocol %s: %q\nours   %s\ntheirs %s",
					seed, step, proto, args, corpus.Print(mine), corpus.Print(theirs))
			}
		}
	}
}

func TestPatternsMatchAsInRedis(t *testing.T) {
	seed := *differentialSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-command.seed=%d", seed)
	p := &program{Rand: rand.New(rand.NewPCG(seed, 3))}
	random := func(alphabet string, max int) string {
		b := make([]byte, p.IntN(max+1))
		for i := range b {
			b[i] = alphabet[p.IntN(len(alphabet))]
		}
		return string(b)
	}
	real, machine := dialRedis(t, startRedis(t)), newBareMachine()
	for range 200 {
		key := random("abc-]\\*\x00A", 4)
		mustDo(t, real, "SET", key, "")
		mustDo(t, machine, "SET", key, "")
	}
	for range *differentialSteps / 4 {
		for _, args := range [][]string{{"KEYS", random("aab*?[]^-\\c\x00A", 8)}, {"SCAN", "0", "COUNT", "1000", "MATCH", random("ab*?[]^-\\", 8)}} {
			theirs, mine := mustDo(t, real, args...), mustDo(t, machine, args...)
			if !sameReply(args, mine, theirs) {
				t.Fatalf("seed %d: %q\nours   %s\ntheirs %s", seed, args, corpus.PrintSorted(mine), corpus.PrintSorted(theirs))
			}
		}
	}
}

// longDouble draws the text of a number within and beyond what C's long double
// holds exactly.
func (p *program) longDouble() string {
	digits := make([]byte, 1+p.IntN(28))
	for i := range digits {
		digits[i] = byte('0' + p.IntN(10))
	}
	text := string(digits)
	if p.IntN(2) == 0 {
		at := p.IntN(len(text) + 1)
		text = text[:at] + "." + text[at:]
	}
	if p.IntN(3) == 0 {
		text += fmt.Sprintf("e%d", p.IntN(80)-40)
	}
	if p.IntN(20) == 0 {
		text = fmt.Sprintf("0x%x.%xp%d", p.Uint64(), p.Uint32(), p.IntN(100)-60)
	}
	if p.IntN(100) == 0 {
		text = fmt.Sprintf("%de%d", p.IntN(1000), p.IntN(10_000)-5000)
	}
	if p.IntN(3) == 0 {
		text = "-" + text
	}
	return text
}

func TestSumsOfNumbersAreThoseOfRedis(t *testing.T) {
	seed := *differentialSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-command.seed=%d", seed)
	p := &program{Rand: rand.New(rand.NewPCG(seed, 4))}
	real, machine := dialRedis(t, startRedis(t)), newBareMachine()
	for range *differentialSteps / 2 {
		a, b := p.longDouble(), p.longDouble()
		mustDo(t, real, "SET", "k", a)
		mustDo(t, machine, "SET", "k", a)
		theirs, mine := mustDo(t, real, "INCRBYFLOAT", "k", b), mustDo(t, machine, "INCRBYFLOAT", "k", b)
		if corpus.Print(mine) != corpus.Print(theirs) {
			t.Fatalf("seed %d: %s + %s\nours   %s\ntheirs %s", seed, a, b, corpus.Print(mine), corpus.Print(theirs))
		}
	}
}
