package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/cmd/internal/server"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node/store"
)

func TestClientsAreToldLoadingUntilTheClusterHasFormed(t *testing.T) {
	c := newCluster(t, 3)
	c.start("n1")
	early := c.dial("n1")
	for _, command := range []string{"GET k", "SET k v", "INFO", "CONFIG GET save"} {
		if got := early.do(t, command); !strings.HasPrefix(got, "-LOADING ") {
			t.Errorf("%s: %s", command, got)
		}
	}
	if got := early.do(t, "PING"); got != "+PONG" {
		t.Errorf("PING: %s", got)
	}
	if status, body := get(t, "http://"+c.health["n1"]+"/readyz"); status != 503 || !strings.HasPrefix(body, "entering the cluster") {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if status, body := get(t, "http://"+c.health["n1"]+"/healthz"); status != 200 {
		t.Errorf("/healthz: %d %s", status, body)
	}
	c.start("n2")
	c.start("n3")
	c.awaitReady()
	if got := early.do(t, "SET k v"); got != "+OK" {
		t.Errorf("SET: %s", got)
	}
	if status, body := get(t, "http://"+c.health["n1"]+"/readyz"); status != 200 || !strings.HasPrefix(body, "ready: n1 ") {
		t.Errorf("/readyz: %d %s", status, body)
	}
}

// A node that waits for others can be stopped as any other.
func TestShutdownEndsAServerThatWaits(t *testing.T) {
	c := newCluster(t, 3)
	c.start("n1")
	if _, err := c.dial("n1").Do([][]byte{[]byte("SHUTDOWN"), []byte("SAVE")}); !errors.Is(err, io.EOF) {
		t.Errorf("SHUTDOWN: %v, want the end of the connection", err)
	}
	if err := c.servers["n1"].Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	delete(c.servers, "n1")
}

func TestShutdownEndsTheServerAndNobodyElse(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader, follower := c.leader()
	writer := c.dial(follower)
	if got := writer.do(t, "SET k v"); got != "+OK" {
		t.Fatal(got)
	}
	if _, err := c.dial(leader).Do([][]byte{[]byte("SHUTDOWN")}); !errors.Is(err, io.EOF) {
		t.Errorf("SHUTDOWN: %v, want the end of the connection", err)
	}
	if err := c.servers[leader].Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	delete(c.servers, leader)
	begun := time.Now()
	if got := writer.do(t, "GET k"); got != `"v"` {
		t.Errorf("GET: %s", got)
	}
	if waited := time.Since(begun); waited > 900*time.Millisecond {
		t.Errorf("a read waited %v: leadership was not handed over", waited)
	}
}

func TestAWipedServerComesBackAsANewOne(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader, follower := c.leader()
	writer := c.dial(leader)
	if got := writer.do(t, "SET k v"); got != "+OK" {
		t.Fatal(got)
	}
	before := c.servers[follower].Status().Server
	c.servers[follower].Crash()
	wiped, err := c.open(follower, follower+"-wiped")
	if err != nil {
		t.Fatal(err)
	}
	c.servers[follower] = wiped
	c.awaitReady()
	if servers := c.servers[leader].Node().Servers(); !slices.ContainsFunc(servers, func(s member.Server) bool {
		return s.ID == wiped.Status().Server && s.Voter
	}) {
		t.Errorf("it is ready, and not a voter: %v", servers)
	}
	if after := wiped.Status().Server; after == before {
		t.Errorf("it is %s again", after)
	}
	if got := c.dial(follower).do(t, "GET k"); got != `"v"` {
		t.Errorf("GET: %s", got)
	}
	c.eventually("the new server is a voter and the old one gone", func() error {
		servers := c.servers[leader].Node().Servers()
		for _, s := range servers {
			if s.ID == wiped.Status().Server && s.Voter && len(servers) == 3 {
				return nil
			}
		}
		return fmt.Errorf("servers: %v", servers)
	})
}

// said is a log of which only one message counts.
type said chan struct{}

func (s said) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "settled in its cluster") {
		select {
		case s <- struct{}{}:
		default:
		}
	}
	return len(line), nil
}

