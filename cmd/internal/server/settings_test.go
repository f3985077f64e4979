package server_test

import (
	"fmt"
	"strings"
	"testing"
)

// Whoever is told that proto-max-bulk-len is changed finds it in force on that
// node, whether it was raised or lowered, and on the others as they apply it.
func TestALimitOfTheParserIsInForceWhenItsChangeIsAnswered(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	c.startAll()
	leader, follower := c.leader()
	// answered sends a node a SET of 2 MB and returns the answer.
	answered := func(id string) string {
		conn := c.dial(id)
		head := "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2097152\r\n"
		if _, err := conn.Write([]byte(head + strings.Repeat("v", 2097152) + "\r\n")); err != nil {
			return "-" + err.Error()
		}
		said, err := conn.in.ReadString('\n')
		if err != nil {
			return "-" + err.Error()
		}
		return strings.TrimSpace(said)
	}
	for _, set := range []string{"CONFIG SET", "RAFT SET"} {
		for _, id := range []string{leader, follower} {
			for range 3 {
				admin := c.dial(id)
				if got := admin.do(t, set+" proto-max-bulk-len 1mb"); got != "+OK" {
					t.Fatal(got)
				}
				if got := answered(id); !strings.HasPrefix(got, "-") {
					t.Errorf("%s %s: 2 MB are answered %s after the limit was lowered to 1 MB", id, set, got)
				}
				if got := admin.do(t, set+" proto-max-bulk-len 2mb"); got != "+OK" {
					t.Fatal(got)
				}
				if got := answered(id); got != "+OK" {
					t.Errorf("%s %s: 2 MB are answered %s after the limit was raised to that", id, set, got)
				}
			}
		}
	}
	c.dial(leader).do(t, "CONFIG SET proto-max-bulk-len 1mb")
	c.eventually("the follower obeys a limit that was set elsewhere", func() error {
		if got := answered(follower); !strings.HasPrefix(got, "-") {
			return fmt.Errorf("2 MB are answered %s", got)
		}
		return nil
	})
}
