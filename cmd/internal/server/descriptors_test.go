package server_test

import (
	"strings"
	"testing"

	"github.com/kvorum/kvorum/cmd/internal/server"
)

func TestClientsLeaveDescriptorsToTheRest(t *testing.T) {
	c := newCluster(t, 1)
	c.tune = func(cfg *server.Config) { cfg.Descriptors = 176 + 3 }
	c.startAll()
	client := c.dial("n1")
	for _, step := range [][2]string{
		{"CONFIG GET maxclients", `["maxclients" "3"]`},
		{"CONFIG SET maxclients 4", "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to handle the specified number of clients, try with 3"},
		{"CONFIG GET maxclients", `["maxclients" "3"]`},
		{"CONFIG SET maxclients 2", "+OK"},
		{"CONFIG SET maxclients 3", "+OK"},
	} {
		if got := client.do(t, step[0]); got != step[1] {
			t.Errorf("%s: %s", step[0], got)
		}
	}
	for range 2 {
		if got := c.dial("n1").do(t, "PING"); got != "+PONG" {
			t.Errorf("PING: %s", got)
		}
	}
	if line, err := c.dial("n1").in.ReadString('\n'); !strings.HasPrefix(line, "-ERR max number of clients reached") {
		t.Errorf("one too many is told %q, %v", line, err)
	}
}

func TestAServerWithoutDescriptorsForClientsDoesNotStart(t *testing.T) {
	c := newCluster(t, 1)
	c.tune = func(cfg *server.Config) { cfg.Descriptors = 176 }
	s, err := c.open("n1", "n1")
	if err == nil {
		s.Crash()
		t.Fatal("it was opened")
	}
	if !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("it says %v", err)
	}
}
