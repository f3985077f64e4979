package peer

import (
	"context"
	"net"
	"testing"
)

func tcpEndpoint(b *testing.B, server string, book Book, h Handler) *Endpoint {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var d net.Dialer
	e := Open(Config{
		Server: server, Cluster: "c", Advertise: l.Addr().String(), Listener: l, Book: book, Handler: h,
		Dial: func(ctx context.Context, addr string) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) },
	})
	b.Cleanup(func() { e.Close() })
	return e
}

type oneBook struct{ addr string }

func (o *oneBook) Address(string) (string, bool) { return o.addr, true }

type echoHandler struct{}

func (echoHandler) Admit(Greeting) error { return nil }
func (echoHandler) Serve(_ Caller, req Request, to Responder) {
	to.Answer(Answer{Payload: req.Payload})
}

func pair(b *testing.B) *Endpoint {
	book := &oneBook{}
	server := tcpEndpoint(b, "n2@b", book, echoHandler{})
	book.addr = server.Streams().Addr().String()
	return tcpEndpoint(b, "n1@a", book, echoHandler{})
}

func BenchmarkPingPong(b *testing.B) {
	e := pair(b)
	payload := make([]byte, 32)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Call(ctx, "n2@b", Request{Kind: 1, Payload: payload}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFiftyConcurrent(b *testing.B) {
	e := pair(b)
	payload := make([]byte, 32)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	b.SetParallelism(25) // times GOMAXPROCS
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := e.Call(ctx, "n2@b", Request{Kind: 1, Payload: payload}); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkForward128KiB(b *testing.B) {
	e := pair(b)
	payload := make([]byte, 128<<10)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if _, err := e.Call(ctx, "n2@b", Request{Kind: 1, Class: Bulk, Payload: payload}); err != nil {
			b.Fatal(err)
		}
	}
}
