package peer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvorum/kvorum/transport/peer/pipe"
)

// silences are the ways in which a connection may come no further.
var silences = map[string]func(conn net.Conn){
	"nothing": func(net.Conn) {},
	"half a greeting": func(conn net.Conn) {
		conn.Write(Greeting{Raft, "c", "n3@c", "n2@b"}.appendTo(nil)[:9])
	},
	"a greeting for Raft":     func(conn net.Conn) { greetAs(conn, Raft) },
	"a greeting for requests": func(conn net.Conn) { greetAs(conn, Requests) },
	"a first greeting":        func(conn net.Conn) { greetAs(conn, Hello) },
	"another protocol":        func(conn net.Conn) { io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n") },
	"another cluster":         func(conn net.Conn) { exchange(context.Background(), conn, Greeting{Raft, "x", "n3@c", "n2@b"}) },
}

func greetAs(conn net.Conn, lane Lane) {
	exchange(context.Background(), conn, Greeting{lane, "c", "n3@c", "n2@b"})
}

// held returns the number of connections that are open, dialled ones among them.
func (e *Endpoint) held() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.conns)
}

// besiege opens connections to n2, one after the other, which stay as they are.
func besiege(t *testing.T, n *pipe.Network, count int, say func(net.Conn)) {
	t.Helper()
	for range count {
		conn, err := n.Dialer("three")(t.Context(), "two")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		say(conn)
	}
}

func TestSilentConnectionsShutNoServerOut(t *testing.T) {
	for name, say := range silences {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *pipe.Network) {
				a := open(t, n, "n1@a", "c", &recorder{})
				b := open(t, n, "n2@b", "c", &recorder{})
				established := accepted(t, a, b)
				if _, err := a.Call(t.Context(), "n2@b", Request{Kind: 1}); err != nil {
					t.Fatal(err)
				}
				besiege(t, n, 5*newcomersDefault, say)
				synctest.Wait()
				held := b.held()
				if held > newcomersDefault+2 || name == "nothing" && b.Displaced() == 0 {
					t.Errorf("%d connections are held, %d have made room", held, b.Displaced())
				}
				if _, err := established.out.Write([]byte("x")); err != nil {
					t.Errorf("a stream was cut: %v", err)
				}
				if links := len(b.Links()); links < 1 {
					t.Error("the link was cut")
				}
				c := open(t, n, "n3@c", "c", &recorder{})
				if _, err := c.Call(t.Context(), "n2@b", Request{Kind: 1}); err != nil {
					t.Errorf("a server that came meanwhile was not let in: %v", err)
				}
				if _, err := b.Call(t.Context(), "n1@a", Request{Kind: 1}); err != nil {
					t.Errorf("the besieged server reaches nobody: %v", err)
				}
				accepted(t, c, b)
			})
		})
	}
}

// both ends of a stream that has carried something.
type both struct{ out, in net.Conn }

// accepted opens a stream and has its other end accepted, whatever waits before it.
func accepted(t *testing.T, from, to *Endpoint) both {
	t.Helper()
	out, err := from.Streams().Dial(to.Server(), book[to.Server()], time.Second)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		out.Write([]byte("hello"))
		io.Copy(io.Discard, out)
	}()
	for {
		in, server, err := to.Streams().Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(in, make([]byte, 5)); err != nil || server != from.Server() {
			in.Close() // one of those that say nothing
			continue
		}
		go io.Copy(io.Discard, in)
		return both{out, in}
	}
}

func TestWhoSaysNothingAfterItsGreetingIsEnded(t *testing.T) {
	for _, lane := range []Lane{Raft, Requests, Hello} {
		bubble(t, func(t *testing.T, n *pipe.Network) {
			b := open(t, n, "n2@b", "c", &recorder{})
			conn := dial(t, n)
			defer conn.Close()
			greetAs(conn, lane)
			go func() {
				if in, _, err := b.Streams().Accept(); err == nil {
					io.ReadAll(in)
					in.Close()
				}
			}()
			start := time.Now()
			io.ReadAll(conn)
			if took := time.Since(start); took > firstWordWithin {
				t.Errorf("lane %d: it was kept for %v", lane, took)
			}
		})
	}
}

