package fsm_test

import (
	"bytes"
	"fmt"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/member"
)

// A machine is told who the servers are, opens a session for one of them, runs the
// commands that this server sends, and answers reads. Its snapshot restores a machine
// that is equal.
func Example() {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	machine := fsm.New()

	// Entry 1 of Raft's log: the configuration. A server is an id and the
	// incarnation of its data directory.
	server := member.ServerID("n1", "4K2F")
	check(machine.Configure(1, []member.Server{{ID: server, PeerAddr: "10.0.0.1:16379", Voter: true}}))

	// Entries 2 and 3: the leader's time and randomness, and the batches of the nodes.
	session := entry.Session{Server: server, Boot: 1}
	apply := func(index uint64, batch entry.Batch) fsm.Outcome {
		encoded, err := entry.AppendBatch(nil, &batch)
		check(err)
		head := entry.Head{StampMS: 1_800_000_000_000 + int64(index), Seed: 42}
		data, err := entry.AppendEntry(nil, head, [][]byte{encoded})
		check(err)
		outcomes, err := machine.Apply(index, data)
		check(err)
		return outcomes[0]
	}
	apply(2, entry.Batch{Session: session, Kind: entry.Register, ClientAddr: "10.0.0.1:6379"})
	outcome := apply(3, entry.Batch{Session: session, Kind: entry.Commands, Number: 1, Commands: []entry.Command{
		{Args: words("set", "greeting", "hello")},
		{Args: words("append", "greeting", " world")},
	}})
	fmt.Printf("SET: %s, APPEND: %d\n", outcome.Replies[0].Bytes, outcome.Replies[1].Int())

	// A read is no entry. The leader's stamp tells it which keys have expired.
	get := &command.Call{Args: words("get", "greeting")}
	get.Command, _ = command.Lookup(get.Args)
	machine.Read(get, machine.ClockMS(), 0)
	fmt.Printf("GET: %s\n", get.Reply.Bytes)

	// A snapshot holds everything that a later reply may depend on.
	var snapshot bytes.Buffer
	_, err := machine.Capture().WriteTo(&snapshot)
	check(err)
	restored, err := fsm.Restore(&snapshot)
	check(err)
	fmt.Printf("restored at %d, equal: %t\n", restored.Index(), restored.Digest() == machine.Digest())

	// Output:
	// SET: OK, APPEND: 11
	// GET: hello world
	// restored at 3, equal: true
}

// words makes the arguments of a command, its name first and in lower case.
func words(args ...string) [][]byte {
	var all [][]byte
	for _, arg := range args {
		all = append(all, []byte(arg))
	}
	return all
}
