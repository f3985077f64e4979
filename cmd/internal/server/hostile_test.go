package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/transport/peer"
)

// The numbers of the peer protocol that this test needs; they never change.
const (
	forwardKind     peer.Kind = 1
	helloKind       peer.Kind = 5
	notLeaderStatus uint8     = 1
	refusedStatus   uint8     = 4
)

// stranger is somebody on the peer port who is no server of the cluster.
type stranger struct {
	t        *testing.T
	endpoint *peer.Endpoint
	book     map[string]string // server → peer address
}

func (s *stranger) Address(server string) (string, bool) {
	addr, ok := s.book[server]
	return addr, ok
}

func (*stranger) Admit(peer.Greeting) error                              { return nil }
func (*stranger) Serve(_ peer.Caller, _ peer.Request, to peer.Responder) { to.Answer(peer.Answer{}) }

// newStranger learns the cluster's name and its servers' names by asking them.
func newStranger(t *testing.T, c *testCluster, name string) *stranger {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{t: t, book: map[string]string{}}
	s.endpoint = peer.Open(peer.Config{
		Server: name, Advertise: listener.Addr().String(), Listener: listener, Book: s, Handler: s,
		Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
	})
	t.Cleanup(func() { s.endpoint.Close() })
	for _, m := range c.members {
		server, a, err := s.endpoint.Ask(t.Context(), m.PeerAddr, "", peer.Request{Kind: helloKind, Payload: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		var hello struct {
			Cluster string `json:"cluster"`
		}
		if err := json.Unmarshal(a.Payload, &hello); err != nil {
			t.Fatal(err)
		}
		s.book[server] = m.PeerAddr
		s.endpoint.Join(hello.Cluster)
	}
	return s
}

// forward sends a batch to every server, the leader among them, and returns the
// answers.
func (s *stranger) forward(b entry.Batch) map[string]peer.Answer {
	s.t.Helper()
	data, err := entry.AppendBatch(nil, &b)
	if err != nil {
		s.t.Fatal(err)
	}
	answers := map[string]peer.Answer{}
	for server := range s.book {
		ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
		a, err := s.endpoint.Call(ctx, server, peer.Request{Kind: forwardKind, Class: peer.Bulk, Hops: 1, Payload: data})
		cancel()
		if err != nil {
			s.t.Fatalf("forward to %s: %v", server, err)
		}
		answers[server] = a
	}
	return answers
}

// Batches with a right checksum and a wrong content, of a session of its own or
// of a server's, come in on the peer port: each is refused with its reason, and
// all nodes go on.
func TestHostileBatchesOnThePeerPortStopNobody(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	s := newStranger(t, c, "n9@9")
	commands := func(lines ...string) (list []entry.Command) {
		for _, line := range lines {
			var args [][]byte
			for _, word := range strings.Fields(line) {
				args = append(args, []byte(word))
			}
			list = append(list, entry.Command{Args: args})
		}
		return list
	}
	far := commands("set a 1")
	far[0].DB = 99
	own := entry.Session{Server: "n9@9", Boot: 1}
	hostile := map[string]entry.Batch{
		"unknown command": {Kind: entry.Commands, Commands: commands("nosuch a")},
		"does not belong": {Kind: entry.Commands, Commands: commands("ping")},
		"database 99":     {Kind: entry.Commands, Commands: far},
		"70 bytes":        {Kind: entry.Commands, Commands: commands(strings.Repeat("n", 70))},
		"number of arg":   {Kind: entry.Commands, Commands: commands("get a b")},
		"character":       {Kind: entry.Register, ClientAddr: "h:1\r\n+OK"},
	}
	for server := range s.book {
		hostile["session of \""+server] = entry.Batch{
			Session: entry.Session{Server: server, Boot: 1}, Kind: entry.Commands, Number: 1, Commands: commands("set k stolen")}
	}
	for reason, b := range hostile {
		if b.Server == "" {
			b.Session = own
		}
		if b.Kind != entry.Register {
			b.Number = 1
		}
		c.eventually("the leader refuses a batch", func() error {
			for server, a := range s.forward(b) {
				switch {
				case a.Status == notLeaderStatus:
				case a.Status == refusedStatus && strings.Contains(string(a.Payload), reason):
					return nil
				default:
					t.Errorf("%q: %s answers with status %d, %q", reason, server, a.Status, a.Payload)
				}
			}
			return errors.New("nobody leads")
		})
	}
	for i, m := range c.members {
		if got, want := c.dial(m.ID).do(t, "incr k"), fmt.Sprintf(":%d", i+1); got != want {
			t.Errorf("%s answers INCR with %q", m.ID, got)
		}
		if err := c.servers[m.ID].Ready(); err != nil {
			t.Errorf("%s: %v", m.ID, err)
		}
	}
}
