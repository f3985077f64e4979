package node

import (
	"fmt"
	"slices"
	"testing"
)

func from(server string, number, bytes int) forward {
	data := make([]byte, max(bytes, 1))
	data[0] = byte(number)
	return forward{server: server, data: data}
}

// Servers take turns, whatever one of them has sent, and the batches of one server stay in order.
func TestForwardedBatchesTakeTurns(t *testing.T) {
	var b inbox
	for i := range 4 {
		b.put(from("a", i, 10))
	}
	b.put(from("b", 0, 10))
	b.put(from("c", 0, 30))
	b.put(from("c", 1, 10))
	var order []string
	take := func(room int) bool {
		f, ok := b.take(room)
		if ok {
			order = append(order, fmt.Sprint(f.server, f.data[0]))
		}
		return ok
	}
	for take(20) {
	}
	for take(30) {
	}
	if want := []string{"a0", "b0", "c0", "a1", "c1", "a2", "a3"}; !slices.Equal(order, want) || !b.empty() {
		t.Errorf("they are taken in the order %v, not %v", order, want)
	}
}

// Each server has its own bound. Nobody is refused because of what others have sent, and a server
// with nothing in the inbox is never refused.
func TestAFullInboxRefusesNobodyElse(t *testing.T) {
	var b inbox
	full := func(server string, bytes int) (took int) {
		for b.put(from(server, 0, bytes)) {
			took++
		}
		return took
	}
	if took := full("a", 200<<10); took != inboxBytesMax/(200<<10) {
		t.Errorf("%d batches of one server are taken", took)
	}
	if took := full("b", 1); took != inboxBatchesMax {
		t.Errorf("%d small batches of another", took)
	}
	if !b.put(from("c", 0, inboxBytesMax+1)) {
		t.Error("the first batch of a server is refused")
	}
	if all := b.clear(); len(all) != inboxBytesMax/(200<<10)+inboxBatchesMax+1 || !b.empty() {
		t.Errorf("%d are cleared away", len(all))
	}
	for i := range inboxServersMax + 1 {
		if took := b.put(from(fmt.Sprint(i), 0, 1)); took != (i < inboxServersMax) {
			t.Errorf("server %d: %v", i, took)
		}
	}
}
