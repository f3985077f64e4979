package glob_test

import (
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/command/glob"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "a", true}, {"*", "", false}, {"a", "", false},
		{"a*b*c", "aXbYc", true}, {"a*b*c", "aXbY", false}, {"*ab", "aab", true}, {"**b", "ab", true},
		{"?", "a", true}, {"??", "a", false}, {"[abc]", "b", true}, {"[^abc]", "b", false}, {"[a-c]x", "bx", true},
		{"[c-a]", "b", true}, {"[a-", "-", true}, {"[a", "a", true}, {"[", "a", false}, {"[^", "a", true}, {"[]", "a", false},
		{"[^]", "a", true}, {`\*`, "*", true}, {`\*`, "a", false}, {`\`, `\`, true}, {`[\]]`, "]", true}, {`[\-]`, "-", true},
		{"h[^e]llo", "hallo", true}, {"a\x00*", "a\x00b", true}, {"A", "a", false},
	} {
		if got := glob.Match([]byte(c.pattern), []byte(c.name)); got != c.want {
			t.Errorf("%q matches %q: %v, want %v", c.pattern, c.name, got, c.want)
		}
	}
	if !glob.MatchFold([]byte("GeT[R-s]*"), []byte("getrange")) {
		t.Error("MatchFold minds case")
	}
}

func TestManyStarsDoNotTakeLong(t *testing.T) {
	pattern := strings.Repeat("a*", 2000) + "b"
	name := strings.Repeat("a", 10_000)
	if glob.Match([]byte(pattern), []byte(name)) {
		t.Error("there is no b")
	}
}

// slow is the definition: an element of the pattern takes one byte, "*" any
// number. It tries everything.
func slow(pattern, name string) bool {
	if pattern == "" || name == "" {
		return strings.Trim(pattern, "*") == "" && name == ""
	}
	if pattern[0] == '*' {
		return slow(pattern[1:], name) || slow(pattern, name[1:])
	}
	size := elementSize(pattern)
	return element(pattern[:size], name[0]) && slow(pattern[size:], name[1:])
}

func elementSize(p string) int {
	switch {
	case p[0] == '\\' && len(p) > 1:
		return 2
	case p[0] != '[':
		return 1
	}
	i := 1
	for i < len(p) && p[i] != ']' {
		switch {
		case p[i] == '\\' && i+1 < len(p):
			i += 2
		case i+2 < len(p) && p[i+1] == '-':
			i += 3
		default:
			i++
		}
	}
	return min(i+1, len(p))
}

func element(e string, b byte) bool {
	switch {
	case e == "?":
		return true
	case e[0] == '\\' && len(e) > 1:
		return e[1] == b
	case e[0] != '[':
		return e[0] == b
	}
	return glob.Match([]byte(e), []byte{b}) // a set of its own has no stars
}

func FuzzMatch(f *testing.F) {
	for _, s := range []string{"", "*", "a*b", "[a-c]*", `\*?`, "[^", "a**b*"} {
		f.Add(s, "abcab")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(name) == 0 || len(name) > 10 || strings.Count(pattern, "*") > 6 {
			return
		}
		if got, want := glob.Match([]byte(pattern), []byte(name)), slow(pattern, name); got != want {
			t.Errorf("%q matches %q: %v, want %v", pattern, name, got, want)
		}
	})
}
