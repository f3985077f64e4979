package server_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvorum/kvorum/cmd/internal/server"
	"github.com/kvorum/kvorum/internal/corpus"
)

// On real sockets, with the default time-outs: a leader whose process has ended is
// replaced because of that, and not because a heartbeat was missed. A machine that is so
// busy that the silence is noticed first gets another leader to lose.
func TestAGoneLeaderIsReplacedAtOnce(t *testing.T) {
	const leadersMax = 5
	c := newCluster(t, 3)
	log := c.keepJournal()
	c.startAll()
	for range leadersMax {
		leader, follower := c.leader()
		client := c.dial(follower)
		if got := client.do(t, "SET k v"); got != "+OK" {
			t.Fatalf("SET: %s", got)
		}
		crashed, begun := log.now(), time.Now()
		c.servers[leader].Crash()
		delete(c.servers, leader)
		if got := client.do(t, "SET k w"); got != "+OK" {
			t.Fatalf("SET while the leader is gone: %s", got)
		}
		t.Logf("the write took %v", time.Since(begun))
		next, _ := c.leader()
		log.wantToldToLead(t, crashed, next)
		if len(log.said(crashed, next, `reason="its port refuses"`)) > 0 {
			return
		}
		c.start(leader)
		c.awaitReady()
	}
	t.Errorf("none of %d leaders was replaced because its port refuses", leadersMax)
}

// A leader that is told never to lead hands over at once, says so, and may lead
// again when it is told so. One that is started with never-lead does not lead.
func TestNeverLead(t *testing.T) {
	c := newCluster(t, 3)
	c.tune = func(cfg *server.Config) { cfg.NeverLead = cfg.ID == "n1" }
	c.startAll()
	c.eventually("n1 hands over", func() error { // it founds the cluster, and may lead for a moment
		if leader, _ := c.leader(); leader == "n1" {
			return errors.New("n1 leads")
		}
		return nil
	})
	if got := c.dial("n1").do(t, "CLUSTER NODES"); !strings.Contains(got, "myself,slave,nofailover") {
		t.Errorf("CLUSTER NODES says %s", got)
	}
	if got := c.dial("n1").do(t, "CONFIG GET never-lead"); !strings.Contains(got, "yes") {
		t.Fatalf("CONFIG GET never-lead: %s", got)
	}
	second, _ := c.leader()
	if got := c.dial(second).do(t, "CONFIG SET never-lead yes"); got != "+OK" {
		t.Fatal(got)
	}
	third := map[string]string{"n2": "n3", "n3": "n2"}[second]
	c.eventually("the third leads", func() error {
		if leader, _ := c.leader(); leader != third {
			return errors.New(leader + " leads")
		}
		return nil
	})
	if got := c.dial("n1").do(t, "CONFIG SET never-lead no"); got != "+OK" {
		t.Fatal(got)
	}
	if got := c.dial(third).do(t, "CONFIG SET never-lead yes"); got != "+OK" {
		t.Fatal(got)
	}
	c.eventually("n1 leads", func() error {
		if leader, _ := c.leader(); leader != "n1" {
			return errors.New(leader + " leads")
		}
		return nil
	})
}

// Clients who reach a node in the first moments of its restart wait for it, and
// hear no error.
func TestARestartedNodeHasEarlyClientsWait(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	_, follower := c.leader()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.servers[follower].Close(ctx); err != nil {
		t.Fatal(err)
	}
	c.start(follower)
	var asking sync.WaitGroup
	// A client that gets an error to HELLO may take it for an old server's, and speak RESP2 from then on.
	for _, early := range []string{"SET early v", "HELLO 3", "CLIENT ID", "ROLE"} {
		client := c.dial(follower)
		asking.Go(func() {
			args, err := corpus.ParseCommand(early)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := client.Do(args); err != nil || got.IsError() {
				t.Errorf("%s at once after the start: %s, %v", early, got.Bytes, err)
			}
		})
	}
	asking.Wait()
}
