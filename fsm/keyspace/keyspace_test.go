package keyspace

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// put stores a key with a value that names it.
func put(k *Keyspace, db int, key string, deadlineMS int64) {
	k.Put(db, Draft{Key: []byte(key), Str: []byte("value of " + key), Encoding: Embstr, DeadlineMS: deadlineMS})
}

func keyNumber(i int) string { return fmt.Sprintf("key:%012d", i) }

// TestTheOrderDependsOnTheKeysAlone fills keyspaces with the same keys by
// different histories and asks for every order that can be seen.
func TestTheOrderDependsOnTheKeysAlone(t *testing.T) {
	const n = 20_000
	random := rand.New(rand.NewPCG(1, 2))
	histories := []func(k *Keyspace){
		func(k *Keyspace) {
			for i := range n {
				put(k, 0, keyNumber(i), 0)
			}
		},
		func(k *Keyspace) {
			for _, i := range random.Perm(n) {
				put(k, 0, keyNumber(i), 0)
			}
		},
		func(k *Keyspace) { // much larger in between, with captures and a purge
			for i := range 5 * n {
				put(k, 0, keyNumber(i), int64(i/n)*1000)
				if i%n == 0 {
					k.Capture()
				}
			}
			for i := n; i < 2*n; i++ {
				k.Delete(0, []byte(keyNumber(i)))
			}
			k.Advance(4000)
			if removed := k.Purge(5 * n); removed != 3*n {
				t.Fatalf("Purge removed %d objects", removed)
			}
		},
	}
	var want []string
	for i, history := range histories {
		k := New([16]byte{1, 2, 3})
		history(k)
		check(t, k)
		var orders []string
		k.Range(0, func(o *Object) bool { orders = append(orders, o.Key()); return true })
		for cursor, first := uint64(0), true; first || cursor != 0; first = false {
			orders = append(orders, fmt.Sprint("cursor ", cursor))
			cursor = k.Scan(0, cursor, 10, func(o *Object) { orders = append(orders, o.Key()) })
		}
		for rank := 0; rank < k.Len(0); rank += 7 {
			orders = append(orders, k.At(0, rank).Key())
		}
		if i == 0 {
			want = orders
		} else if !slices.Equal(orders, want) {
			t.Errorf("history %d gives another order", i)
		}
	}
	if len(want) < 2*n {
		t.Fatalf("only %d keys were seen", len(want))
	}
}

// TestAScanReturnsWhatStaysWhileOthersComeAndGo is SCAN's guarantee: an object
// that is there from the first step to the last is returned, and none twice.
func TestAScanReturnsWhatStaysWhileOthersComeAndGo(t *testing.T) {
	for _, mask := range []uint64{hashEnd - 1, 0x3F << 57} {
		for seed := range uint64(20) {
			random := rand.New(rand.NewPCG(seed, mask))
			k := New([16]byte{byte(seed)})
			k.hashMask = mask
			for i := range 2000 {
				put(k, 0, fmt.Sprintf("stays-%d", i), 0)
			}
			seen := map[string]int{}
			for cursor, first := uint64(0), true; first || cursor != 0; first = false {
				cursor = k.Scan(0, cursor, 1+random.IntN(50), func(o *Object) { seen[o.Key()]++ })
				for range random.IntN(400) {
					key := fmt.Sprintf("goes-%d", random.IntN(5000))
					if random.IntN(3) == 0 {
						k.Delete(0, []byte(key))
					} else {
						put(k, 0, key, 0)
					}
				}
				put(k, 0, fmt.Sprintf("stays-%d", random.IntN(2000)), 0)
				if random.IntN(5) == 0 {
					k.Capture()
				}
			}
			for i := range 2000 {
				if key := fmt.Sprintf("stays-%d", i); seen[key] != 1 {
					t.Fatalf("mask %#x, seed %d: %s was returned %d times", mask, seed, key, seen[key])
				}
			}
		}
	}
}

