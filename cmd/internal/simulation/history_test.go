package simulation

import (
	"strings"
	"testing"
	"time"
)

// record is one line of a history in a test: calls and returns are moments.
type record struct {
	op        operation
	call, end int64
	out       outcome
}

func TestTheCheckerTellsLinearizableHistoriesFromOthers(t *testing.T) {
	set := operation{"set", "k", "1"}
	get := operation{"get", "k", ""}
	incr := operation{"incr", "k", ""}
	ok := outcome{text: "OK"}
	tests := []struct {
		name    string
		records []record
		legal   bool
	}{
		{"a read after a write sees it", []record{{set, 1, 2, ok}, {get, 3, 4, outcome{text: "1"}}}, true},
		{"a read after a write that misses it is stale", []record{{set, 1, 2, ok}, {get, 3, 4, outcome{nothing: true}}}, false},
		{"a write of unknown outcome may happen later", []record{
			{set, 1, 0, outcome{unknown: true}}, {get, 3, 4, outcome{nothing: true}}, {get, 5, 6, outcome{text: "1"}}}, true},
		{"a write that failed must not show", []record{{set, 1, 2, outcome{failed: true}}, {get, 3, 4, outcome{text: "1"}}}, false},
		{"an increment of unknown outcome counts once", []record{
			{incr, 1, 0, outcome{unknown: true}}, {incr, 2, 3, outcome{text: "2"}}, {incr, 4, 5, outcome{text: "4"}}}, false},
		{"a key that was seen to expire stays away", []record{
			{operation{"setpx", "k", "1"}, 1, 2, ok}, {get, 3, 4, outcome{nothing: true}}, {get, 5, 6, outcome{text: "1"}}}, false},
		{"a key with a deadline may be there or not", []record{
			{operation{"setpx", "k", "1"}, 1, 2, ok}, {get, 3, 4, outcome{text: "1"}}, {get, 5, 6, outcome{nothing: true}}}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := &History{}
			for _, r := range test.records {
				h.clock.Store(r.end - 1)
				h.end(0, r.op, r.call, r.out)
			}
			verdict, err := h.Check(time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if (verdict == "") != test.legal {
				t.Fatalf("verdict %q, want legal %v", verdict, test.legal)
			}
			if !test.legal && !strings.Contains(verdict, "history of k") {
				t.Fatalf("the verdict names no key: %q", verdict)
			}
		})
	}
}
