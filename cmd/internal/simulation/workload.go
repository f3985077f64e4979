package simulation

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// client sends random commands on a few keys and records the replies.
type client struct {
	connection
	number  int
	mix     []share
	history *History
	sent    int
}

// run sends operations until it has sent enough and done is closed, or until it has sent as
// many as a history may hold.
func (c *client) run(done <-chan struct{}) {
	for (c.sent < operationsEach || c.sent < operationsMost && !closed(done)) && !closed(c.tooLate) {
		if c.rng.IntN(12) == 0 {
			c.move()
		}
		c.turn()
		pause := time.Duration(c.rng.Int64N(int64(30 * time.Millisecond)))
		if c.rng.IntN(8) == 0 {
			pause = time.Duration(c.rng.Int64N(int64(time.Second)))
		}
		time.Sleep(pause)
	}
}

// turn sends one command or one pipeline to the client's server.
func (c *client) turn() {
	operations := []operation{c.draw()}
	for c.rng.IntN(3) == 0 && len(operations) < 5 {
		operations = append(operations, c.draw())
	}
	calls := make([]*command.Call, len(operations))
	began := make([]int64, len(operations))
	for i, op := range operations {
		calls[i] = call(op)
		began[i] = c.history.begin()
	}
	sent, dead := c.send(calls)
	if !sent {
		return
	}
	for i, op := range operations {
		c.sent++
		out := read(calls[i].Reply, dead)
		if op.name == "get" && (out.unknown || out.failed) {
			continue
		}
		c.history.end(c.number, op, began[i], out)
	}
}

// share says how often an operation is drawn, and on how many keys.
type share struct {
	weight int
	name   string
	key    string
	keys   int
}

// usual is the default mix of operations. Counters and texts have different keys.
var usual = []share{
	{25, "incr", "count", 2}, {10, "get", "count", 2},
	{13, "set", "text", 3}, {6, "append", "text", 3}, {4, "del", "text", 3}, {18, "get", "text", 3},
	{10, "setpx", "brief", 1}, {14, "get", "brief", 1},
}

// draw returns a random operation.
func (c *client) draw() operation {
	sum := 0
	for _, s := range c.mix {
		sum += s.weight
	}
	n := c.rng.IntN(sum)
	for _, s := range c.mix {
		if n -= s.weight; n < 0 {
			op := operation{name: s.name, key: s.key + strconv.Itoa(c.rng.IntN(s.keys))}
			if op.name == "set" || op.name == "setpx" || op.name == "append" {
				op.value = fmt.Sprintf("%d.%d", c.number, c.rng.IntN(1_000_000))
			}
			return op
		}
	}
	panic("the weights do not add up")
}

// call returns the command for an operation.
func call(op operation) *command.Call {
	switch op.name {
	case "set", "append":
		return newCall(op.name, op.key, op.value)
	case "setpx":
		return newCall("set", op.key, op.value, "px", "700")
	}
	return newCall(op.name, op.key)
}

// uncertain reports whether a reply says that the outcome is unknown.
func uncertain(v reply.Value) bool {
	return v.IsError() && strings.HasPrefix(string(v.Bytes), "UNCERTAIN")
}

// read turns a reply into an outcome. The replies of a dead process were never heard.
func read(v reply.Value, dead bool) outcome {
	switch {
	case dead || uncertain(v):
		return outcome{unknown: true}
	case v.IsError():
		return outcome{failed: true}
	case v.Kind == reply.Null:
		return outcome{nothing: true}
	case v.Kind == reply.Integer:
		return outcome{text: strconv.FormatInt(v.Int(), 10)}
	}
	return outcome{text: string(v.Bytes)}
}
