package fsm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/rdb"
)

// sample is a machine that has something of everything.
func sample(t testing.TB) *fsm.Machine {
	l := newLog(t, 1)
	l.register(one, two)
	number := batch(one, 1, 0, "set int 12", "set text hello", "set short abc", "append short d", "set ttl v px 100000", "get text")
	number.Commands[2].DB = 7
	l.entry(number, partOf2(two, 1))
	l.entry(batch(one, 2, 1, "set gone v px 5", "get nosuch", "raft set proto-max-bulk-len 1mb"))
	l.entry(batch(one, 3, 1), entry.Batch{Session: two, Kind: entry.Part, Number: 2, PartTotal: 3, PartBytes: []byte("another")})
	return l.machines[0]
}

func TestASnapshotIsAnRDBFileOfVersion10(t *testing.T) {
	data := snapshotOf(t, sample(t))
	if !bytes.HasPrefix(data, []byte("REDIS0010")) {
		t.Errorf("it begins with %q", data[:9])
	}
	in := rdb.NewReader(bytes.NewReader(data))
	values := map[string]string{}
	for {
		event, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		if event.Kind == rdb.String {
			values[fmt.Sprint(event.DB, " ", event.Key)] = string(event.Value)
		}
	}
	want := map[string]string{"0 int": "12", "0 text": "hello", "7 short": "abc", "0 short": "d", "0 ttl": "v", "0 gone": "v"}
	if fmt.Sprint(values) != fmt.Sprint(want) {
		t.Errorf("it holds %v, want %v", values, want)
	}
}

func TestASnapshotCutShortOrChangedIsRefused(t *testing.T) {
	data := snapshotOf(t, sample(t))
	check := func(what string, bad []byte) {
		if m, err := fsm.Restore(bytes.NewReader(bad)); err == nil || m != nil {
			t.Errorf("%s: it was restored", what)
		}
		if _, err := fsm.Verify(bytes.NewReader(bad)); err == nil {
			t.Errorf("%s: it was verified", what)
		}
	}
	for n := range data {
		check(fmt.Sprintf("the first %d of %d bytes", n, len(data)), data[:n])
	}
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1 << (i % 8)
		check(fmt.Sprintf("bit %d of byte %d flipped", i%8, i), bad)
	}
	check("a byte too many", append(bytes.Clone(data), 0))
}

// edit copies a snapshot through f, which may change, drop or repeat its events.
func edit(t testing.TB, data []byte, f func(rdb.Event) []rdb.Event) []byte {
	t.Helper()
	var out bytes.Buffer
	in, w := rdb.NewReader(bytes.NewReader(data)), rdb.NewWriter(&out)
	for {
		event, err := in.Next()
		if errors.Is(err, io.EOF) {
			must(t, w.Close())
			return out.Bytes()
		}
		must(t, err)
		for _, e := range f(event) {
			switch e.Kind {
			case rdb.Aux:
				must(t, w.Aux(e.Key, e.Value))
			case rdb.Size:
				must(t, w.Database(e.DB, int(e.Objects), int(e.Deadlines)))
			case rdb.String:
				must(t, w.String(e.Key, e.Value, e.DeadlineMS, e.Fields...))
			}
		}
	}
}

