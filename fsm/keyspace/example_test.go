package keyspace_test

import (
	"fmt"

	"github.com/kvorum/kvorum/fsm/keyspace"
)

// A capture stays as it was, whatever is written afterwards.
func ExampleKeyspace_Capture() {
	keys := keyspace.New([16]byte{})
	keys.Put(0, keyspace.Draft{Key: []byte("color"), Str: []byte("red"), Encoding: keyspace.Embstr})

	capture := keys.Capture()
	keys.Put(0, keyspace.Draft{Key: []byte("color"), Str: []byte("blue"), Encoding: keyspace.Embstr})

	fmt.Printf("now: %s\n", keys.Get(0, []byte("color")).Str())
	capture.Range(0, func(object *keyspace.Object) bool {
		fmt.Printf("captured: %s\n", object.Str())
		return true
	})
	// Output:
	// now: blue
	// captured: red
}

// A key whose deadline the clock has reached is absent at once; a purge gives its
// memory back.
func ExampleKeyspace_Advance() {
	keys := keyspace.New([16]byte{})
	keys.Put(0, keyspace.Draft{Key: []byte("token"), Str: []byte("abc"), Encoding: keyspace.Embstr, DeadlineMS: 1000})

	keys.Advance(999)
	fmt.Println("at 999:", keys.Get(0, []byte("token")) != nil)
	keys.Advance(1000)
	fmt.Println("at 1000:", keys.Get(0, []byte("token")) != nil)
	fmt.Println("purged:", keys.Purge(10))
	// Output:
	// at 999: true
	// at 1000: false
	// purged: 1
}

// A scan passes every key that is there from its first step to its last, also while
// other keys come and go.
func ExampleKeyspace_Scan() {
	keys := keyspace.New([16]byte{})
	for i := range 100 {
		keys.Put(0, keyspace.Draft{Key: fmt.Appendf(nil, "old:%d", i), Encoding: keyspace.Embstr})
	}

	seen := 0
	for cursor, step := uint64(0), 0; step == 0 || cursor != 0; step++ {
		cursor = keys.Scan(0, cursor, 10, func(object *keyspace.Object) {
			if object.Key()[:4] == "old:" {
				seen++
			}
		})
		keys.Put(0, keyspace.Draft{Key: fmt.Appendf(nil, "new:%d", step), Encoding: keyspace.Embstr})
	}
	fmt.Println("old keys seen:", seen)
	// Output:
	// old keys seen: 100
}
