package command

import (
	"bytes"
	"testing"

	"github.com/kvorum/kvorum/fsm/keyspace"
)

func benchmarkCommand(b *testing.B, words ...string) {
	k := keyspace.New([16]byte{})
	var args [][]byte
	for _, w := range words {
		args = append(args, []byte(w))
	}
	b.ReportAllocs()
	for b.Loop() {
		row, _ := Lookup(args)
		ctx := Context{Keys: k, Args: args, Command: row}
		row.Run(&ctx)
	}
}

func BenchmarkSet(b *testing.B) {
	benchmarkCommand(b, "set", "key:000000000001", string(make([]byte, 64)))
}
func BenchmarkGet(b *testing.B)    { benchmarkCommand(b, "get", "key:000000000001") }
func BenchmarkIncr(b *testing.B)   { benchmarkCommand(b, "incr", "counter") }
func BenchmarkAppend(b *testing.B) { benchmarkCommand(b, "append", "key", "x") }

func BenchmarkLookup(b *testing.B) {
	for _, line := range []string{"SET key value", "OBJECT encoding key"} {
		b.Run(line, func(b *testing.B) {
			args := bytes.Fields([]byte(line))
			b.ReportAllocs()
			for b.Loop() {
				if row, _ := Lookup(args); row.Route() == Local {
					b.Fatal("a local row")
				}
			}
		})
	}
}

func BenchmarkKeysOf(b *testing.B) {
	for _, line := range []string{"get key", "mset a 1 b 2 c 3"} {
		b.Run(line, func(b *testing.B) {
			args := bytes.Fields([]byte(line))
			row, _ := Lookup(args)
			b.ReportAllocs()
			for b.Loop() {
				row.KeysOf(args)
			}
		})
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	args := [][]byte{[]byte("SET"), []byte("k"), []byte("v")}
	if n := testing.AllocsPerRun(100, func() { Lookup(args) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	args = [][]byte{[]byte("OBJECT"), []byte("ENCODING"), []byte("v")}
	if n := testing.AllocsPerRun(100, func() { Lookup(args) }); n > 0 {
		t.Errorf("%v allocations of a sub-command", n)
	}
}
