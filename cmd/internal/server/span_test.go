package server

import (
	"testing"
	"time"
)

// A time that is set to more than there is does not become a negative one, which
// would end every client at once.
func TestTheLongestTimeIsNoNegativeOne(t *testing.T) {
	for _, c := range []struct {
		n    int64
		unit time.Duration
		want time.Duration
	}{
		{60, time.Second, time.Minute},
		{9_223_372_036, time.Second, 9_223_372_036 * time.Second},
		{9_223_372_037, time.Second, 1<<63 - 1},
		{9_300_000_000, time.Second, 1<<63 - 1},
		{1<<63 - 1, time.Millisecond, 1<<63 - 1},
	} {
		if got := span(c.n, c.unit); got != c.want {
			t.Errorf("%d times %v is %v, want %v", c.n, c.unit, got, c.want)
		}
	}
}
