package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kvorum/kvorum/cmd/internal/server"
	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/internal/corpus"
	"github.com/kvorum/kvorum/node/store"
)

// testCluster is servers of one process on real sockets and disks.
type testCluster struct {
	t       *testing.T
	dir     string
	members []server.Member
	clients map[string]string // id → client address
	health  map[string]string // id → HTTP address
	servers map[string]*server.Server
	tune    func(cfg *server.Config)                     // nil: as it is
	wrap    func(id string, disk *store.Dir) server.Disk // nil: the disk as it is
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

// newCluster plans a cluster of n1 … and starts none of it.
func newCluster(t *testing.T, size int) *testCluster {
	c := &testCluster{t: t, dir: t.TempDir(), clients: map[string]string{}, health: map[string]string{}, servers: map[string]*server.Server{}}
	for i := range size {
		id := fmt.Sprintf("n%d", i+1)
		c.members = append(c.members, server.Member{ID: id, PeerAddr: reserve(t)})
		c.clients[id], c.health[id] = reserve(t), reserve(t)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for _, s := range c.servers {
			s.CloseNow(ctx)
		}
	})
	return c
}

// reserve returns an address that stays the test's, also while no server
// listens there: a socket is bound to it, which never listens itself.
func reserve(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := share(uintptr(fd)); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", bound.(*unix.SockaddrInet4).Port)
}

// share lets several sockets of this user be bound to one address.
func share(fd uintptr) error {
	return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
}

// listen listens on a reserved address.
func listen(addr string) func() (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		return errors.Join(raw.Control(func(fd uintptr) { err = share(fd) }), err)
	}}
	return func() (net.Listener, error) { return config.Listen(context.Background(), "tcp", addr) }
}

// foundAlone stores what begins a cluster of one, as kvorum init does.
func (c *testCluster) foundAlone(dir *store.Dir) error {
	own := dir.Identity()
	if len(c.members) > 1 || own.Cluster != "" {
		return nil
	}
	self := member.Server{ID: own.Server, PeerAddr: c.members[0].PeerAddr, Voter: true}
	return dir.Promise(member.Formation{Cluster: "alone", Servers: []member.Server{self}})
}

// open starts a server on a data directory.
func (c *testCluster) open(id, data string) (*server.Server, error) {
	dir, err := store.Open(store.Options{Path: filepath.Join(c.dir, data), ID: id, Verify: fsm.Verify, Describe: fsm.Describe, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	if err := c.foundAlone(dir); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	var peerAddr string
	for _, m := range c.members {
		if m.ID == id {
			peerAddr = m.PeerAddr
		}
	}
	cfg := server.Config{ID: id, ClientAddr: c.clients[id], PeerAddr: peerAddr, Members: c.members, Follower: server.Forward, DebugCommands: true}
	if c.tune != nil {
		c.tune(&cfg)
	}
	disk := server.Disk(dir)
	if c.wrap != nil {
		disk = c.wrap(id, dir)
	}
	return server.Open(cfg, server.Environment{
		ListenPeers: listen(peerAddr), ListenClients: listen(c.clients[id]), ListenHTTP: listen(c.health[id]),
		DialPeer: func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
		Clock: systemClock{}, Disk: disk,
	})
}

func (c *testCluster) start(id string) *server.Server {
	c.t.Helper()
	s, err := c.open(id, id)
	if err != nil {
		c.t.Fatalf("start %s: %v", id, err)
	}
	c.servers[id] = s
	return s
}

// startAll starts every server and waits until all are ready.
func (c *testCluster) startAll() {
	c.t.Helper()
	for _, m := range c.members {
		c.start(m.ID)
	}
	c.awaitReady()
}

func (c *testCluster) awaitReady() {
	c.t.Helper()
	c.eventually("all are ready", func() error {
		for id, s := range c.servers {
			if err := s.Ready(); err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
		}
		return nil
	})
}

// eventually polls until the condition holds.
func (c *testCluster) eventually(what string, condition func() error) {
	c.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// leader returns the id that leads, and one that does not.
func (c *testCluster) leader() (leader, follower string) {
	c.t.Helper()
	c.eventually("one server leads", func() error {
		leader, follower = "", ""
		for id, s := range c.servers {
			if s.Status().Leading {
				leader = id
			} else {
				follower = id
			}
		}
		if leader == "" || follower == "" {
			return errors.New("no leader, or no follower")
		}
		return nil
	})
	return leader, follower
}

// conn is a client connection: corpus.Engine.
type conn struct {
	net.Conn
	in *bufio.Reader
}

func (c *testCluster) dial(id string) *conn {
	c.t.Helper()
	raw, err := net.Dial("tcp", c.clients[id])
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { raw.Close() })
	return &conn{raw, bufio.NewReader(raw)}
}

func (c *conn) Do(args [][]byte) (reply.Value, error) {
	if _, err := c.Write(corpus.AppendCommand(nil, args)); err != nil {
		return reply.Value{}, err
	}
	return corpus.ReadReply(c.in)
}

// do runs a command of plain words and prints its reply.
func (c *conn) do(t *testing.T, line string) string {
	t.Helper()
	args, err := corpus.ParseCommand(line)
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Do(args)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return corpus.Print(v)
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(text))
}
