package reply

import (
	"bytes"
	"math"
	"testing"
)

func TestEachKindHasRedissTextInBothProtocols(t *testing.T) {
	big := Value{Kind: BigNumber, Bytes: []byte("12345678901234567890")}
	push := Value{Kind: Push, Elems: []Value{Text("message"), Int(1)}}
	for _, c := range []struct {
		name  string
		v     Value
		resp2 string
		resp3 string
	}{
		{"null", Nil(), "$-1\r\n", "_\r\n"},
		{"null array", NilArray(), "*-1\r\n", "_\r\n"},
		{"status", OK, "+OK\r\n", "+OK\r\n"},
		{"error", Err("ERR no\r\nway\r\n"), "-ERR no  way\r\n", "-ERR no  way\r\n"},
		{"integer", Int(math.MinInt64), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"},
		{"bulk", Bytes([]byte("a\r\n\x00")), "$4\r\na\r\n\x00\r\n", "$4\r\na\r\n\x00\r\n"},
		{"empty bulk", Bytes(nil), "$0\r\n\r\n", "$0\r\n\r\n"},
		{"array", List(Int(1), Nil()), "*2\r\n:1\r\n$-1\r\n", "*2\r\n:1\r\n_\r\n"},
		{"empty array", List(), "*0\r\n", "*0\r\n"},
		{"map", MapOf(Text("a"), Int(1)), "*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n:1\r\n"},
		{"set", SetOf(Int(1)), "*1\r\n:1\r\n", "~1\r\n:1\r\n"},
		{"push", push, "*2\r\n$7\r\nmessage\r\n:1\r\n", ">2\r\n$7\r\nmessage\r\n:1\r\n"},
		{"double", Float(0.1), "$19\r\n0.10000000000000001\r\n", ",0.10000000000000001\r\n"},
		{"whole double", Float(3), "$1\r\n3\r\n", ",3\r\n"},
		{"large double", Float(1e17), "$5\r\n1e+17\r\n", ",1e+17\r\n"},
		{"small double", Float(0.00001), "$22\r\n1.0000000000000001e-05\r\n", ",1.0000000000000001e-05\r\n"},
		{"longest plain double", Float(123456789012345680), "$22\r\n1.2345678901234568e+17\r\n", ",1.2345678901234568e+17\r\n"},
		{"infinity", Float(math.Inf(1)), "$3\r\ninf\r\n", ",inf\r\n"},
		{"negative infinity", Float(math.Inf(-1)), "$4\r\n-inf\r\n", ",-inf\r\n"},
		{"not a number", Float(math.NaN()), "$3\r\nnan\r\n", ",nan\r\n"},
		{"negative zero", Float(math.Copysign(0, -1)), "$2\r\n-0\r\n", ",-0\r\n"},
		{"true", Truth(true), ":1\r\n", "#t\r\n"},
		{"false", Truth(false), ":0\r\n", "#f\r\n"},
		{"big number", big, "$20\r\n12345678901234567890\r\n", "(12345678901234567890\r\n"},
		{"verbatim", VerbatimText("hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"},
	} {
		if got := AppendRESP(nil, c.v, 2); string(got) != c.resp2 {
			t.Errorf("%s in RESP2: %q, want %q", c.name, got, c.resp2)
		}
		if got := AppendRESP(nil, c.v, 3); string(got) != c.resp3 {
			t.Errorf("%s in RESP3: %q, want %q", c.name, got, c.resp3)
		}
	}
}

func equal(a, b Value) bool {
	if a.Kind != b.Kind || a.num != b.num || !bytes.Equal(a.Bytes, b.Bytes) || len(a.Elems) != len(b.Elems) {
		return false
	}
	for i := range a.Elems {
		if !equal(a.Elems[i], b.Elems[i]) {
			return false
		}
	}
	return true
}

// samples has a value of every kind.
func samples() []Value {
	return []Value{
		Nil(), NilArray(), OK, Status("PONG"), Err("ERR x"), Int(-7), Bytes([]byte{0, 255}),
		List(Int(1), List(Text("deep"))), MapOf(Text("k"), Float(1.5)), SetOf(Text("m")),
		{Kind: Push, Elems: []Value{Text("p")}}, Float(math.Inf(-1)), Truth(true),
		{Kind: BigNumber, Bytes: []byte("99999999999999999999")}, VerbatimText("text"),
	}
}

func TestAStoredValueComesBackEqual(t *testing.T) {
	seen := make(map[Kind]bool)
	for _, v := range samples() {
		seen[v.Kind] = true
		got, rest, err := DecodeStored(append(AppendStored(nil, v), "rest"...))
		if err != nil || string(rest) != "rest" || !equal(got, v) {
			t.Errorf("%v came back as %v, rest %q, error %v", v, got, rest, err)
		}
	}
	if len(seen) != int(kindCount) {
		t.Errorf("samples of %d kinds, want %d", len(seen), kindCount)
	}
}

func TestACutOrForeignStoredValueIsRefused(t *testing.T) {
	for _, v := range samples() {
		whole := AppendStored(nil, v)
		for n := range whole {
			if _, _, err := DecodeStored(whole[:n]); err == nil {
				t.Errorf("%v cut to %d of %d bytes was accepted", v, n, len(whole))
			}
		}
	}
	if _, _, err := DecodeStored([]byte{byte(kindCount), 0}); err == nil {
		t.Error("an unknown kind was accepted")
	}
	if _, _, err := DecodeStored(bytes.Repeat([]byte{byte(Array), 1}, depthMax+2)); err == nil {
		t.Error("nesting beyond depthMax was accepted")
	}
	if _, _, err := DecodeStored([]byte{byte(Map), 1, byte(Null)}); err == nil {
		t.Error("a map with a key and no value was accepted")
	}
}

func FuzzStored(f *testing.F) {
	for _, v := range samples() {
		f.Add(AppendStored(nil, v))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, rest, err := DecodeStored(b)
		if err != nil {
			return
		}
		stored := AppendStored(nil, v)
		if len(stored) > len(b)-len(rest) {
			t.Fatalf("%q became longer: %q", b, stored)
		}
		again, rest, err := DecodeStored(stored)
		if err != nil || len(rest) != 0 || !equal(again, v) {
			t.Fatalf("%q: %v, again %v, rest %q, error %v", b, v, again, rest, err)
		}
		AppendRESP(nil, v, 2)
		AppendRESP(nil, v, 3)
	})
}
