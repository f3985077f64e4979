package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/kvorum/kvorum/scripts/client"
	"github.com/kvorum/kvorum/scripts/demo/screen"
	"github.com/kvorum/kvorum/scripts/demo/stage"
	"github.com/kvorum/kvorum/scripts/demo/tally"
)

var errBroken = errors.New("a promise was broken")

// count reads a counter through every node: all must say the same.
func count(nodes []stage.Node, key string) (int64, error) {
	var first int64
	for i, node := range nodes {
		conn := client.Conn{Addr: node.Addr, Within: requestWithin}
		answer, err := conn.Do("GET", key)
		conn.Close()
		if err != nil || answer.IsError() {
			return 0, fmt.Errorf("read the counter through %s: %s %v", node.ID, answer.Bytes, err)
		}
		n, _ := strconv.ParseInt(string(answer.Bytes), 10, 64) // none: nothing was counted
		if i == 0 {
			first = n
		}
		if n != first {
			return 0, fmt.Errorf("%s reads the counter as %d and %s as %d", nodes[0].ID, first, node.ID, n)
		}
	}
	return first, nil
}

// remove takes the demo's key out of a cluster that goes on.
func remove(node stage.Node, key string) {
	conn := client.Conn{Addr: node.Addr, Within: requestWithin}
	defer conn.Close()
	_, _ = conn.Do("DEL", key) // one key more does no harm
}

// agreed waits until all nodes have applied the same index, and says whether
// they have done the same.
func agreed(ctx context.Context, nodes []stage.Node) (equal bool, err error) {
	err = await(ctx, "one applied index on all nodes", func() bool {
		var same bool
		equal, same = look(nodes)
		return same
	})
	return equal, err
}

// look asks every node once: have they applied the same index, and if so, the same?
func look(nodes []stage.Node) (equal, same bool) {
	var first client.View
	equal = true
	for i, node := range nodes {
		conn := client.Conn{Addr: node.Addr, Within: watchWithin}
		view, err := conn.Look()
		conn.Close()
		if i == 0 {
			first = view
		}
		if err != nil || view.Applied != first.Applied {
			return false, false
		}
		equal = equal && view.Hash == first.Hash
	}
	return equal, true
}

// show prints the verdict, and is an error if it is a bad one.
func show(s *screen.Screen, v tally.Verdict) error {
	number := func(bad screen.Style, n int64) string {
		text := fmt.Sprintf("%12s", screen.Thousands(n))
		if bad == screen.Dim || n == 0 {
			return text
		}
		return s.Paint(bad, text)
	}
	s.Line("")
	s.Line("  acknowledged %s   writes that a client was told are done", number(screen.Dim, v.Acknowledged))
	s.Line("  found        %s   in the counter, read through every node", number(screen.Dim, v.Found))
	s.Line("  lost         %s   acknowledged, and not counted", number(screen.Red, v.Lost))
	s.Line("  doubled      %s   counted, and nobody's", number(screen.Red, v.Doubled))
	s.Line("  unknown      %s   unanswered, as when a client's own node died: may be counted or not", number(screen.Dim, v.Unknown))
	s.Line("  refused      %s   a client was told that it was not done", number(screen.Dim, v.Refused))
	s.Line("")
	if !v.Kept() {
		s.Line("  %s", s.Paint(screen.Red, "Writes were lost or doubled. This must not happen: please report it."))
		return errBroken
	}
	s.Line("  %s", s.Paint(screen.Green, "Nothing lost, nothing doubled."))
	return nil
}