func TestAnyCursorIsValid(t *testing.T) {
	k := New([16]byte{})
	cursors := []uint64{0, 1, 1 << 62, hashEnd - 1, hashEnd, hashEnd + 1, 1<<64 - 1}
	for _, n := range []int{0, 1, 3000} {
		for i := range n {
			put(k, 0, keyNumber(i), 0)
		}
		for _, cursor := range cursors {
			seen := 0
			next := k.Scan(0, cursor, 5, func(*Object) { seen++ })
			if next != 0 && next <= cursor || cursor >= hashEnd && (next != 0 || seen != 0) || n == 0 && next != 0 {
				t.Errorf("%d keys, cursor %d: next is %d after %d objects", n, cursor, next, seen)
			}
			k.Scan(0, cursor, 0, func(*Object) {})
			k.Scan(0, cursor, -1, func(*Object) {})
		}
	}
}

// TestAScanStepIsShortAmongDueObjects: a step passes objects past their
// deadline, and does not walk on through all of them.
func TestAScanStepIsShortAmongDueObjects(t *testing.T) {
	k := New([16]byte{})
	for i := range 5000 {
		put(k, 0, keyNumber(i), 1)
	}
	k.Advance(1)
	steps := 0
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		cursor = k.Scan(0, cursor, 10, func(o *Object) { t.Fatalf("%s is past its deadline", o.Key()) })
		steps++
	}
	if steps != 500 {
		t.Errorf("the scan took %d steps", steps)
	}
}

// TestFlushAndSwapLeaveCapturesAlone also moves a deadline to another database.
func TestFlushAndSwapLeaveCapturesAlone(t *testing.T) {
	k := New([16]byte{})
	for i := range 3000 {
		put(k, 0, keyNumber(i), int64(1000+i))
	}
	c := k.Capture()
	k.Swap(0, 5)
	if k.Len(0) != 0 || k.Len(5) != 3000 || k.Get(5, []byte(keyNumber(7))) == nil {
		t.Fatal("the databases were not exchanged")
	}
	k.Advance(1009)
	if k.Len(5) != 2990 || k.Purge(3) != 3 || k.Len(5) != 2990 {
		t.Fatal("deadlines did not move with their database")
	}
	k.Flush(5)
	if _, ok := k.NextDeadlineMS(); ok || k.Len(5) != 0 || k.Purge(10) != 0 {
		t.Fatal("the database was not emptied")
	}
	put(k, 5, keyNumber(1), 0)
	check(t, k)
	seen := 0
	c.Range(0, func(*Object) bool { seen++; return true })
	if seen != 3000 || c.Len(0) != 3000 || c.Len(5) != 0 {
		t.Fatalf("the capture has %d objects", seen)
	}
}

// TestAnInstantsDueObjectsCountAsAbsentAtOnce: only Purge takes its time.
func TestAnInstantsDueObjectsCountAsAbsentAtOnce(t *testing.T) {
	const n = 100_000
	k := New([16]byte{})
	for i := range n {
		put(k, 3, keyNumber(i), 5000)
	}
	put(k, 3, "stays", 5001)
	k.Advance(5000)
	if count, _ := k.Deadlines(3); k.Len(3) != 1 || count != 1 {
		t.Fatalf("%d objects are left", k.Len(3))
	}
	if o := k.At(3, 0); o == nil || o.Key() != "stays" {
		t.Fatalf("At returns %v", o)
	}
	if k.Delete(3, []byte(keyNumber(9))) || k.Get(3, []byte(keyNumber(8))) != nil {
		t.Fatal("an object past its deadline was there")
	}
	if got := k.Purge(1000); got != 1000 || k.Purge(n) != n-1001 || k.Purge(n) != 0 {
		t.Fatalf("Purge removed %d", got)
	}
	if ms, ok := k.NextDeadlineMS(); ms != 5001 || !ok {
		t.Fatalf("the next deadline is %d", ms)
	}
	check(t, k)
}

