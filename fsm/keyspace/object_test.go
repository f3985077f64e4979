package keyspace

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"unsafe"
)

// pattern returns size bytes, of which no two neighbours are alike.
func pattern(size int, salt byte) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(i) ^ byte(i>>8) ^ salt
	}
	return p
}

// checkObject makes an object of a draft, and of that one's draft another, and
// holds both against what was asked for.
func checkObject(t *testing.T, d Draft) {
	t.Helper()
	key, value := string(d.Key), string(d.Str)+string(d.Tail)
	o := d.object()
	again := o.Draft()
	for i, o := range []*Object{o, again.object()} {
		if o.Key() != key || string(o.Str()) != value {
			t.Fatalf("object %d of %d+%d bytes has %d+%d, or others", i, len(key), len(value), len(o.Key()), len(o.Str()))
		}
		if o.Encoding() != d.Encoding || o.DeadlineMS() != d.DeadlineMS || o.AccessMS() != d.AccessMS {
			t.Fatalf("object %d has encoding %d, deadline %d, access %d of %d, %d, %d", i,
				o.Encoding(), o.DeadlineMS(), o.AccessMS(), d.Encoding, d.DeadlineMS, d.AccessMS)
		}
		if at := d.DeadlineMS; at != 0 && !o.Due(at) || at > 0 && o.Due(at-1) || at == 0 && o.Due(1<<62) {
			t.Fatalf("object %d is due at a wrong time, its deadline is %d", i, at)
		}
	}
}

// isWide says which form an object should have.
func isWide(d Draft) bool {
	size := 16 + len(d.Key) + len(d.Str) + len(d.Tail)
	if d.DeadlineMS != 0 {
		size += 8
	}
	return size > blockBytesMax
}

func TestAnObjectHasWhatItsDraftSaysAtEachBoundary(t *testing.T) {
	sizes := []int{0, 1, 7, 8, 9, 16, 255, 256, 1<<16 - 1, 1 << 16, 1<<16 + 1}
	for _, header := range []int{headerBytes, headerBytes + deadlineBytes} {
		for off := -1; off <= 1; off++ {
			sizes = append(sizes, blockBytesMax-header+off)
		}
	}
	key, value := pattern(1<<16+1, 1), pattern(1<<16+1, 2)
	for _, keyBytes := range sizes {
		for _, strBytes := range sizes {
			for _, deadlineMS := range []int64{0, 1, -1, 1<<63 - 1, -1 << 63} {
				d := Draft{
					Key: key[:keyBytes], Str: value[:strBytes:strBytes], Encoding: Raw, DeadlineMS: deadlineMS,
					AccessMS: -int64(strBytes), Keep: keyBytes%2 == 0,
				}
				checkObject(t, d)
				if d.object().flags&flagWide != 0 != isWide(d) {
					t.Fatalf("%d+%d bytes: wide is %t", keyBytes, strBytes, !isWide(d))
				}
				d.Str, d.Tail = d.Str[:strBytes/3:strBytes/3], d.Str[strBytes/3:]
				checkObject(t, d)
			}
		}
	}
}

func FuzzObject(f *testing.F) {
	for _, value := range []int{0, 1, blockBytesMax - 17, blockBytesMax - 16, blockBytesMax} {
		f.Add([]byte("k"), pattern(value, 0), uint16(value/2), int64(value%2), int64(value), true)
		f.Add([]byte(""), pattern(value, 0), uint16(0), int64(0), int64(-1), false)
	}
	f.Fuzz(func(t *testing.T, key, value []byte, cut uint16, deadlineMS, accessMS int64, keep bool) {
		at := min(int(cut), len(value))
		d := Draft{
			Key: key, Str: bytes.Clone(value[:at]), Tail: value[at:], Keep: keep,
			Encoding: Embstr, DeadlineMS: deadlineMS, AccessMS: accessMS,
		}
		checkObject(t, d)
	})
}

// An object has its own copy of what a draft does not give away: the arguments
// of a command are the connection's again afterwards.
func TestAnObjectDoesNotChangeWithItsDraft(t *testing.T) {
	for _, size := range []int{1, 10, blockBytesMax, 1 << 19} {
		for _, tail := range []int{0, size} {
			room := pattern(2*size, 2)
			d := Draft{Key: pattern(size, 1), Str: room[:size], Tail: pattern(tail, 3)}
			o := d.object()
			for _, b := range [][]byte{d.Key, room, d.Tail} {
				clear(b)
			}
			want := string(pattern(size, 2)) + string(pattern(tail, 3))
			if o.Key() != string(pattern(size, 1)) || string(o.Str()) != want {
				t.Errorf("an object of 2 times %d and %d bytes has changed", size, tail)
			}
		}
	}
}