// A file may be sound and yet not what a machine would write.
func TestASnapshotWithAWrongStructureIsRefused(t *testing.T) {
	data := snapshotOf(t, sample(t))
	if same := edit(t, data, func(e rdb.Event) []rdb.Event { return []rdb.Event{e} }); !bytes.Equal(same, data) {
		t.Fatal("the editor changes what it should not")
	}
	field := func(name string, change func(value []byte) [][]byte) func(rdb.Event) []rdb.Event {
		return func(e rdb.Event) []rdb.Event {
			if e.Kind != rdb.Aux || e.Key != name {
				return []rdb.Event{e}
			}
			var out []rdb.Event
			for _, v := range change(e.Value) {
				out = append(out, rdb.Event{Kind: rdb.Aux, Key: name, Value: v})
			}
			return out
		}
	}
	drop := func([]byte) [][]byte { return nil }
	twice := func(v []byte) [][]byte { return [][]byte{v, v} }
	longer := func(v []byte) [][]byte { return [][]byte{append(bytes.Clone(v), 0)} }
	other := func(v []byte) [][]byte { v = bytes.Clone(v); v[0]++; return [][]byte{v} }
	object := func(change func(*rdb.Event) int) func(rdb.Event) []rdb.Event {
		return func(e rdb.Event) (out []rdb.Event) {
			n := 1
			if e.Kind == rdb.String && e.Key == "text" {
				n = change(&e)
			}
			for range n {
				out = append(out, e)
			}
			return out
		}
	}
	for name, f := range map[string]func(rdb.Event) []rdb.Event{
		"no head":               field("kvorum", drop),
		"two heads":             field("kvorum", twice),
		"a longer head":         field("kvorum", longer),
		"another version":       field("kvorum", other),
		"no settings":           field("kvorum-settings", drop),
		"longer settings":       field("kvorum-settings", longer),
		"no servers":            field("kvorum-servers", drop),
		"more servers":          field("kvorum-servers", other),
		"two of each session":   field("kvorum-session", twice),
		"a longer session":      field("kvorum-session", longer),
		"no pieces":             field("kvorum-part", drop),
		"too many pieces":       field("kvorum-part", twice),
		"an unknown field":      field("ctime", func(v []byte) [][]byte { return [][]byte{v} }),
		"a lost object":         object(func(e *rdb.Event) int { return 0 }),
		"an object twice":       object(func(e *rdb.Event) int { return 2 }),
		"an object for another": object(func(e *rdb.Event) int { e.Key = "int"; return 1 }),
		"no encoding":           object(func(e *rdb.Event) int { e.Fields = nil; return 1 }),
		"an unknown encoding":   object(func(e *rdb.Event) int { e.Fields[0].Value[0] = 9; return 1 }),
		"another object field":  object(func(e *rdb.Event) int { e.Fields[0].Name = "K"; return 1 }),
	} {
		if name == "an unknown field" {
			f = func(e rdb.Event) []rdb.Event {
				if e.Key == "ctime" {
					e.Key = "kvorum-next"
				}
				return []rdb.Event{e}
			}
		}
		bad := edit(t, data, f)
		if m, err := fsm.Restore(bytes.NewReader(bad)); err == nil || m != nil {
			t.Errorf("%s: it was restored", name)
		}
	}
}

func TestAFileOfAnotherProgramIsNotRestored(t *testing.T) {
	var file bytes.Buffer
	w := rdb.NewWriter(&file)
	must(t, w.Aux("redis-ver", []byte("7.0.15")))
	must(t, w.Database(0, 1, 0))
	must(t, w.String("text", []byte("+7"), 0))
	must(t, w.Close())
	if _, err := fsm.Restore(bytes.NewReader(file.Bytes())); !errors.Is(err, fsm.ErrForeign) {
		t.Errorf("restored: %v", err)
	}
	if _, err := fsm.Verify(bytes.NewReader(file.Bytes())); !errors.Is(err, fsm.ErrForeign) {
		t.Errorf("verified: %v", err)
	}
}

func TestWritingASnapshotReportsTheErrorOfItsWriter(t *testing.T) {
	full := errors.New("disk full")
	for _, room := range []int{0, 10, 400} {
		n, err := sample(t).Capture().WriteTo(&limited{room: room, err: full})
		if !errors.Is(err, full) || n > int64(room) {
			t.Errorf("room for %d: wrote %d, %v", room, n, err)
		}
	}
}

type limited struct {
	room int
	err  error
}

func (w *limited) Write(p []byte) (int, error) {
	n := min(len(p), w.room)
	w.room -= n
	if n < len(p) {
		return n, w.err
	}
	return n, nil
}