// TestTheMeanTTLOfFarDeadlinesDoesNotOverflow adds up deadlines near the top of 64 bits.
func TestTheMeanTTLOfFarDeadlinesDoesNotOverflow(t *testing.T) {
	k := New([16]byte{})
	k.Advance(100)
	for i := range 1000 {
		put(k, 0, keyNumber(i), 1<<62+int64(i))
	}
	if count, mean := k.Deadlines(0); count != 1000 || mean != 1<<62+499-100 {
		t.Fatalf("%d deadlines, mean %d", count, mean)
	}
	for i := range 1000 {
		put(k, 0, keyNumber(i), 0)
	}
	if count, mean := k.Deadlines(0); count != 0 || mean != 0 {
		t.Fatalf("%d deadlines, mean %d", count, mean)
	}
}

// TestAnEmptiedDatabaseGivesItsMemoryBack: deletes merge buckets and halve the directory.
func TestAnEmptiedDatabaseGivesItsMemoryBack(t *testing.T) {
	k := New([16]byte{})
	const n = 200_000
	for i := range n {
		put(k, 0, keyNumber(i), 0)
	}
	large := k.databases[0].width()
	for i := range n - 100 {
		k.Delete(0, []byte(keyNumber(i)))
		if i%20_000 == 0 {
			k.Capture()
		}
	}
	check(t, k)
	if small := k.databases[0].width(); large < 256 || small > 2 {
		t.Errorf("the directory went from %d slots to %d", large, small)
	}
	for i := range n {
		k.Delete(0, []byte(keyNumber(i)))
	}
	if !k.databases[0].empty() {
		t.Error("an empty database has a directory")
	}
}

// TestCraftedHashesDoNotGrowTheDirectory: keys whose hashes share their leading
// bits make one large bucket.
func TestCraftedHashesDoNotGrowTheDirectory(t *testing.T) {
	k := New([16]byte{})
	k.hashMask = 1<<30 - 1
	for i := range 20_000 {
		put(k, 0, keyNumber(i), 0)
	}
	check(t, k)
	if slots := k.databases[0].width(); slots > 512 {
		t.Errorf("the directory has %d slots", slots)
	}
}

// TestACaptureIsReadBesideAWriter is for the race detector, and checks that
// every reader sees exactly the moment of its capture.
func TestACaptureIsReadBesideAWriter(t *testing.T) {
	k := New([16]byte{})
	const n = 5000
	for i := range n {
		put(k, 0, keyNumber(i), 0)
	}
	var readers sync.WaitGroup
	for round := range 20 {
		stamp := []byte(fmt.Sprint("round ", round))
		for i := range n {
			k.Put(0, Draft{Key: []byte(keyNumber(i)), Str: stamp, DeadlineMS: int64(1_000_000 + i)})
		}
		c := k.Capture()
		readers.Add(1)
		go func() {
			defer readers.Done()
			seen := 0
			c.Range(0, func(o *Object) bool {
				if strings.HasPrefix(o.Key(), "key:") {
					seen++
				}
				if string(o.Str()) != string(stamp) {
					t.Errorf("round %d: %s has %q", round, o.Key(), o.Str())
					return false
				}
				return true
			})
			if seen != n || c.Len(0) != n {
				t.Errorf("round %d: %d objects", round, seen)
			}
		}()
		for i := range n / 2 {
			k.Delete(0, []byte(keyNumber(2*i)))
		}
	}
	readers.Wait()
}

// However an object that is past its deadline leaves, it has expired.
func TestWhatLeavesPastItsDeadlineIsCounted(t *testing.T) {
	k := New([16]byte{})
	k.Advance(1000)
	for _, key := range []string{"purged", "replaced", "deleted"} {
		k.Put(0, Draft{Key: []byte(key), DeadlineMS: 1100})
	}
	k.Put(0, Draft{Key: []byte("replaced early"), DeadlineMS: 1100})
	k.Put(0, Draft{Key: []byte("deleted early"), DeadlineMS: 1100})
	k.Put(0, Draft{Key: []byte("replaced early")})
	k.Delete(0, []byte("deleted early"))
	if k.Expired() != 0 {
		t.Errorf("%d have expired before their time", k.Expired())
	}
	k.Advance(1100)
	k.Put(0, Draft{Key: []byte("replaced")})
	k.Delete(0, []byte("deleted"))
	k.Purge(10)
	if k.Expired() != 3 {
		t.Errorf("%d have expired, want 3", k.Expired())
	}
}
