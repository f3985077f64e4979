package simulation

import (
	"testing"
	"time"
)

// Running hashes that agree say nothing of what digests of the whole state have
// found: nothing is served, however clients try, until those agree.
func TestASplitThatNoReplyShowsStays(t *testing.T) {
	inAlarm(t, 3, func(t *testing.T, a *alarmed) {
		leader := a.leader()
		a.must(leader, "set", "text", "a value long enough")
		for i, id := range a.IDs {
			a.flip(id, "text", byte(i))
		}
		if _, err := a.Node(leader).AskDigest(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		a.await("everybody stops", func() error {
			a.do(leader, "incr", "n")
			return a.split()
		})
		for range 2 {
			served := 0
			for range 10_000 {
				for _, id := range a.IDs {
					if r := a.do(id, "incr", "n"); !r.IsError() {
						served++
					}
				}
				time.Sleep(time.Millisecond)
			}
			if served > 0 {
				t.Errorf("%d writes were served", served)
			}
			if _, err := a.Node(leader).AskDigest(t.Context(), false); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		a.replaceAllBut(a.leader())
		a.await("all serve", a.Whole)
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("it took %v", took)
		}
		a.await("all agree", a.Agree)
	})
}
