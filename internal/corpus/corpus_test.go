package corpus_test

import (
	"bufio"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/internal/corpus"
)

func TestWhatIsPrintedOfABulkIsReadBack(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	args, err := corpus.ParseCommand("SET  k " + corpus.Print(reply.Bytes(all)) + ` "" x`)
	if err != nil || len(args) != 5 || string(args[2]) != string(all) || len(args[3]) != 0 || string(args[4]) != "x" {
		t.Fatalf("%q, %v", args, err)
	}
	if _, err := corpus.ParseCommand(`SET "k`); err == nil {
		t.Error("an open quote is accepted")
	}
}

func TestEachKindIsPrintedAsItIsOnTheWire(t *testing.T) {
	v := reply.List(
		reply.OK, reply.Err("ERR a \"b\"\rc"), reply.Int(-5), reply.Nil(), reply.NilArray(), reply.Float(1.5), reply.Truth(true),
		reply.VerbatimText("x"), reply.SetOf(reply.Text("b"), reply.Text("a")), reply.MapOf(reply.Text("k"), reply.Int(1)))
	for proto, want := range map[int]string{
		2: `[+OK -ERR a "b" c :-5 nil nil-array "1.5" :1 "x" ["b" "a"] ["k" :1]]`,
		3: `[+OK -ERR a "b" c :-5 nil nil ,1.5 #t ="txt:x" ~["b" "a"] {"k": :1}]`,
	} {
		got, err := corpus.OnWire(v, proto)
		if err != nil {
			t.Fatal(err)
		}
		if corpus.Print(got) != want {
			t.Errorf("RESP%d:\ngot  %s\nwant %s", proto, corpus.Print(got), want)
		}
	}
	if got := corpus.PrintSorted(reply.List(reply.Text("b"), reply.Text("a"))); got != `["a" "b"]` {
		t.Errorf("sorted: %s", got)
	}
}

func TestAMalformedReplyIsAnError(t *testing.T) {
	for _, s := range []string{"", "+OK", "+OK\n", "\r\n", "?x\r\n", ":x\r\n", "$5\r\nab", "*2\r\n:1\r\n", ",x\r\n"} {
		if v, err := corpus.ReadReply(bufio.NewReader(strings.NewReader(s))); err == nil {
			t.Errorf("%q is read as %s", s, corpus.Print(v))
		}
	}
}

// counter answers TIME, and with a number that grows otherwise.
type counter struct{ n int64 }

func (c *counter) Do(args [][]byte) (reply.Value, error) {
	if string(args[0]) == "TIME" {
		return reply.List(reply.Text("7"), reply.Text("5000")), nil
	}
	if string(args[0]) == "echo" {
		return reply.Bytes(args[1]), nil
	}
	c.n++
	return reply.Int(c.n), nil
}

func (c *counter) Pass() { c.n += 10 }

func TestEachDirectivePrintsWhatItSays(t *testing.T) {
	for _, c := range []struct {
		d    corpus.Directive
		want string
	}{
		{corpus.Directive{Name: "do", Input: "a\nb"}, ":1\n:2\n"},
		{corpus.Directive{Name: "do", Input: "echo $now+1\necho $nowms-5\necho $now"}, "\"8\"\n\"7000\"\n\"7\"\n"},
		{corpus.Directive{Name: "between", Lo: "1", Hi: "2", Input: "a\nb\nc"}, "within\nwithin\n:3\n"},
		{corpus.Directive{Name: "between", Lo: "$now-7", Hi: "$now", Input: "a"}, "within\n"},
		{corpus.Directive{Name: "until", Input: "a", Expected: ":23\n"}, ":23\n"},
		{corpus.Directive{Name: "quiet", Input: "a\nb"}, ""},
	} {
		got, err := corpus.NewSession(&counter{}).Run(c.d)
		if err != nil || got != c.want {
			t.Errorf("%+v: %q, %v", c.d, got, err)
		}
	}
	if _, err := corpus.NewSession(&counter{}).Run(corpus.Directive{Name: "nope", Input: "a"}); err == nil {
		t.Error("an unknown directive is accepted")
	}
}
