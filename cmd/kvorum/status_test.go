package main

import "testing"

// Half of a round trip of two seconds says nothing about a clock.
func TestASlowRoundTripIsNotTakenForAClockThatDiffers(t *testing.T) {
	for _, c := range []struct {
		skewMS, roundTripMS decimal
		want                bool
	}{{938, 1876, false}, {-938, 1876, false}, {938, 10, true}, {-938, 10, true}, {499, 0, false}, {1500, 1876, true}} {
		m := memberStatus{ClockSkewMS: &c.skewMS, RoundTripMS: &c.roundTripMS}
		if got := m.clockDiffers(); got != c.want {
			t.Errorf("skew %v ms, round trip %v ms: %v", c.skewMS, c.roundTripMS, got)
		}
	}
	if (&memberStatus{}).clockDiffers() {
		t.Error("nothing is known, and the clock differs")
	}
}
