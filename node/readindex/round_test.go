package readindex

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// The scripts below are rounds, a line for each step and what is true after it:
//
//	leader 5 votes, b c      a leader in term 5 that is a voter, as b and c are
//	leader 5 watches, b c    the same, but not a voter
//	ask 2 -> b c             two are to have been asked: these are asked now
//	b says 4 -> undecided    what b's term is, and how the round stands then
//	b fails -> undecided     b cannot be asked
//	for b -> yes             is it confirmed for b's own readers?
//	missing -> b             who was asked and has not confirmed
var scripts = []struct{ title, script string }{
	{"the only voter confirms itself", `
leader 5 votes,
for x -> yes
x says 5 -> confirmed`},
	{"of three voters one other is enough", `
leader 5 votes, b c
for b -> yes
for x -> no
ask 1 -> b
b says 5 -> confirmed`},
	{"a voter of an earlier term confirms, too", `
leader 5 votes, b c
ask 1 -> b
b says 3 -> confirmed`},
	{"a later term means that another may lead", `
leader 5 votes, b c
ask 1 -> b
b says 6 -> undecided
ask 2 -> c
c says 6 -> refuted`},
	{"whoever fails is made up for by the next", `
leader 5 votes, b c
ask 1 -> b
b fails -> undecided
missing -> b
ask 2 -> c
c says 5 -> confirmed`},
	{"of five voters two others are needed", `
leader 5 votes, b c d e
ask 2 -> b c
b says 5 -> undecided
c says 5 -> confirmed`},
	{"of five voters three may not fail", `
leader 5 votes, b c d e
ask 4 -> b c d e
b fails -> undecided
c says 9 -> undecided
d fails -> refuted`},
	{"of four voters two others are needed", `
leader 5 votes, b c d
ask 2 -> b c
b says 5 -> undecided
d says 5 -> undecided
c says 5 -> confirmed`},
	{"nobody counts twice", `
leader 5 votes, b c d e
ask 2 -> b c
b says 5 -> undecided
b says 5 -> undecided
b fails -> undecided
missing -> c`},
	{"who was not asked does not count", `
leader 5 votes, b c
ask 0 ->
c says 5 -> undecided
x says 5 -> undecided
ask 1 -> b
missing -> b`},
	{"a leader that does not vote needs a majority of the others", `
leader 5 watches, b c
ask 2 -> b c
b says 5 -> undecided
c says 5 -> confirmed`},
	{"an asker's question is its vote, for its own readers only", `
leader 5 votes, b c d e
ask 2 -> b c
for d -> no
b says 5 -> undecided
for d -> yes
for b -> no
for x -> no`},
	{"an asker's question makes up for its own failure", `
leader 5 votes, b c d e
ask 2 -> b c
b says 5 -> undecided
c fails -> undecided
for c -> yes`},
	{"more than all are never asked", `
leader 5 votes, b c
ask 9 -> b c
ask 1 ->`},
}

func TestARoundGoesAsItsScriptSays(t *testing.T) {
	for _, s := range scripts {
		t.Run(s.title, func(t *testing.T) {
			var r *Round
			for number, line := range strings.Split(strings.TrimSpace(s.script), "\n") {
				if strings.HasPrefix(line, "leader ") {
					r = leader(t, line)
					continue
				}
				step, want, found := strings.Cut(line, "->")
				if got := play(t, r, strings.Fields(step)); !found || got != strings.TrimSpace(want) {
					t.Fatalf("line %d, %q: it is %q", number+1, line, got)
				}
			}
		})
	}
}

func leader(t *testing.T, line string) *Round {
	t.Helper()
	head, others, _ := strings.Cut(line, ",")
	words := strings.Fields(head)
	return New(termOf(t, words[1]), strings.Fields(others), words[2] == "votes")
}

// play does one step and returns what is true then.
func play(t *testing.T, r *Round, step []string) string {
	t.Helper()
	switch {
	case step[0] == "ask":
		return strings.Join(r.Ask(int(termOf(t, step[1]))), " ")
	case step[0] == "missing":
		return strings.Join(r.Missing(), " ")
	case step[0] == "for" && r.ConfirmedFor(step[1]):
		return "yes"
	case step[0] == "for":
		return "no"
	case step[1] == "fails":
		r.Fail(step[0])
	default:
		r.Answer(step[0], termOf(t, step[2]))
	}
	return [...]string{"undecided", "confirmed", "refuted"}[r.Outcome()]
}

func termOf(t *testing.T, word string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Whatever the order of answers, a round is confirmed if and only if a majority of all voters, the
// leader included if it votes, has no later term; and it never has both outcomes.
func TestARoundIsConfirmedByAMajorityOnly(t *testing.T) {
	const answers = 3 // confirms, fails, is of a later term
	for others := range 6 {
		for _, votes := range []bool{true, false} {
			if others == 0 && !votes {
				continue // no voter at all
			}
			for code := range pow(answers, others) {
				t.Run(fmt.Sprint(others, votes, code), func(t *testing.T) { all(t, others, votes, code) })
			}
		}
	}
}

func all(t *testing.T, others int, votes bool, code int) {
	names := strings.Split("abcdef", "")[:others]
	r := New(5, names, votes)
	r.Ask(others)
	yes := 0
	if votes {
		yes = 1
	}
	voters := others + yes
	for _, name := range names {
		switch code % 3 {
		case 0:
			r.Answer(name, 5)
			yes++
		case 1:
			r.Fail(name)
		case 2:
			r.Answer(name, 6)
		}
		code /= 3
		if r.Outcome() == Confirmed && 2*yes <= voters {
			t.Fatalf("confirmed by %d of %d", yes, voters)
		}
	}
	if want := map[bool]Outcome{true: Confirmed, false: Refuted}[2*yes > voters]; r.Outcome() != want {
		t.Errorf("%d of %d voters confirm: %v", yes, voters, r.Outcome())
	}
}

func pow(base, exponent int) int {
	p := 1
	for range exponent {
		p *= base
	}
	return p
}
