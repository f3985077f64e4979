package peer

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/kvorum/kvorum/transport/peer/pipe"
)

// A thousand servers come and go: with their links end their goroutines and connections,
// and not with a link on which an answer is waited for. A link comes back when it is needed.
func TestNothingStaysOfLinksThatAreNotRetained(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		h := &recorder{}
		one, two := open(t, n, "n1@a", "c", &recorder{}), open(t, n, "n2@b", "c", h)
		keepNone, keepAll := func(string) bool { return false }, func(string) bool { return true }
		before := runtime.NumGoroutine()
		for i := range 1000 {
			for class := range classCount {
				if _, err := one.Call(t.Context(), fmt.Sprintf("x%d@1", i), Request{Kind: 1, Class: class}); err == nil {
					t.Fatal("a server that is not there answered")
				}
			}
		}
		if _, err := one.Call(t.Context(), "n2@b", Request{Kind: 1}); err != nil {
			t.Fatal(err)
		}
		one.Retain(keepAll)
		if got := len(one.Links()); got != 1 || runtime.NumGoroutine() < before+1000 {
			t.Fatalf("%d links are open with %d goroutines", got, runtime.NumGoroutine()-before)
		}
		one.Retain(keepNone)
		synctest.Wait()
		one.mu.Lock()
		links := len(one.links)
		one.mu.Unlock()
		if got := len(two.Links()); links != 0 || got != 0 || runtime.NumGoroutine() > before+2 {
			t.Errorf("%d links, %d connections and %d goroutines are left", links, got, runtime.NumGoroutine()-before)
		}
		if _, err := one.Call(t.Context(), "n2@b", Request{Kind: 1}); err != nil {
			t.Errorf("it cannot be asked again: %v", err)
		}
	})
}

// A request that is under way is answered, whoever has left meanwhile.
func TestALinkThatWaitsForAnAnswerIsRetained(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		asked := make(chan Responder, 1)
		h := &recorder{answer: func(_ Request, to Responder) { asked <- to }}
		one := open(t, n, "n1@a", "c", &recorder{})
		open(t, n, "n2@b", "c", h)
		answered := make(chan error, 1)
		one.Send("n2@b", Request{Kind: 1}, func(_ Answer, err error) { answered <- err })
		synctest.Wait()
		one.Retain(func(string) bool { return false })
		synctest.Wait()
		(<-asked).Answer(Answer{})
		if err := <-answered; err != nil {
			t.Error(err)
		}
	})
}

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
