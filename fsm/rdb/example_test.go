package rdb_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/kvorum/kvorum/fsm/rdb"
)

// A file is written from its first field to its checksum, and read as events.
func Example() {
	var file bytes.Buffer
	w := rdb.NewWriter(&file)
	// An error stays: Close returns the first of all calls.
	_ = w.Aux("made-by", []byte("an example"))
	_ = w.Database(0, 2, 1)
	_ = w.String("greeting", []byte("hello"), 0)
	_ = w.String("token", []byte("abc"), 1_800_000_000_000)
	if err := w.Close(); err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", file.Bytes()[:9])

	r := rdb.NewReader(&file)
	for {
		event, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			panic(err)
		}
		switch event.Kind {
		case rdb.Aux:
			fmt.Printf("field %s: %s\n", event.Key, event.Value)
		case rdb.Database:
			fmt.Printf("database %d\n", event.DB)
		case rdb.String:
			fmt.Printf("%s: %s, deadline %d\n", event.Key, event.Value, event.DeadlineMS)
		case rdb.End:
			fmt.Println("the whole file is sound")
		}
	}
	// Output:
	// REDIS0010
	// field made-by: an example
	// database 0
	// greeting: hello, deadline 0
	// token: abc, deadline 1800000000000
	// the whole file is sound
}

// What DUMP answers carries a checksum of its own.
func ExampleParseDump() {
	payload := rdb.AppendDump(nil, []byte("hello"))
	value, err := rdb.ParseDump(payload, 1<<20)
	fmt.Printf("%s %v\n", value, err)

	payload[2] ^= 1
	_, err = rdb.ParseDump(payload, 1<<20)
	fmt.Println(errors.Is(err, rdb.ErrChecksum))
	// Output:
	// hello <nil>
	// true
}