// A large value is not copied when it is given away, or passed on; a small one
// always is, so that nothing else is kept alive by it.
func TestOnlyALargeValueIsKept(t *testing.T) {
	for _, size := range []int{1, blockBytesMax / 2, blockBytesMax, 1 << 20} {
		value := pattern(size, 0)
		d := Draft{Key: []byte("k"), Str: value, Keep: true}
		first := d.object()
		next := first.Draft()
		next.Key, next.DeadlineMS = []byte("other"), 5
		second := next.object()
		kept, passed := &first.Str()[0] == &value[0], &second.Str()[0] == &first.Str()[0]
		if large := size >= blockBytesMax; kept != large || passed != large {
			t.Errorf("%d bytes: kept %t, passed on %t", size, kept, passed)
		}
	}
}

// A tail goes into what is spare behind a wide object's value. Whoever has seen
// the value before sees no more of it than it was.
func TestATailGoesWhereThereIsRoom(t *testing.T) {
	d := Draft{Key: []byte("k"), Str: pattern(blockBytesMax, 0), Tail: []byte("!")}
	o := d.object()
	seen, want := o.Str(), string(pattern(blockBytesMax, 0))+"!"
	inPlace := 0
	for range 3 * blockBytesMax {
		next := o.Draft()
		next.Tail = []byte("?")
		longer := next.object()
		if &longer.Str()[0] == &o.Str()[0] {
			inPlace++
		}
		o = longer
	}
	if inPlace < 2*blockBytesMax {
		t.Errorf("only %d of %d were appended in place", inPlace, 3*blockBytesMax)
	}
	if string(seen) != want || string(o.Str()) != want+strings.Repeat("?", 3*blockBytesMax) {
		t.Error("the value is wrong, or one that was seen has changed")
	}
	small := Draft{Key: []byte("k"), Str: []byte("v")}
	if str := small.object().Str(); cap(str) != len(str) {
		t.Errorf("a block's value has room for %d bytes behind it", cap(str)-len(str))
	}
}

// The header is what a block begins with, so it must have no pointers; and a
// word more of it is a word for each key.
func TestAHeaderIsSixteenBytesWithoutPointers(t *testing.T) {
	if headerBytes != 16 || deadlineBytes != 8 || unsafe.Sizeof(wide{}) != 64 {
		t.Errorf("a header takes %d bytes, a deadline %d, a wide object %d", headerBytes, deadlineBytes, unsafe.Sizeof(wide{}))
	}
	header := reflect.TypeFor[timed]()
	for _, field := range reflect.VisibleFields(header) {
		switch field.Type.Kind() {
		case reflect.Struct, reflect.Int64, reflect.Uint32, reflect.Uint16, reflect.Uint8:
		default:
			t.Errorf("%s is a %s", field.Name, field.Type)
		}
	}
}

// A key of 16 bytes with a value of 64 takes 96 bytes and its place in a bucket,
// and the collector looks into nothing but that place.
func TestWhatAKeyTakes(t *testing.T) {
	n := 2_000_000
	if testing.Short() {
		n = 200_000
	}
	scannedBefore := scannedBytes()
	k, perKey := filled(n, 0)
	scanned := float64(scannedBytes()-scannedBefore) / float64(n)
	t.Logf("a key takes %.1f bytes, of which the collector scans %.1f", perKey, scanned)
	if perKey > 120 || scanned > 24 {
		t.Errorf("a key takes %.1f bytes, of which the collector scans %.1f", perKey, scanned)
	}
	runtime.KeepAlive(k)
}

// scannedBytes returns the size of the part of the heap that the collector has to look into.
func scannedBytes() uint64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/gc/scan/heap:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Blocks are found again when the collector has been over them, whatever refers
// to them: the object, or a view of its key or value alone.
func TestAViewKeepsItsBlock(t *testing.T) {
	var keys []string
	var values [][]byte
	for i := range 20_000 {
		d := Draft{Key: fmt.Append(nil, "key ", i), Str: fmt.Append(nil, "value ", i), DeadlineMS: int64(i % 2)}
		o := d.object()
		keys, values = append(keys, o.Key()), append(values, o.Str())
		if i%5000 == 0 {
			runtime.GC()
		}
	}
	runtime.GC()
	for i := range keys {
		if keys[i] != fmt.Sprint("key ", i) || string(values[i]) != fmt.Sprint("value ", i) {
			t.Fatalf("object %d has become %q, %q", i, keys[i], values[i])
		}
	}
}
