package peer

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"
)

// Ask sends one question to the server that listens at addr, on a new connection in the lane Hello,
// and returns who answered. It needs no cluster and no address book, so the first start and joining
// use it. An empty to accepts any server.
func (e *Endpoint) Ask(ctx context.Context, addr, to string, req Request) (server string, a Answer, err error) {
	if err := checkRequest(req); err != nil {
		return "", Answer{}, notSent(err)
	}
	conn, err := e.cfg.Dial(ctx, addr)
	if err != nil {
		return "", Answer{}, notSent(fmt.Errorf("dial %s: %w", addr, err))
	}
	if !e.track(conn) {
		conn.Close()
		return "", Answer{}, notSent(ErrClosed)
	}
	defer e.untrack(conn)
	w, err := greet(ctx, conn, Greeting{Lane: Hello, Cluster: e.Cluster(), From: e.cfg.Server, To: to})
	if err != nil {
		return "", Answer{}, notSent(fmt.Errorf("dial %s: %w", addr, err))
	}
	defer conn.Close()
	a, err = askOn(ctx, conn, req)
	if err != nil {
		return w.server, Answer{}, unknown(fmt.Errorf("ask %s at %s: %w", w.server, addr, err))
	}
	return w.server, a, nil
}

// askOn sends a request on a connection that has greeted, and reads its answer.
func askOn(ctx context.Context, conn net.Conn, req Request) (Answer, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Time{}
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return Answer{}, err
	}
	if _, err := conn.Write(appendFrame(nil, frame{kind: uint8(req.Kind), hops: req.Hops, id: 1, payload: req.Payload})); err != nil {
		return Answer{}, err
	}
	f, err := readFrame(bufio.NewReader(conn))
	if err != nil {
		return Answer{}, err
	}
	if f.id != 1 || f.kind != uint8(req.Kind)|answerBit {
		return Answer{}, fmt.Errorf("%w: an answer to another question", ErrCorrupt)
	}
	return Answer{Status: f.status, Payload: f.payload}, nil
}
