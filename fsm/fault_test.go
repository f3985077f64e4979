//go:build kvorum_faults

package fsm_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm"
)

// Each planted fault does what it is named for, so that the simulation has
// something to find.
func TestThePlantedFaults(t *testing.T) {
	reset := func() { fsm.Faults.ForgetSessions, fsm.Faults.IgnoreGaps, fsm.Faults.WallClockMS = false, false, nil }
	t.Cleanup(reset)

	l := newLog(t, 1)
	l.register(one)
	fsm.Faults.ForgetSessions = true
	restored, err := fsm.Restore(bytes.NewReader(snapshotOf(t, l.machines[0])))
	if _, ok := restored.Session(one.Server); err != nil || ok {
		t.Errorf("the session was restored: %v", err)
	}
	reset()

	fsm.Faults.IgnoreGaps = true
	got := show(l.entry(batch(one, 3, 0, "set a 3"), batch(one, 1, 0, "set a 1"), batch(one, 3, 0, "set a 4"), batch(one, 2, 0, "get a")))
	if want := "n1/1#3 applied +OK\nn1/1#1 applied +OK\nn1/1#3 duplicate +OK\nn1/1#2 applied \"1\""; got != want {
		t.Errorf("out of order:\n%s\nwant\n%s", got, want)
	}
	reset()

	fsm.Faults.WallClockMS = func() int64 { return epochMS + 1_000_000 }
	if got := show(l.entry(batch(one, 4, 0, "set a 1 pxat 1700000999999", "get a"))); !strings.HasSuffix(got, "nil") {
		t.Errorf("by the log alone: %s", got)
	}
}
