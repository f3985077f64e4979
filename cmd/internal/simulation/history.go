package simulation

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
)

// operation is one command on one key, as the model sees it.
type operation struct {
	name  string // "set", "setpx", "get", "incr", "append", "del"
	key   string
	value string
}

// outcome holds what the client saw of an operation.
type outcome struct {
	unknown bool   // UNCERTAIN: it may take effect at any time after its call, or never
	failed  bool   // CLUSTERDOWN and the like: it must not have taken effect
	nothing bool   // a null reply
	text    string // the value, or the number as text
}

// History collects what clients saw. A counter orders the events: by virtual time, all
// calls in the same instant would look concurrent.
type History struct {
	clock      atomic.Int64
	mu         sync.Mutex
	operations []porcupine.Operation
}

// begin returns the moment of a call.
func (h *History) begin() int64 { return h.clock.Add(1) }

// end records an operation with the moment of its return. An operation of unknown outcome
// stays open to the end. A failed one is recorded without effect, so that reads reveal it
// if it had one.
func (h *History) end(client int, op operation, call int64, out outcome) {
	now := h.clock.Add(1)
	if out.unknown {
		now = math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{
		ClientId: client, Input: op, Call: call, Output: out, Return: now,
	})
}

// Check returns "" for a linearizable history, else the operations of an offending key. An
// error means that checking some key took longer than limit, and that no other key is
// wrong.
func (h *History) Check(limit time.Duration) (string, error) {
	byKey := map[string][]porcupine.Operation{}
	for _, op := range h.operations {
		in := op.Input.(operation)
		byKey[in.key] = append(byKey[in.key], op)
	}
	model := registers.ToModel()
	var unjudged error
	for key, operations := range byKey {
		switch porcupine.CheckOperationsTimeout(model, operations, limit) {
		case porcupine.Illegal:
			return describe(key, operations), nil
		case porcupine.Unknown:
			unjudged = fmt.Errorf("the history of %s (%d operations) could not be judged within %v", key, len(operations), limit)
		}
	}
	return "", unjudged
}

func describe(key string, operations []porcupine.Operation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "the history of %s is not linearizable:\n", key)
	for _, op := range operations {
		in, out := op.Input.(operation), op.Output.(outcome)
		fmt.Fprintf(&b, "  client %d  %6d..%-20d %s %s -> %+v\n", op.ClientId, op.Call, op.Return, in.name, in.value, out)
	}
	return b.String()
}

// register is the state of one key.
type register struct {
	exists   bool
	mortal   bool // it has a deadline, so it may vanish at any moment
	contents string
}

// registers is the model. Each key is a register of its own; a mortal one may vanish before any step.
var registers = porcupine.NondeterministicModel{
	Init: func() []any { return []any{register{}} },
	Step: func(state, input, output any) []any {
		r := state.(register)
		next := step(r, input.(operation), output.(outcome))
		if r.exists && r.mortal {
			next = append(next, step(register{}, input.(operation), output.(outcome))...)
		}
		return next
	},
	Equal: func(a, b any) bool { return a == b },
}

// step returns the states that may follow r. There is none if the outcome is impossible.
func step(r register, op operation, out outcome) []any {
	if out.failed {
		return []any{r}
	}
	next, want := effect(r, op)
	if out.unknown || out == want {
		return []any{next}
	}
	return nil
}

// effect returns an operation's effect on a register, and its outcome.
func effect(r register, op operation) (register, outcome) {
	switch op.name {
	case "set":
		return register{exists: true, contents: op.value}, outcome{text: "OK"}
	case "setpx":
		return register{exists: true, mortal: true, contents: op.value}, outcome{text: "OK"}
	case "get":
		return r, outcome{nothing: !r.exists, text: r.contents}
	case "incr":
		n, _ := strconv.Atoi(r.contents)
		r.exists, r.contents = true, strconv.Itoa(n+1)
		return r, outcome{text: r.contents}
	case "append":
		r.exists, r.contents = true, r.contents+op.value
		return r, outcome{text: strconv.Itoa(len(r.contents))}
	case "del":
		if !r.exists {
			return r, outcome{text: "0"}
		}
		return register{}, outcome{text: "1"}
	}
	panic("unknown operation " + op.name)
}
