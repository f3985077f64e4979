package cluster

import (
	"strings"
	"testing"
)

// captureOf reads a capture: "a" is a hash, "a1" a hash with a digest, "a!" one
// of another machine version, "a@" one of another index, "a#" that of a server
// which has diverged.
func captureOf(t *testing.T, text string) Capture {
	c := Capture{Version: 1, Index: 7, Hash: uint64(text[0])}
	switch mark := text[1:]; mark {
	case "":
	case "!":
		c.Version = 2
	case "#":
		c.Diverged = true
	case "@":
		c.Index = 8
	default:
		if len(mark) != 1 || mark[0] < '0' || mark[0] > '9' {
			t.Fatalf("no capture: %q", text)
		}
		c.Whole, c.Digest = true, [20]byte{mark[0]}
	}
	return c
}

// One row is one server's judgement; "-" is a voter that has not answered.
func TestTheJudge(t *testing.T) {
	for _, row := range []struct {
		name, own, others string // the other voters
		nonvoter, whole   bool
		want              Verdict
	}{
		{name: "alone", own: "a", want: Agrees},
		{name: "all agree", own: "a", others: "a a", want: Agrees},
		{name: "a majority is enough", own: "a", others: "a -", want: Agrees},
		{name: "another differs", own: "a", others: "a b", want: Agrees},
		{name: "this one differs", own: "b", others: "a a", want: Diverged},
		{name: "nobody has answered", own: "a", others: "- -", want: Inconclusive},
		{name: "one differs, and one is silent", own: "a", others: "b -", want: Inconclusive},
		{name: "all are different", own: "a", others: "b c", want: Split},
		{name: "two that differ", own: "a", others: "b", want: Split},
		{name: "two, one silent", own: "a", others: "-", want: Inconclusive},
		{name: "two and two", own: "a", others: "a b b", want: Split},
		{name: "two and one, one silent", own: "a", others: "a b -", want: Inconclusive},
		{name: "three of four", own: "a", others: "a a -", want: Agrees},
		{name: "against three of four", own: "b", others: "a a a", want: Diverged},
		{name: "two, two and one", own: "a", others: "a b b c", want: Split},
		{name: "two, two and one silent", own: "a", others: "a b b -", want: Inconclusive},
		{name: "two against three", own: "b", others: "b a a a", want: Diverged},
		{name: "two against two, one silent", own: "b", others: "b a a -", want: Inconclusive},
		{name: "one each of three, two silent", own: "a", others: "b c - -", want: Inconclusive},
		{name: "one each of four, one silent", own: "a", others: "b c d -", want: Split},

		{name: "another has another version", own: "a", others: "a a!", want: Agrees},
		{name: "alone in its version", own: "a", others: "a! a!", want: Diverged},
		{name: "the version splits them", own: "a", others: "a a! a!", want: Split},
		{name: "of another index says nothing", own: "a", others: "a@ a@", want: Inconclusive},

		{name: "what was found wrong is believed no more", own: "a", others: "a b# b# b#", want: Agrees},
		{name: "nor is it for itself", own: "b#", others: "b# b# a", want: Diverged},
		{name: "nor a reason to stop", own: "a", others: "b# c#", want: Agrees},
		{name: "the two that are left differ", own: "a", others: "b c#", want: Split},
		{name: "the other that is left is silent", own: "a", others: "- c#", want: Inconclusive},
		{name: "a non-voter beside those found wrong", own: "a", others: "b# b#", nonvoter: true, want: Inconclusive},

		{name: "a non-voter agrees", own: "a", others: "a a -", nonvoter: true, want: Agrees},
		{name: "a non-voter differs", own: "b", others: "a a -", nonvoter: true, want: Diverged},
		{name: "a non-voter's value is no vote", own: "a", others: "a - -", nonvoter: true, want: Inconclusive},
		{name: "the voters are split", own: "a", others: "a b c", nonvoter: true, want: Split},

		{name: "digests agree", own: "a1", others: "a1 a2", whole: true, want: Agrees},
		{name: "the digest differs", own: "a2", others: "a1 a1", whole: true, want: Diverged},
		{name: "the digest is not asked for", own: "a2", others: "a1 a1", want: Agrees},
		{name: "it has no digest", own: "a", others: "a1 a1", whole: true, want: Inconclusive},
		{name: "others have none", own: "a1", others: "a a", whole: true, want: Inconclusive},
		{name: "one has none", own: "a1", others: "a1 a", whole: true, want: Agrees},
		{name: "all digests differ", own: "a1", others: "a2 a3", whole: true, want: Split},
	} {
		own := captureOf(t, row.own)
		poll := Poll{Whole: row.whole}
		if !row.nonvoter {
			poll.Voters, poll.Votes = 1, []Capture{own}
		}
		for _, other := range strings.Fields(row.others) {
			poll.Voters++
			if other != "-" {
				poll.Votes = append(poll.Votes, captureOf(t, other))
			}
		}
		if got := poll.Judge(own); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
	if got := (Poll{}).Judge(Capture{}); got != Inconclusive {
		t.Errorf("without voters: %v", got)
	}
}