// A server of the release before sends nothing on an idle link; ours does, and is kept.
func TestIdleConnectionsOfRequestsEnd(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		b := open(t, n, "n2@b", "c", &recorder{})
		if _, err := a.Call(t.Context(), "n2@b", Request{Kind: 1}); err != nil {
			t.Fatal(err)
		}
		since := a.Links()[0].Since
		conn := dial(t, n)
		defer conn.Close()
		greetAs(conn, Requests)
		go conn.Write(appendFrame(nil, frame{kind: 1, id: 1}))
		start := time.Now()
		io.ReadAll(conn)
		if took := time.Since(start); took < time.Second || took > idleMax {
			t.Errorf("it was kept for %v", took)
		}
		time.Sleep(10 * idleMax) // the bubble's time
		if links := a.Links(); len(links) != 1 || links[0].Since != since || len(b.Links()) != 1 {
			t.Errorf("our link was not kept: %+v", links)
		}
		if _, err := a.Call(t.Context(), "n2@b", Request{Kind: 1}); err != nil {
			t.Error(err)
		}
	})
}

// Raft keeps idle connections for its next call, which it would take for failed.
func TestAnIdleStreamThatWasUsedIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		b := open(t, n, "n2@b", "c", &recorder{})
		stream := accepted(t, a, b)
		time.Sleep(24 * time.Hour) // the bubble's time
		if _, err := stream.out.Write([]byte("again")); err != nil {
			t.Error(err)
		}
	})
}

// Before a node takes streams, those that say nothing must not fill its line.
func TestTheOldestStreamThatWaitsMakesRoom(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		b := open(t, n, "n2@b", "c", &recorder{})
		besiege(t, n, 2*streamsWaitingMax, silences["a greeting for Raft"])
		accepted(t, a, b)
	})
}

func TestAPeerThatReadsNoAnswersIsEnded(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		open(t, n, "n2@b", "c", &recorder{})
		conn := dial(t, n)
		defer conn.Close()
		greetAs(conn, Requests)
		request := appendFrame(nil, frame{kind: 1, id: 1, payload: make([]byte, payloadBytesMax)})
		start, err := time.Now(), error(nil)
		for err == nil && time.Since(start) < time.Hour {
			_, err = conn.Write(request)
		}
		if took := time.Since(start); took > idleMax {
			t.Errorf("it was kept for %v", took)
		}
	})
}

// lines counts what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func TestConnectionsThatAreNotTakenAreToldAtABoundedRate(t *testing.T) {
	for name, say := range silences {
		if strings.HasPrefix(name, "a ") {
			continue // greeted well
		}
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *pipe.Network) {
				l, err := n.Listen("two")
				if err != nil {
					t.Fatal(err)
				}
				said := &lines{}
				b := Open(Config{Server: "n2@b", Cluster: "c", Listener: l, Dial: n.Dialer("two"), Book: book, Handler: &recorder{},
					Logger: slog.New(slog.NewTextHandler(said, nil))})
				t.Cleanup(func() { b.Close() })
				for range 5 { // a minute
					besiege(t, n, 2*newcomersDefault, say)
					time.Sleep(12 * time.Second) // the bubble's time
				}
				synctest.Wait()
				said.mu.Lock()
				defer said.mu.Unlock()
				if got := strings.Count(said.text.String(), "\n"); got < 1 || got > 3 {
					t.Errorf("%d lines:\n%s", got, said.text.String())
				}
			})
		})
	}
}

// failing is a listener that has no descriptors for a while.
type failing struct {
	net.Listener
	mu   sync.Mutex
	left int
}

func (f *failing) Accept() (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left > 0 {
		f.left--
		return nil, os.NewSyscallError("accept4", errors.New("too many open files"))
	}
	return f.Listener.Accept()
}

func TestALackOfDescriptorsPassesAndFillsNoLog(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		l, err := n.Listen("two")
		if err != nil {
			t.Fatal(err)
		}
		said := &lines{}
		b := Open(Config{Server: "n2@b", Cluster: "c", Listener: &failing{Listener: l, left: 100}, Dial: n.Dialer("two"), Book: book,
			Handler: &recorder{}, Logger: slog.New(slog.NewTextHandler(said, nil))})
		t.Cleanup(func() { b.Close() })
		time.Sleep(time.Minute) // the bubble's time
		if _, err := a.Call(t.Context(), "n2@b", Request{Kind: 1}); err != nil {
			t.Error(err)
		}
		said.mu.Lock()
		defer said.mu.Unlock()
		if got := strings.Count(said.text.String(), "\n"); got < 1 || got > 3 {
			t.Errorf("%d lines", got)
		}
	})
}

// Whoever stops does not wait for a server that is paused.
func TestADialEndsWithItsLane(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		l, err := n.Listen("two")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			if conn, err := l.Accept(); err == nil {
				io.Copy(io.Discard, conn)
				conn.Close()
			}
		}()
		start := time.Now()
		time.AfterFunc(time.Second, func() { a.Streams().Close() })
		if _, err := a.Streams().Dial("n2@b", "two", time.Minute); err == nil {
			t.Error("a dial to a server that does not answer has succeeded")
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
