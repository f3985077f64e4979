package admin

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// redisPair is a master with all slots and its replica, both real.
func redisPair(t *testing.T) (master, replica *redisServer) {
	t.Helper()
	// CLUSTER SLOTS lists no replica of offset 0, and it is the master's ping, every 10 s by default, that raises it.
	flags := []string{
		"--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1",
		"--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1",
	}
	master, replica = startRedis(t, flags...), startRedis(t, flags...)
	master.do(t, "cluster", "addslotsrange", "0", "16383")
	_, port, bus := addressOf(t, master)
	replica.do(t, "cluster", "meet", "127.0.0.1", port, bus)
	id := master.do(t, "cluster", "myid").text
	waitFor(t, "the replica knows its master", func() bool { return replica.do(t, "cluster", "replicate", id).text == "OK" })
	waitFor(t, "the replica follows", func() bool {
		slots := master.do(t, "cluster", "slots")
		return len(slots.elems) == 1 && len(slots.elems[0].elems) == 4
	})
	return master, replica
}

// addressOf reads a server's own line of CLUSTER NODES.
func addressOf(t *testing.T, r *redisServer) (host, port, bus string) {
	t.Helper()
	line := strings.Fields(r.do(t, "cluster", "nodes").text)[1]
	addr, bus, _ := strings.Cut(line, "@")
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := strconv.Atoi(bus); err != nil {
		t.Fatal(err)
	}
	return host, port, bus
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// TestClusterTextsAreRediss holds CLUSTER's errors against a real master's and
// a real replica's.
func TestClusterTextsAreRediss(t *testing.T) {
	master, replica := redisPair(t)
	for _, c := range []struct {
		redis       *redisServer
		leader, own string
	}{{master, "n1@1", "n1@1"}, {replica, "n2@1", "n1@1"}} {
		w := newWorld("n1", "n2")
		w.status.Leader, w.status.Leading = c.leader, c.leader == c.own
		a := w.admin(t, nil)
		mine := strings.NewReplacer("<myself>", nodeID("n1@1"), "<other>", nodeID("n2@1"))
		own := c.redis.do(t, "cluster", "myid").text
		other := master.do(t, "cluster", "myid").text
		if other == own {
			other = replica.do(t, "cluster", "myid").text
		}
		theirs := strings.NewReplacer("<myself>", own, "<other>", other)
		lines := []string{
			"cluster meet", "cluster meet h", "cluster meet 1.2.3.4 x", "cluster meet 1.2.3.4 70000", "cluster meet 1.2.3.4 6379 x",
			"cluster meet 1.2.3.4 6379 70000", "cluster meet 1.2.3.4 6379 0", "cluster meet 1.2.3.4 60000", "cluster meet 1.2.3.4 0",
			"cluster meet 1.2.3.4 6379 1 2", "cluster forget", "cluster forget abc", "cluster forget <myself>",
			"cluster failover x", "cluster failover force takeover", "cluster replicas", "cluster replicas abc", "cluster slaves abc",
			"cluster reset x", "cluster reset hard soft", "cluster links now", "cluster help now",
			"readonly x", "asking x", "readwrite x", "replicaof x", "slaveof a b c",
		}
		if c.leader == c.own {
			lines = append(lines, "cluster failover", "cluster failover FORCE", "cluster replicas <other>")
		} else {
			lines = append(lines, "cluster replicas <myself>", "cluster forget <other>")
		}
		for _, line := range lines {
			got := parsed(t, do(t, a, strings.Fields(mine.Replace(line))...), 2)
			want := c.redis.do(t, strings.Fields(theirs.Replace(line))...)
			if fmt.Sprint(got) != theirsToMine(fmt.Sprint(want), own, other) {
				t.Errorf("%s\n got %v\nwant %v", line, got, want)
			}
		}
	}
}

func theirsToMine(text, own, other string) string {
	return strings.NewReplacer(own, nodeID("n1@1"), other, nodeID("n2@1")).Replace(text)
}

// TestClusterShapesAreRediss compares what is structured with a real master
// that has a replica.
func TestClusterShapesAreRediss(t *testing.T) {
	master, replica := redisPair(t)
	w := newWorld("n1", "n2")
	w.links = []Link{{Server: "n2@1", Outgoing: true}, {Server: "n2@1"}}
	a := w.admin(t, func(c *Config) { c.Redirect = true })
	other := replica.do(t, "cluster", "myid").text
	own := master.do(t, "cluster", "myid").text
	waitFor(t, "both links are open", func() bool { return len(master.do(t, "cluster", "links").elems) == 2 })
	waitFor(t, "the replica is online", func() bool {
		role := master.do(t, "role")
		return len(role.elems) == 3 && len(role.elems[2].elems) == 1
	})
	for proto := 2; proto <= 3; proto++ {
		master.do(t, "hello", fmt.Sprint(proto))
		for _, line := range []string{"cluster links", "cluster replicas <myself>", "cluster slaves <myself>", "cluster slots", "cluster shards", "role"} {
			got := parsed(t, do(t, a, strings.Fields(strings.ReplaceAll(line, "<myself>", nodeID("n1@1")))...), proto).shape()
			want := master.do(t, strings.Fields(strings.ReplaceAll(line, "<myself>", own))...).shape()
			if got != want {
				t.Errorf("%s in RESP%d\n got %v\nwant %v", line, proto, got, want)
			}
		}
	}
	want := strings.Fields(master.do(t, "cluster", "replicas", own).elems[0].text)
	got := strings.Fields(string(do(t, a, "cluster", "replicas", nodeID("n1@1")).Elems[0].Bytes))
	if len(got) != len(want) || want[0] != other || got[0] != nodeID("n2@1") || got[2] != want[2] || got[7] != want[7] {
		t.Errorf("CLUSTER REPLICAS: got %v, want like %v", got, want)
	}
}

// TestFailoverTextsAreRediss compares FAILOVER's errors with a lone server's.
func TestFailoverTextsAreRediss(t *testing.T) {
	redis := startRedis(t)
	a := newWorld("n1").admin(t, nil)
	for _, line := range []string{
		"failover", "failover abort", "failover x", "failover to", "failover to a", "failover to a b", "failover to a 7",
		"failover timeout", "failover timeout 0", "failover timeout -1", "failover timeout x", "failover force", "failover to a 1 force",
		"failover to a 1 force timeout 5", "failover to a 1 to a 2", "failover timeout 5", "failover abort timeout 5",
		"failover timeout 5 abort", "failover timeout 1 timeout 2", "failover abort abort", "failover to a 1 timeout 1 force", "failover force force",
	} {
		got, want := parsed(t, do(t, a, strings.Fields(line)...), 2), redis.do(t, strings.Fields(line)...)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s\n got %v\nwant %v", line, got, want)
		}
	}
}
