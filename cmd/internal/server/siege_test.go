package server_test

import (
	"encoding/binary"
	"hash/crc32"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// greetingBytes builds what a server introduces itself with on the peer port; the layout
// never changes.
func greetingBytes(lane byte, cluster, from, to string) []byte {
	body := []byte{lane}
	for _, name := range []string{cluster, from, to} {
		body = append(append(body, byte(len(name))), name...)
	}
	b := binary.LittleEndian.AppendUint16([]byte("KVRM\x01"), uint16(len(body)))
	b = append(b, body...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// siege is many connections to an address, each of which says one thing and no more. All
// of them are renewed every second.
type siege struct {
	count int
	said  []byte
}

// lay holds the connections until the test ends.
func (s siege) lay(t *testing.T, addr string) {
	t.Helper()
	conns := make([]net.Conn, s.count)
	open := func(i int) {
		if conns[i] != nil {
			conns[i].Close()
		}
		if conn, err := net.Dial("tcp", addr); err == nil {
			_, _ = conn.Write(s.said) // it may have been ended by now
			conns[i] = conn
		}
	}
	for i := range conns {
		open(i)
	}
	ended := make(chan struct{})
	var renewing sync.WaitGroup
	renewing.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for at := 0; ; {
			select {
			case <-tick.C:
			case <-ended:
				return
			}
			for range s.count / 100 { // all within a second
				open(at)
				at = (at + 1) % s.count
			}
		}
	})
	t.Cleanup(func() {
		close(ended)
		renewing.Wait()
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
	})
}

func TestSilentPeerConnectionsDelayNoServer(t *testing.T) {
	if testing.Short() {
		t.Skip("a delay beside thousands of connections")
	}
	t.Parallel()
	for name, greeting := range map[string]struct {
		from string // "": the follower's name
		lane byte
		cut  int // how much of the greeting is said; 0: all
	}{
		"half greetings":         {lane: 1, cut: 20},
		"a stranger's greetings": {from: "n9@x", lane: 2},
		"a server's streams":     {lane: 1},
		"a server's greetings":   {lane: 2},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 3)
			c.startAll()
			leader, follower := c.leader()
			status := c.servers[leader].Status()
			from := greeting.from
			if from == "" {
				from = c.servers[follower].Status().Server
			}
			said := greetingBytes(greeting.lane, status.Cluster, from, status.Server)
			if greeting.cut > 0 {
				said = said[:greeting.cut]
			}
			siege{2000, said}.lay(t, c.peerAddr(leader))
			if err := c.servers[follower].Close(t.Context()); err != nil {
				t.Error(err)
			}
			start := time.Now()
			s := c.start(follower)
			c.eventually("the follower is ready again", s.Ready)
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("the follower was ready again after %v", took)
			}
			if now := c.servers[leader].Status(); !now.Ready || now.Term != status.Term {
				t.Errorf("the leader was disturbed: %+v", now)
			}
			_, metrics := get(t, "http://"+c.health[leader]+"/metrics")
			if !regexp.MustCompile(`(?m)^kvorum_peer_connections_displaced_total [1-9]`).MatchString(metrics) || !strings.Contains(metrics, "kvorum_log_lines_dropped_total 0") {
				t.Error("the metrics do not tell of those that made room, or of log lines")
			}
			if got := c.dial(follower).do(t, "SET k v"); got != "+OK" {
				t.Errorf("SET: %s", got)
			}
		})
	}
}

func (c *testCluster) peerAddr(id string) string {
	for _, m := range c.members {
		if m.ID == id {
			return m.PeerAddr
		}
	}
	c.t.Fatalf("no server is %s", id)
	return ""
}
