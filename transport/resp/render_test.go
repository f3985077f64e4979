package resp

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
)

// keys returns what KEYS answers where there are n.
func keys(n int) reply.Value {
	all := make([]reply.Value, n)
	for i := range all {
		all[i] = reply.Text(fmt.Sprintf("key:%06d", i))
	}
	return reply.List(all...)
}

func TestAReplyIsRenderedIntoMemoryOfItsSize(t *testing.T) {
	for name, v := range map[string]reply.Value{
		"keys":   keys(1000),
		"nested": reply.List(reply.Text("0"), keys(300), reply.SetOf(reply.Float(1.5), reply.Truth(true), reply.Nil(), reply.NilArray())),
		"pairs":  reply.MapOf(reply.Int(-1<<63), reply.VerbatimText("v"), reply.Status("s"), reply.Err("ERR e\r\n")),
		"empty":  reply.List(),
	} {
		for _, proto := range []int{2, 3} {
			size, _ := measure(&v, proto, nil)
			got := render(&v, proto, size)
			if want := reply.AppendRESP(nil, v, proto); !bytes.Equal(got, want) || int(size) != len(want) || cap(got) > len(want)+len(want)/8+16 {
				t.Errorf("%s in RESP%d: %d bytes in %d, want %d", name, proto, len(got), cap(got), len(want))
			}
		}
	}
}

// A client that reads none of a reply of many small values keeps its bytes, not the values.
func TestAReplyThatNobodyReadsTakesItsBytes(t *testing.T) {
	const clients, values = 10, 400_000
	h := startServer(t, nil)
	v := keys(values)
	h.fakeMachine.keys = func() reply.Value { return reply.List(slices.Clone(v.Elems)...) }
	wire := int64(len(reply.AppendRESP(nil, v, 2)))
	before := heap()
	for range clients {
		h.dial(t).send("KEYS *\r\n")
	}
	waitFor(t, "all are stuck", func() bool {
		stuck := 0
		for _, c := range h.everyone() {
			if since := c.shown.blockedAt.Load(); since != 0 && h.now()-since > int64(100*time.Millisecond) {
				stuck++
			}
		}
		return stuck == clients
	})
	if grown := heap() - before; grown > 2*clients*wire {
		t.Errorf("%d replies of %d bytes take %d", clients, wire, grown)
	}
	it := h.everyone()[0]
	if omem := listed(it, "omem"); omem > wire {
		t.Errorf("omem=%d of %d bytes", omem, wire)
	}
}

// What is shared with the keyspace is not copied, however many of it are asked for.
func TestLargeValuesAreNotRenderedBeforehand(t *testing.T) {
	shared := reply.Bytes([]byte(strings.Repeat("v", 1000)))
	all := make([]reply.Value, 1000)
	for i := range all {
		all[i] = shared
	}
	many := reply.List(all...)
	one := append(keys(1000).Elems, reply.Bytes(make([]byte, 1<<20)))
	mixed := reply.List(one...)
	few := keys(smallValuesMin - 1)
	for name, v := range map[string]*reply.Value{"many": &many, "one among small ones": &mixed, "few": &few, "one": &shared} {
		if size, values := estimate(v); small(size, values) {
			t.Errorf("%s: %d bytes in %d values would be copied", name, size, values)
		}
	}
}

// Rendered replies stand in their order, each in the protocol that held when its command was taken.
func TestARenderedReplyStandsInItsPlaceAndProtocol(t *testing.T) {
	h := startServer(t, nil)
	h.fakeMachine.keys = func() reply.Value { return reply.SetOf(keys(100).Elems...) }
	c := h.dial(t)
	v := h.fakeMachine.keys()
	two, three := string(reply.AppendRESP(nil, v, 2)), string(reply.AppendRESP(nil, v, 3))
	c.send("PING\r\nKEYS *\r\nECHO a\r\nHELLO 3\r\nKEYS *\r\nECHO b\r\nCLIENT REPLY SKIP\r\nKEYS *\r\nPING\r\n")
	c.expect("+PONG\r\n" + two + "$1\r\na\r\n%7\r\n")
	hello := "$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n" +
		"$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"
	c.expect(hello + three + "$1\r\nb\r\n+PONG\r\n")
}
