package resp

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// fakeMachine is an Executor on a map, and an Admin. It notes how it was called.
type fakeMachine struct {
	mu     sync.Mutex
	data   map[string][]byte
	trace  []string // of Write, Read and Run, when tracing
	note   bool
	keys   func() reply.Value // what KEYS answers, if it is set
	before func(name string)  // called by every call, for tests that hold it up
}

func newFakeMachine() *fakeMachine { return &fakeMachine{data: make(map[string][]byte)} }

func (m *fakeMachine) Write(ctx context.Context, calls []*command.Call) { m.run(ctx, "write", calls) }
func (m *fakeMachine) Read(ctx context.Context, calls []*command.Call)  { m.run(ctx, "read", calls) }

func (m *fakeMachine) ReadLocal(ctx context.Context, calls []*command.Call) {
	m.run(ctx, "local", calls)
}

func (m *fakeMachine) run(ctx context.Context, how string, calls []*command.Call) {
	if m.before != nil {
		m.before(string(calls[0].Args[0]))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, call := range calls {
		if m.note {
			how += " " + string(bytes.Join(call.Args, []byte(",")))
		}
		call.Reply = m.answer(call)
	}
	if m.note {
		m.trace = append(m.trace, how)
	}
}

func (m *fakeMachine) answer(call *command.Call) reply.Value {
	key := fmt.Sprint(call.DB)
	if len(call.Args) > 1 {
		key += ":" + string(call.Args[1])
	}
	switch call.Command.Name {
	case "set":
		m.data[key] = bytes.Clone(call.Args[2])
		return reply.OK
	case "get":
		v, ok := m.data[key]
		if !ok {
			return reply.Nil()
		}
		return reply.Bytes(v)
	case "mget":
		var all []reply.Value
		for _, arg := range call.Args[1:] {
			all = append(all, reply.Bytes(m.data[fmt.Sprint(call.DB)+":"+string(arg)]))
		}
		return reply.List(all...)
	case "keys":
		if m.keys != nil {
			return m.keys()
		}
		return reply.List(make([]reply.Value, 20_000)...)
	case "mset", "del":
		return reply.Int(int64(len(call.Args)))
	}
	return reply.Err("ERR the fake machine has no " + call.Command.Name)
}

func (m *fakeMachine) Run(ctx context.Context, call *command.Call) bool {
	if m.before != nil {
		m.before(call.Command.Name)
	}
	m.mu.Lock()
	if m.note {
		m.trace = append(m.trace, "run "+call.Command.Name)
	}
	m.mu.Unlock()
	switch call.Command.Name {
	case "wait":
		if ms, _ := strconv.Atoi(string(call.Args[2])); ms > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
			defer cancel()
		}
		<-ctx.Done()
		call.Reply = reply.Int(0)
	case "shutdown":
		call.Reply = reply.OK
	case "config|get":
		call.Reply = reply.MapOf(reply.Bytes(call.Args[2]), reply.Text(""))
	case "dbsize", "role", "time":
		call.Reply = reply.Text(call.Command.Name)
	default:
		return false
	}
	return true
}

// harness is a running server.
type harness struct {
	*Server
	*fakeMachine
	addr   string
	served chan error
}

func startServer(t testing.TB, change func(*Options)) *harness {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := newFakeMachine()
	o := Options{Listener: ln, Executor: m, Admin: m, Logger: slog.New(slog.DiscardHandler)}
	if testing.Verbose() {
		o.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	if change != nil {
		change(&o)
	}
	h := &harness{Server: New(o), fakeMachine: m, addr: ln.Addr().String(), served: make(chan error, 1)}
	go func() { h.served <- h.Serve() }()
	t.Cleanup(func() { h.stop(t) })
	return h
}

func (h *harness) stop(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := h.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
	select {
	case err := <-h.served:
		if err != nil {
			t.Errorf("Serve: %v", err)
		}
		h.served <- nil
	case <-time.After(5 * time.Second):
		t.Error("Serve has not returned")
	}
}

// wire is a raw client.
type wire struct {
	net.Conn
	t testing.TB
}

func (h *harness) dial(t testing.TB) *wire { return dialWire(t, h.addr) }

func dialWire(t testing.TB, addr string) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return &wire{conn, t}
}

func (w *wire) send(s string) {
	w.t.Helper()
	if _, err := w.Write([]byte(s)); err != nil {
		w.t.Fatal(err)
	}
}

// expect reads exactly want.
func (w *wire) expect(want string) {
	w.t.Helper()
	got := make([]byte, 0, len(want))
	for len(got) < len(want) {
		n, err := w.Read(got[len(got):cap(got)])
		got = got[:len(got)+n]
		if err != nil || !bytes.HasPrefix([]byte(want), got) {
			w.t.Fatalf("got %q, error %v, want %q", got, err, want)
		}
	}
}

// expectEnd reads the end of the connection.
func (w *wire) expectEnd() {
	w.t.Helper()
	var b [256]byte
	if n, err := w.Read(b[:]); n > 0 || err == nil || os.IsTimeout(err) {
		w.t.Fatalf("got %q, error %v, want the end of the connection", b[:n], err)
	}
}

func (w *wire) exchange(send, want string) {
	w.t.Helper()
	w.send(send)
	w.expect(want)
}

// waitFor polls a condition that other goroutines bring about.
func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// multibulk is a command as clients send it.
func multibulk(args ...string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	return b.String()
}