func TestAServerThatWasRemovedLearnsItAndEnds(t *testing.T) {
	c := newCluster(t, 3)
	voters := make(said, 3)
	c.tune = func(cfg *server.Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(voters, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	c.startAll()
	for range c.servers {
		<-voters // from here on, none asks without need
	}
	leader, follower := c.leader()
	removed := c.servers[follower]
	if err := c.servers[leader].Node().RemoveServer(removed.Status().Server, 0); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- removed.Wait() }()
	select {
	case err := <-ended:
		if !errors.Is(err, cluster.ErrNoPlace) {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(40 * time.Second):
		t.Fatal("it still runs")
	}
	delete(c.servers, follower)
	if got := c.dial(leader).do(t, "SET k v"); got != "+OK" {
		t.Errorf("SET: %s", got)
	}
}

// A server that has been removed and knows it cannot answer what waits for a leader or
// for its own log: its clients are let go at once, to another node.
func TestARemovedServerKeepsNoClientWaiting(t *testing.T) {
	c := newCluster(t, 3)
	c.tune = func(cfg *server.Config) { cfg.WriteTimeout = time.Minute }
	c.startAll()
	leader, follower := c.leader()
	removed := c.servers[follower]
	var written atomic.Int64
	var writing sync.WaitGroup
	for range 4 {
		client := c.dial(follower)
		writing.Go(func() {
			for {
				if v, err := client.Do([][]byte{[]byte("INCR"), []byte("n")}); err != nil || v.IsError() {
					return
				}
				written.Add(1)
			}
		})
	}
	c.eventually("they write", func() error {
		if n := written.Load(); n < 50 {
			return fmt.Errorf("%d writes", n)
		}
		return nil
	})
	if got := c.dial(leader).do(t, "RAFT REMOVE "+follower+" FORCE"); got != "+OK" {
		t.Fatal(got)
	}
	begun := time.Now()
	if err := removed.Wait(); !errors.Is(err, cluster.ErrNoPlace) {
		t.Errorf("it ended with %v", err)
	}
	writing.Wait()
	if took := time.Since(begun); took > 5*time.Second { // half of what an orderly stop may take
		t.Errorf("it kept its clients for %v", took)
	}
	delete(c.servers, follower)
}

func TestAServerThatCannotOpenItsPortsLeavesNothingOpen(t *testing.T) {
	c := newCluster(t, 1)
	free := c.clients["n1"]
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c.clients["n1"] = taken.Addr().String()
	if s, err := c.open("n1", "n1"); err == nil {
		s.Crash()
		t.Fatal("it was opened")
	} else if !strings.Contains(err.Error(), "open the client port") {
		t.Errorf("it says %v", err)
	}
	c.clients["n1"] = free
	c.startAll()
	if got := c.dial("n1").do(t, "INCR n"); got != ":1" {
		t.Errorf("INCR: %s", got)
	}
}

func TestAStoppedServerResumesWhatItHad(t *testing.T) {
	c := newCluster(t, 1)
	for want := 1; want <= 3; want++ {
		c.startAll()
		if got := c.dial("n1").do(t, "INCR n"); got != fmt.Sprintf(":%d", want) {
			t.Errorf("INCR: %s, want %d", got, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := c.servers["n1"].Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		cancel()
		if err := c.servers["n1"].Wait(); err != nil {
			t.Errorf("wait: %v", err)
		}
	}
}

func TestClientIDsAreUniqueInTheCluster(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	seen := map[string]bool{}
	for range 3 {
		for _, m := range c.members {
			id := c.dial(m.ID).do(t, "CLIENT ID")
			if seen[id] {
				t.Errorf("client id %s is another client's too", id)
			}
			seen[id] = true
		}
	}
}

func TestReplicatedSettingsReachEveryNodesClientPort(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader, follower := c.leader()
	if got := c.dial(leader).do(t, "CONFIG SET proto-max-bulk-len 1mb"); got != "+OK" {
		t.Fatal(got)
	}
	c.eventually("a follower refuses a larger bulk", func() error {
		client := c.dial(follower)
		defer client.Close()
		if _, err := io.WriteString(client, "*2\r\n$3\r\nGET\r\n$2000000\r\n"); err != nil {
			return err
		}
		client.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		line, err := client.in.ReadString('\n')
		if err != nil || !strings.Contains(line, "invalid bulk length") {
			return fmt.Errorf("answered %q, %v", line, err)
		}
		return nil
	})
}

// brokenDisk is a data directory that can be said to have failed.
type brokenDisk struct {
	*store.Dir
	failed chan struct{}
}

func (d brokenDisk) Failed() <-chan struct{} { return d.failed }
func (d brokenDisk) Err() error              { return errors.New("no space left on device") }

func TestAServerWhoseDiskFailsEndsAndSaysSo(t *testing.T) {
	c := newCluster(t, 3)
	disk := brokenDisk{failed: make(chan struct{})}
	c.wrap = func(id string, dir *store.Dir) server.Disk {
		if id != "n1" {
			return dir
		}
		disk.Dir = dir
		return disk
	}
	c.startAll()
	close(disk.failed)
	if err := c.servers["n1"].Wait(); err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("it ended with %v", err)
	}
	delete(c.servers, "n1")
	if got := c.dial("n2").do(t, "SET k v"); got != "+OK" {
		t.Errorf("SET through another: %s", got)
	}
}
