package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/scripts/client"
	"github.com/kvorum/kvorum/scripts/demo/tally"
)

func TestOnlyAnAnswerTellsWhatBecameOfAWrite(t *testing.T) {
	for _, c := range []struct {
		answer reply.Value
		err    error
		want   outcome
	}{
		{reply.Int(7), nil, done},
		{reply.Err("UNCERTAIN the write may or may not have been applied"), nil, unknown},
		{reply.Err("CLUSTERDOWN no leader elected; the write was not applied"), nil, refused},
		{reply.Err("LOADING the node is starting"), nil, refused},
		{reply.Err("READONLY You can't write against a read only replica."), nil, refused},
		{reply.Value{}, fmt.Errorf("dial: %w", client.ErrNotSent), notSent},
		{reply.Value{}, io.EOF, unknown},
	} {
		if got := outcomeOf(c.answer, c.err); got != c.want {
			t.Errorf("%s %v: outcome %d, want %d", c.answer.Bytes, c.err, got, c.want)
		}
	}
}

func TestGapsAreSummedUp(t *testing.T) {
	if got := gapsText([]time.Duration{1200 * time.Millisecond}); !strings.Contains(got, "once: no write for 1.20 s") {
		t.Error(got)
	}
	if got := gapsText([]time.Duration{2 * time.Second, time.Second, 3 * time.Second}); !strings.Contains(got, "3 times: no write for 1.00 s to 3.00 s") {
		t.Error(got)
	}
}

func TestTheExplanationClaimsOnlyWhatWasSeen(t *testing.T) {
	kill, cut := act{title: "kill"}, act{title: "cut", cut: true}
	lost := func(n int64) result { return result{Verdict: tally.Verdict{Lost: n}} }
	for _, c := range []struct {
		acts    []act
		results [][]result
		says    []string
		not     []string
	}{
		{[]act{kill, cut}, [][]result{{lost(0), lost(0)}, {lost(0), lost(5)}}, []string{"threw away", "told no client OK"}, []string{"lost nothing", "died before"}},
		{[]act{kill}, [][]result{{lost(0), lost(2)}}, []string{"died before"}, []string{"lost nothing", "threw away", "told no client OK"}},
		{[]act{cut}, [][]result{{{island: 3}, lost(0)}}, []string{"lost nothing"}, []string{"told no client OK", "threw away"}},
	} {
		text := strings.Join(explanation(c.acts, c.results), "\n")
		for _, words := range c.says {
			if !strings.Contains(text, words) {
				t.Errorf("%v: does not say %q: %s", c.results, words, text)
			}
		}
		for _, words := range c.not {
			if strings.Contains(text, words) {
				t.Errorf("%v: says %q: %s", c.results, words, text)
			}
		}
	}
}

func TestTheTableHasBothSidesNumbers(t *testing.T) {
	ours := result{Verdict: tally.Verdict{Acknowledged: 1000, Found: 1001, Unknown: 2}, gap: 1500 * time.Millisecond}
	theirs := result{Verdict: tally.Verdict{Acknowledged: 1200, Found: 1100, Lost: 100}, gap: time.Second, island: 99}
	var text strings.Builder
	for _, r := range rows(act{cut: true}, ours, theirs) {
		fmt.Fprintf(&text, "%s: %s %s %v\n", r.title, r.ours, r.theirs, r.bad)
	}
	for _, want := range []string{"acknowledged writes: 1,000 1,200 false", "LOST: 0 100 true", "during the cut: 0 99 false", "machines: 1.50 s 1.00 s false"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}