// Captures are written beside applying and reading: run with -race.
func TestCapturesAreWrittenBesideWrites(t *testing.T) {
	l := newLog(t, 1)
	l.register(one, two)
	m := l.machines[0]
	l.index++
	for i := range 5000 {
		m.Keys().Put(i%3, keyspace.Draft{Key: []byte(fmt.Sprint("k", i)), Str: []byte("old")})
	}
	var work sync.WaitGroup
	number := uint64(0)
	for range 10 {
		capture, want := m.Capture(), m.Digest()
		work.Go(func() {
			var file bytes.Buffer
			if _, err := capture.WriteTo(&file); err != nil {
				t.Error(err)
				return
			}
			restored, err := fsm.Restore(&file)
			if err != nil || restored.Digest() != want || capture.Digest() != want {
				t.Errorf("the capture at %d is not what the machine was then: %v", capture.Index(), err)
			}
		})
		for range 30 {
			number++
			l.entry(batch(one, number, number-min(number, 3), "set k1 new px 20", "append k2 x", "del k"+fmt.Sprint(number),
				"incr counter", "swapdb 1 2", "raft set proto-max-bulk-len "+fmt.Sprint(1<<20+number)),
				partOf2(two, number))
		}
		var reads sync.WaitGroup // reads and digests run beside each other
		for range 2 {
			reads.Go(func() { read(t, m, l.stampMS, "keys k1*") })
			reads.Go(func() { m.Digest() })
		}
		reads.Wait()
	}
	work.Wait()
}

// FuzzRestore: mutated bytes never panic, and never restore a machine that is
// not the one that was captured.
func FuzzRestore(f *testing.F) {
	m := sample(f)
	data := snapshotOf(f, m)
	f.Add(data, false)
	f.Add(snapshotOf(f, fsm.New()), false)
	for i := 0; i < len(data); i += 40 {
		bad := bytes.Clone(data)
		bad[i] ^= 0x55
		f.Add(bad, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, mend bool) {
		if mend && len(data) > 8 { // past the checksum
			data = append(bytes.Clone(data[:len(data)-8]), checksumOf(data[:len(data)-8])...)
		}
		index, verified := fsm.Verify(bytes.NewReader(data))
		restored, err := fsm.Restore(bytes.NewReader(data))
		if err != nil {
			return
		}
		if verified != nil || index != restored.Index() {
			t.Errorf("restored at %d, verified %d, %v", restored.Index(), index, verified)
		}
		throughSnapshot(t, restored)
		if !mend && restored.Index() == m.Index() && restored.Digest() != m.Digest() {
			t.Error("another machine came out")
		}
	})
}

// checksumOf is the end of an RDB file: Redis's CRC64 of what stands before it.
func checksumOf(data []byte) []byte {
	jones := crc64.MakeTable(0x95ac9329ac4bc9b5)
	return binary.LittleEndian.AppendUint64(nil, ^crc64.Update(^uint64(0), jones, data))
}

func BenchmarkCaptureAMillion(b *testing.B) {
	m := fsm.New()
	for i := range 1_000_000 {
		m.Keys().Put(0, keyspace.Draft{Key: []byte(fmt.Sprint("key:", i)), Str: []byte(strings.Repeat("v", 16))})
	}
	b.Run("capture", func(b *testing.B) {
		for b.Loop() {
			m.Capture()
		}
	})
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			n, err := m.Capture().WriteTo(io.Discard)
			must(b, err)
			b.SetBytes(n)
		}
	})
	var file bytes.Buffer
	_, err := m.Capture().WriteTo(&file)
	must(b, err)
	b.Run("restore", func(b *testing.B) {
		b.SetBytes(int64(file.Len()))
		for b.Loop() {
			_, err := fsm.Restore(bytes.NewReader(file.Bytes()))
			must(b, err)
		}
	})
	b.Run("digest", func(b *testing.B) {
		for b.Loop() {
			m.Digest()
		}
	})
}

// A snapshot is read back after it was taken: values and parts of commands are not
// taken into memory for that.
func TestVerifyingTakesNoMemoryForValues(t *testing.T) {
	const size = 16 << 20
	l := newLog(t, 1)
	l.register(one)
	l.machines[0].Keys().Put(0, keyspace.Draft{Key: []byte("large"), Str: bytes.Repeat([]byte("v"), size)})
	piece := bytes.Repeat([]byte("p"), entry.PartBytesMax/2)
	l.entry(entry.Batch{Session: one, Kind: entry.Part, Number: 1, PartTotal: 2048, PartBytes: piece})
	data := snapshotOf(t, l.machines[0])
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := fsm.Verify(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 2<<20 {
		t.Errorf("%d KB were allocated for a snapshot of %d", took>>10, len(data)>>10)
	}
}
