package command

import (
	"bytes"
	"testing"

	"github.com/kvorum/kvorum/fsm/keyspace"
)

// runOn runs a command on a keyspace.
func runOn(t testing.TB, k *keyspace.Keyspace, bodyBytes int, args ...[]byte) {
	t.Helper()
	row, refused := Lookup(args)
	if row == nil {
		t.Fatalf("%s", refused.Bytes)
	}
	c := Context{Keys: k, Args: args, Command: row, BodyBytes: bodyBytes, NowMS: 1}
	if answer := row.Run(&c); answer.IsError() {
		t.Fatalf("%s: %s", args[0], answer.Bytes)
	}
}

// A small object is one allocation, and its command makes no other.
func TestAWriteOfASmallValueAllocatesOnce(t *testing.T) {
	k := keyspace.New([16]byte{})
	for _, line := range []string{"set key value", "set counter 100000", "set text x", "set moved value"} {
		runOn(t, k, 0, bytes.Fields([]byte(line))...)
	}
	for _, line := range []string{"set key value", "set key value xx keepttl", "getset key value", "incr counter", "append text y",
		"copy key other replace", "rename moved moved2", "mset key value"} {
		args := bytes.Fields([]byte(line))
		row, _ := Lookup(args)
		c := &Context{Keys: k, Args: args, Command: row, NowMS: 1}
		took := testing.AllocsPerRun(100, func() {
			row.Run(c)
			if row.Name == "rename" {
				args[1], args[2] = args[2], args[1]
			}
		})
		if took > 1 {
			t.Errorf("%s: %v allocations", line, took)
		}
	}
}

// A large value that came in a body of its own is kept as it is: a copy of 512 MB
// takes long. The bytes of any other argument are the log's, and are copied.
func TestOnlyAValueThatIsItsWholeBodyIsKept(t *testing.T) {
	const size = 1 << 20
	for _, bodyBytes := range []int{0, size + 100, 3 * size} {
		k := keyspace.New([16]byte{})
		body := bytes.Repeat([]byte("v"), size+100)
		runOn(t, k, bodyBytes, []byte("set"), []byte("k"), body[:size])
		value := k.Get(0, []byte("k")).Str()
		if kept := &value[0] == &body[0]; kept != (bodyBytes == size+100) {
			t.Errorf("a value of %d bytes in a body of %d (0: the log's): kept is %t", size, bodyBytes, kept)
		}
		// What stands behind it in the body is not the value's room.
		runOn(t, k, 0, []byte("append"), []byte("k"), []byte("tail"))
		if !bytes.Equal(body, bytes.Repeat([]byte("v"), size+100)) {
			t.Errorf("body of %d: an append has overwritten it", bodyBytes)
		}
	}
}

// Of two objects that share a large value's bytes, the original alone may use
// what is spare behind them.
func TestACopyDoesNotWriteBehindItsOriginal(t *testing.T) {
	k := keyspace.New([16]byte{})
	large := bytes.Repeat([]byte("v"), 10_000)
	runOn(t, k, 0, []byte("set"), []byte("a"), large)
	runOn(t, k, 0, []byte("append"), []byte("a"), []byte("1")) // takes room for more
	runOn(t, k, 0, []byte("copy"), []byte("a"), []byte("b"))
	runOn(t, k, 0, []byte("append"), []byte("b"), []byte("B"))
	runOn(t, k, 0, []byte("append"), []byte("a"), []byte("A"))
	runOn(t, k, 0, []byte("append"), []byte("b"), []byte("B"))
	for key, want := range map[string]string{"a": string(large) + "1A", "b": string(large) + "1BB"} {
		if got := string(k.Get(0, []byte(key)).Str()); got != want {
			t.Errorf("%s ends with %q, want %q", key, got[len(large):], want[len(large):])
		}
	}
}
