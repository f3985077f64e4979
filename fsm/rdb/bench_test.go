package rdb_test

import (
	"bytes"
	"io"
	"strconv"
	"testing"

	"github.com/kvorum/kvorum/fsm/rdb"
)

// BenchmarkObjects writes and reads objects of 64 bytes with one field each.
func BenchmarkObjects(b *testing.B) {
	const n = 100_000
	value := bytes.Repeat([]byte("v"), 64)
	field := rdb.Field{Name: "a", Value: []byte("\x01\x02\x03\x04\x05\x06\x07\x08")}
	fill := func(out io.Writer) {
		w := rdb.NewWriter(out)
		w.Database(0, n, 0)
		for i := range n {
			w.String("key:"+strconv.Itoa(1_000_000+i), value, 0, field)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	var file bytes.Buffer
	fill(&file)
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(file.Len()))
		for b.Loop() {
			fill(io.Discard)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(file.Len()))
		for b.Loop() {
			if _, err := read(bytes.NewReader(file.Bytes())); err != nil {
				b.Fatal(err)
			}
		}
	})
}
