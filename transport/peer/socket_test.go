package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// TestRequestsOverSocketsThatBreakAreAnsweredRightOrFail drives the path on
// which a sender writes its own request, which pipes do not take.
func TestRequestsOverSocketsThatBreakAreAnsweredRightOrFail(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	book := &oneBook{l.Addr().String()}
	server := Open(Config{Server: "n2@b", Cluster: "c", Listener: l, Book: book, Handler: echoHandler{}})
	defer server.Close()
	own, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []net.Conn
	var dialer net.Dialer
	e := Open(Config{
		Server: "n1@a", Cluster: "c", Listener: own, Book: book, Handler: echoHandler{},
		Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, "tcp", addr)
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			return conn, err
		},
	})
	defer e.Close()
	breakAll := func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
		conns = nil
	}
	const callers, calls = 4, 2000
	var done, answered, failed atomic.Int64
	var running sync.WaitGroup
	for caller := range callers {
		running.Go(func() {
			for i := range calls {
				payload := binary.LittleEndian.AppendUint64(nil, uint64(caller*calls+i))
				got, err := e.Call(t.Context(), "n2@b", Request{Kind: 1, Payload: payload})
				switch {
				case err == nil && bytes.Equal(got.Payload, payload):
					answered.Add(1)
				case errors.Is(err, ErrUnknown) || errors.Is(err, ErrNotSent):
					failed.Add(1)
				default:
					t.Errorf("got %x, %v", got.Payload, err)
				}
				if done.Add(1)%500 == 0 {
					breakAll()
				}
			}
		})
	}
	running.Wait()
	if answered.Load() < callers*calls*9/10 {
		t.Errorf("only %d of %d were answered, %d failed", answered.Load(), callers*calls, failed.Load())
	}
}
