package command

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

// allocated returns the number of bytes that run allocates. No other test runs beside it.
func allocated(run func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// repeated is a command whose last argument stands there times times.
func repeated(times int, words ...string) (args [][]byte, wireBytes int64) {
	last := words[len(words)-1]
	for len(words) < times {
		words = append(words, last)
	}
	for _, w := range words {
		args = append(args, []byte(w))
		wireBytes += int64(len("$"+strconv.Itoa(len(w))+"\r\n"+w) + 2)
	}
	return args, wireBytes
}

// What a request makes a node allocate is in proportion to the request, although
// a short name in it may stand for kilobytes of reply.
func TestNoRequestTakesMuchMoreMemoryThanItsOwnBytes(t *testing.T) {
	const factorMax = 32
	k := keyspace.New([16]byte{})
	k.Put(0, keyspace.Draft{Key: []byte("k"), Str: bytes.Repeat([]byte("v"), 100), Encoding: keyspace.Raw})
	for _, words := range [][]string{
		{"command", "docs", "client"}, {"command", "docs", "client|list"}, {"command", "docs", "nope"},
		{"command", "info", "client"}, {"command", "info", "nope"},
		{"command", "getkeys", "mget", "k"}, {"command", "getkeysandflags", "mget", "k"},
		{"mget", "k"}, {"exists", "k"}, {"touch", "k"}, {"debug", "digest-value", "k"},
	} {
		t.Run(strings.Join(words, " "), func(t *testing.T) {
			args, size := repeated(100_000, words...)
			row, refused := Lookup(args)
			if row == nil {
				t.Fatalf("%s", refused.Bytes)
			}
			took := allocated(func() {
				var answer reply.Value
				if row.Run == nil {
					answer = CommandCommand(args)
				} else {
					answer = row.Run(&Context{Keys: k, Args: args, Command: row})
				}
				if answer.IsError() {
					t.Errorf("%s", answer.Bytes)
				}
			})
			t.Logf("%d bytes of request took %d: %d times", size, took, took/size)
			if took > factorMax*size {
				t.Errorf("%d bytes of request took %d, more than %d times as much", size, took, factorMax)
			}
		})
	}
}

// A short request about every command builds nothing.
func TestWhatIsSaidOfAllCommandsIsBuiltOnce(t *testing.T) {
	for _, line := range []string{"command", "command info", "command docs", "command list", "command help", "object help"} {
		args := bytes.Fields([]byte(line))
		row, _ := Lookup(args)
		took := allocated(func() {
			for range 100 {
				if row.Run != nil {
					row.Run(&Context{Args: args, Command: row})
				} else {
					CommandCommand(args)
				}
			}
		})
		if took > 100<<10 {
			t.Errorf("%s: a call allocates %d bytes", line, took/100)
		}
	}
}

// KEYS takes what the keys and their replies take, and no more to grow into.
func TestKeysOfAllTakesTheRoomOfItsReply(t *testing.T) {
	const count = 100_000
	k := keyspace.New([16]byte{})
	for i := range count {
		k.Put(0, keyspace.Draft{Key: []byte("key:" + strconv.Itoa(i))})
	}
	args := [][]byte{[]byte("keys"), []byte("*")}
	took := allocated(func() { keysCommand(&Context{Keys: k, Args: args}) })
	if took > 100*count {
		t.Errorf("%d keys take %d bytes", count, took)
	}
}

// The matrix is a bit for each pair; beside it are two rows of the shorter string.
func TestLCSOfAShortAndALongStringTakesNoMoreThanItsMatrix(t *testing.T) {
	const long = 4 << 20
	text := bytes.Repeat([]byte("v"), long)
	for _, pair := range [][2][]byte{{nil, text}, {text, nil}, {[]byte("v"), text}, {text, []byte("v")}} {
		took := allocated(func() { newLCSMatrix(pair[0], pair[1]) })
		if took > long/8+64<<10 {
			t.Errorf("strings of %d and %d bytes take %d", len(pair[0]), len(pair[1]), took)
		}
	}
}

// The shorter string is the inner one, whichever it is: the pairs that are found
// are those of the plain dynamic program, whose second string gives way where
// both ways are equally good.
func TestLCSFindsTheSamePairsWhicheverStringIsLonger(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func() []byte {
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = byte('a' + r.IntN(3))
		}
		return b
	}
	for range 500 {
		a, b := text(), text()
		var got [][2]int
		newLCSMatrix(a, b).walk(func(i, j int) { got = append(got, [2]int{i, j}) })
		if want := plainLCS(a, b); !slices.Equal(got, want) {
			t.Fatalf("%q and %q: %v, want %v", a, b, got, want)
		}
	}
}

// plainLCS keeps the whole matrix of lengths, and goes back through it as Redis does.
func plainLCS(a, b []byte) (pairs [][2]int) {
	lengths := make([][]int, len(a)+1)
	lengths[0] = make([]int, len(b)+1)
	for i := range a {
		lengths[i+1] = make([]int, len(b)+1)
		for j := range b {
			lengths[i+1][j+1] = max(lengths[i][j+1], lengths[i+1][j])
			if a[i] == b[j] {
				lengths[i+1][j+1] = lengths[i][j] + 1
			}
		}
	}
	for i, j := len(a), len(b); i > 0 && j > 0; {
		switch {
		case a[i-1] == b[j-1]:
			i--
			j--
			pairs = append(pairs, [2]int{i, j})
		case lengths[i-1][j] > lengths[i][j-1]:
			i--
		default:
			j--
		}
	}
	return pairs
}
