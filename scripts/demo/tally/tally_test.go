package tally

import (
	"slices"
	"testing"
	"time"
)

func TestACounterShowsWhatWasLostAndWhatWasDoubled(t *testing.T) {
	for _, c := range []struct {
		title    string
		answered []int64
		unknown  int
		found    int64
		want     Verdict
	}{
		{"all is well", []int64{1, 2, 3}, 0, 3, Verdict{Acknowledged: 3, Found: 3}},
		{"an unknown write was applied", []int64{1, 3}, 1, 3, Verdict{Acknowledged: 2, Found: 3, Unknown: 1}},
		{"an unknown write was not applied", []int64{1, 2}, 1, 2, Verdict{Acknowledged: 2, Found: 2, Unknown: 1}},
		{"the end is missing", []int64{1, 2, 3}, 0, 2, Verdict{Acknowledged: 3, Found: 2, Lost: 1}},
		{"everything is missing", []int64{1, 2}, 0, 0, Verdict{Acknowledged: 2, Lost: 2}},
		{"a number was answered twice", []int64{1, 2, 2, 3}, 0, 3, Verdict{Acknowledged: 4, Found: 3, Lost: 1}},
		{"one write counted twice", []int64{1, 3}, 0, 3, Verdict{Acknowledged: 2, Found: 3, Doubled: 1}},
		{"an unknown write hides one loss only", []int64{1, 2, 3}, 1, 1, Verdict{Acknowledged: 3, Found: 1, Lost: 2, Unknown: 1}},
		{"one is lost and another doubled", []int64{1, 2, 2, 4}, 0, 4, Verdict{Acknowledged: 4, Found: 4, Lost: 1, Doubled: 1}},
	} {
		counter := NewCounter()
		for _, n := range c.answered {
			counter.Acked(n)
		}
		for range c.unknown {
			counter.Unknown()
		}
		got := counter.Verdict(c.found)
		if got != c.want {
			t.Errorf("%s: got %v, want %v", c.title, got, c.want)
		}
		if got.Kept() != (c.want.Lost == 0 && c.want.Doubled == 0) {
			t.Errorf("%s: Kept is %v for %v", c.title, got.Kept(), got)
		}
	}
}

func TestKeysShowWhatWasLostAndWhatWasDoubled(t *testing.T) {
	keys := NewKeys()
	for _, key := range []string{"a", "b", "c"} {
		keys.Acked(key)
	}
	keys.Unknown("d")
	keys.Unknown("e")
	keys.Refused()
	got := keys.Verdict(map[string]int64{"a": 1, "b": 2, "d": 1})
	want := Verdict{Acknowledged: 3, Found: 3, Lost: 1, Doubled: 1, Unknown: 2, Refused: 1}
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if sent := keys.Sent(); len(sent) != 5 {
		t.Errorf("sent %v", sent)
	}
}

func TestAPulseFindsTheLongestTimeWithoutAWrite(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	p := NewPulse(start, 100*time.Millisecond)
	for _, ms := range []int{10, 50, 450, 460, 900} {
		p.Beat(at(ms))
	}
	if got := p.Longest(at(1000)); got != 440*time.Millisecond {
		t.Errorf("longest %v", got)
	}
	if got := p.Longest(at(2000)); got != 1100*time.Millisecond {
		t.Errorf("a gap that has not ended counts as %v", got)
	}
	p.Mark()
	p.Beat(at(1000))
	if got := p.Longest(at(1010)); got != 100*time.Millisecond {
		t.Errorf("longest since the mark %v", got)
	}
	if got := p.Recent(at(1150), 20); !slices.Equal(got, []int{2, 0, 0, 0, 2, 0, 0, 0, 0, 1, 1}) {
		t.Errorf("recent %v", got)
	}
	if got := p.Recent(at(1150), 2); !slices.Equal(got, []int{1, 1}) {
		t.Errorf("the last two are %v", got)
	}
	if got := p.PerSecond(at(1150)); got != 4 { // 0.1 s to 1.1 s
		t.Errorf("%d a second", got)
	}
	if p.Total() != 6 || p.Last() != at(1000) {
		t.Errorf("total %d, last %v", p.Total(), p.Last())
	}
}
