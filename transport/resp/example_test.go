package resp_test

import (
	"bufio"
	"context"
	"fmt"
	"net"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/transport/resp"
)

// emptyNode is the smallest Executor and Admin: it has no keys, takes none, and
// knows its role.
type emptyNode struct{}

func (emptyNode) Write(_ context.Context, calls []*command.Call) {
	answer(calls, reply.Err("ERR read only"))
}

func (emptyNode) Read(_ context.Context, calls []*command.Call) { answer(calls, reply.Nil()) }

func (emptyNode) ReadLocal(_ context.Context, calls []*command.Call) { answer(calls, reply.Nil()) }

func (emptyNode) Run(_ context.Context, call *command.Call) bool {
	call.Reply = reply.Text("master")
	return call.Command.Name == "role"
}

func answer(calls []*command.Call, with reply.Value) {
	for _, call := range calls {
		call.Reply = with
	}
}

// A server takes a listener over and answers a client's pipeline in order. What
// concerns the connection alone, as PING, it answers itself.
func Example() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := resp.New(resp.Options{Listener: listener, Executor: emptyNode{}, Admin: emptyNode{}})
	go server.Serve()
	defer server.Close(context.Background())

	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		panic(err)
	}
	defer client.Close()
	fmt.Fprint(client, "PING\r\nGET key\r\nSET key value\r\nROLE\r\nQUIT\r\n")
	for lines := bufio.NewScanner(client); lines.Scan(); {
		fmt.Println(lines.Text())
	}
	// Output:
	// +PONG
	// $-1
	// -ERR read only
	// $6
	// master
	// +OK
}
