package main

import (
	"io"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/reply"
)

// asked books one answer to a question of a phase.
func asked(c *cutting, node string, k kind, at phase, result outcome) {
	c.heard(node, k, heard{at, result, reply.Int(1), nil})
}

// clean is a cut of n1 in which every promise was kept.
func clean() *cutting {
	c := newCutting()
	asked(c, "n1", write, whole, done) // before the cut
	c.enter(apart)
	asked(c, "n1", write, whole, done) // asked before, answered during it
	asked(c, "n1", write, apart, refused)
	asked(c, "n1", confirmedRead, apart, refused)
	asked(c, "n1", readonlyRead, apart, done)
	asked(c, "n2", write, apart, done)
	return c
}

func TestACutBreaksNoPromiseUnlessTheBooksSaySo(t *testing.T) {
	for _, c := range []struct {
		title string
		plant func(*cutting)
		want  string // "": nothing is broken
	}{
		{"all is well", func(*cutting) {}, ""},
		{"asked during the cut, answered after it", func(c *cutting) { c.enter(healed); asked(c, "n1", write, apart, done) }, ""},
		{"a write without a majority", func(c *cutting) { asked(c, "n1", write, apart, done) }, "n1 acknowledged 1 writes"},
		{"a read without a majority", func(c *cutting) { asked(c, "n1", confirmedRead, apart, done) }, "n1 answered 1 confirmed reads"},
		{"a stale read", func(c *cutting) { c.read("n3", 4, 5) }, "n3 read 4 after 5"},
		{"a current read", func(c *cutting) { c.read("n3", 5, 5) }, ""},
		{"READONLY is refused", func(c *cutting) { c.books["n1"][readonlyRead] = &book{failed: 2} }, "no READONLY read"},
		{"the majority stands still", func(c *cutting) { c.books["n2"][write] = &book{failed: 2} }, "majority did not go on"},
	} {
		books := clean()
		c.plant(books)
		got := strings.Join(books.broken("n1", []string{"n2", "n3"}), "; ")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: broken is %q, want %q", c.title, got, c.want)
		}
	}
}

func TestWhatANodeSaidLastIsKept(t *testing.T) {
	c := newCutting()
	c.heard("n1", write, heard{whole, refused, reply.Err("CLUSTERDOWN no leader"), nil})
	if got := c.last("n1", write); got != "CLUSTERDOWN no leader" {
		t.Error(got)
	}
	c.heard("n1", write, heard{whole, unknown, reply.Value{}, io.EOF})
	if got := c.last("n1", write); got != "EOF" {
		t.Error(got)
	}
	c.heard("n1", write, heard{whole, done, reply.Int(12), nil})
	if got := c.last("n1", write); got != "12" {
		t.Error(got)
	}
	var none *cutting // other demos keep no book
	none.heard("n1", write, heard{})
	if none.now() != whole {
		t.Error("a demo without a cut is in one")
	}
}
