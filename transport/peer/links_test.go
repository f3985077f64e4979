package peer

import (
	"testing"
	"testing/synctest"

	"github.com/kvorum/kvorum/transport/peer/pipe"
)

func TestLinksAreThoseThatAreOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := pipe.New()
		one, two := open(t, n, "n1@a", "c", &recorder{}), open(t, n, "n2@b", "c", &recorder{})
		if got := one.Links(); len(got) != 0 {
			t.Errorf("before the first request there are links: %v", got)
		}
		if _, err := one.Call(t.Context(), "n2@b", Request{Kind: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := one.Call(t.Context(), "n3@c", Request{Kind: 1}); err == nil {
			t.Fatal("a server that is not there answered")
		}
		if got := one.Links(); len(got) != 1 || got[0].Server != "n2@b" || !got[0].Outgoing || got[0].Since.IsZero() {
			t.Errorf("the one who dialled has the links %v", got)
		}
		if got := two.Links(); len(got) != 1 || got[0].Server != "n1@a" || got[0].Outgoing || got[0].Since.IsZero() {
			t.Errorf("the one who was dialled has the links %v", got)
		}
		one.Close()
		synctest.Wait()
		if got := two.Links(); len(got) != 0 {
			t.Errorf("after the one who dialled has gone there are links: %v", got)
		}
		three := open(t, n, "n3@c", "c", &recorder{})
		if _, err := two.Call(t.Context(), "n3@c", Request{Kind: 1}); err != nil {
			t.Fatal(err)
		}
		three.Close()
		synctest.Wait()
		if got := two.Links(); len(got) != 0 {
			t.Errorf("after the one who was dialled has gone there are links: %v", got)
		}
	})
}
