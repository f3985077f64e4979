package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/command"
)

// flip changes a byte of a value in one server's memory: replies share the
// keyspace's bytes.
func (c *testCluster) flip(id, key string) {
	c.t.Helper()
	args := [][]byte{[]byte("get"), []byte(key)}
	row, _ := command.Lookup(args)
	call := &command.Call{Command: row, Args: args}
	c.servers[id].Node().Read(c.t.Context(), []*command.Call{call})
	if len(call.Reply.Bytes) == 0 {
		c.t.Fatalf("GET %s on %s: %d", key, id, call.Reply.Kind)
	}
	call.Reply.Bytes[0] ^= 1
}

// What an operator sees of a node that has diverged: by RAFT DIGEST FULL, in
// INFO, at /readyz and /metrics, and when it is started again on its data.
func TestADivergedNodeIsSeenEverywhere(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader, victim := c.leader()
	other := "n1"
	for other == leader || other == victim {
		other = string([]byte{'n', other[1] + 1})
	}
	client := c.dial(other)
	if got := client.do(t, "SET text longenough"); got != "+OK" {
		t.Fatal(got)
	}
	if got := client.do(t, "RAFT DIGEST FULL"); !strings.Contains(got, `"all nodes agree"`) || strings.Count(got, `"agrees"`) != 3 || strings.Count(got, `"digest"`) != 3 {
		t.Fatalf("before: %s", got)
	}
	if got := client.do(t, "INFO raft"); !strings.Contains(got, "raft_divergence:none") {
		t.Fatalf("before: %s", got)
	}
	c.flip(victim, "text")
	if got := client.do(t, "RAFT DIGEST"); !strings.Contains(got, `"all nodes agree"`) || strings.Contains(got, `"digest"`) {
		t.Errorf("RAFT DIGEST, which no reply has shown: %s", got)
	}
	if got := client.do(t, "RAFT DIGEST FULL"); !strings.Contains(got, fmt.Sprintf(`"a majority agrees; different: %s"`, victim)) {
		t.Errorf("RAFT DIGEST FULL: %s", got)
	}
	// Which also was the comparison that the nodes make of themselves.
	c.eventually("it says that it has diverged", func() error {
		if _, body := get(t, "http://"+c.health[victim]+"/readyz"); !strings.Contains(body, "this node has diverged (at index ") {
			return fmt.Errorf("/readyz: %s", body)
		}
		return nil
	})
	if status, _ := get(t, "http://"+c.health[victim]+"/readyz"); status != 503 {
		t.Errorf("/readyz: %d", status)
	}
	if _, body := get(t, "http://"+c.health[victim]+"/metrics"); !strings.Contains(body, "\nkvorum_diverged 1\n") || !strings.Contains(body, "\nkvorum_ready 0\n") {
		t.Error("/metrics does not say so")
	}
	if _, body := get(t, "http://"+c.health[other]+"/metrics"); !strings.Contains(body, "\nkvorum_diverged 0\n") || !strings.Contains(body, "\nkvorum_split 0\n") {
		t.Error("/metrics of another says so, or nothing")
	}
	its := c.dial(victim)
	if got := its.do(t, "INFO raft"); !strings.Contains(got, "raft_divergence:diverged") || !strings.Contains(got, "raft_divergence_reason:this node has diverged") {
		t.Errorf("INFO: %s", got)
	}
	for _, line := range []string{"GET text", "SET a b", "CONFIG SET proto-max-bulk-len 1mb"} {
		if got := its.do(t, line); !strings.HasPrefix(got, "-CLUSTERDOWN the data of this node differs") && !strings.HasPrefix(got, "-ERR CONFIG SET failed") {
			t.Errorf("%s: %s", line, got)
		}
	}
	if got := client.do(t, "GET text"); got != `"longenough"` {
		t.Errorf("through another: %s", got)
	}

	c.servers[victim].Crash()
	delete(c.servers, victim)
	c.eventually("its directory is refused", func() error {
		s, err := c.open(victim, victim)
		if err == nil {
			s.Crash()
			return fmt.Errorf("it was opened")
		}
		if !strings.Contains(err.Error(), "start with an empty directory") {
			return err
		}
		return nil
	})
	again, err := c.open(victim, victim+"-empty")
	if err != nil {
		t.Fatal(err)
	}
	c.servers[victim] = again
	c.awaitReady()
	c.eventually("it agrees", func() error {
		if got := client.do(t, "RAFT DIGEST FULL"); !strings.Contains(got, `"all nodes agree"`) {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
}
