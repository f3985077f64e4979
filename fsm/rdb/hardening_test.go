package rdb_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/kvorum/kvorum/fsm/rdb"
)

// TestAClaimedLengthIsNotAllocated: what is allocated follows what arrives.
func TestAClaimedLengthIsNotAllocated(t *testing.T) {
	huge := []byte{0x81, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}
	select0 := "REDIS0010\xFE\x00"
	inputs := map[string]string{
		"a field's name":       "REDIS0010\xFA" + string(huge),
		"a field's value":      "REDIS0010\xFA\x00" + string(huge),
		"a key":                select0 + "\x00" + string(huge),
		"a value":              select0 + "\x00\x01k" + string(huge),
		"2 GiB":                select0 + "\x00\x01k\x80\x80\x00\x00\x00" + strings.Repeat("x", 100_000),
		"compressed data":      select0 + "\x00\x01k\xC3" + string(huge) + string(huge),
		"decompressed data":    select0 + "\x00\x01k\xC3\x05" + string(huge) + "abcdefgh",
		"nothing decompressed": select0 + "\x00\x01k\xC3\x00\x00",
		"a database":           "REDIS0010\xFE" + string(huge),
	}
	for name, input := range inputs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := read(strings.NewReader(input))
		runtime.ReadMemStats(&after)
		if !errors.Is(err, rdb.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
			t.Errorf("%s: %d bytes were allocated for %d", name, used, len(input))
		}
	}
}

func TestWhatIsNoFileIsRefusedClearly(t *testing.T) {
	for input, want := range map[string]string{
		"REDIS0011\xFF":                       "version 11",
		"REDIS0004\xFF":                       "version 4",
		"REDIS+010\xFF":                       "not an RDB file",
		"RAFTS0010\xFF":                       "not an RDB file",
		"REDIS0010\x00\x01k\x01v":             "before the first database",
		"REDIS0010\xF5\x00":                   "functions",
		"REDIS0010\xF7\x00":                   "a module's own data",
		"REDIS0010\xFE\x00\x08":               "unknown type 8",
		"REDIS0010\xFE\x00\xF0":               "unknown type 240",
		"REDIS0010\xFE\x00\xFA\x01a\x01b\xFF": "where an object must follow",
		"REDIS0010\xFE\xC0\x01":               "not a number",
		"REDIS0010\xFE\x00\x00\xC4":           "unknown form of a string",
		"REDIS0010\xFE\x00\x00\x82":           "unknown form of a length",
		"REDIS0010\xFE\x00" + strings.Repeat("\xFA\x01a\x01b", 65): "auxiliary fields before one object",
		"REDIS0010\xFF\x00\x00\x00\x00\x00\x00\x00\x00":            "written without one",
		"REDIS0010\xFF\x01\x00\x00\x00\x00\x00\x00\x00":            "wrong checksum",
	} {
		_, err := read(strings.NewReader(input))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", input, err, want)
		}
	}
}

// TestAnErrorOfTheStreamIsNotACorruption: a broken disk is not a broken file.
func TestAnErrorOfTheStreamIsNotACorruption(t *testing.T) {
	broken := errors.New("input/output error")
	file := write(t, everything())
	for _, n := range []int{0, 5, 100, len(file) - 1, len(file)} {
		_, err := read(io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) || errors.Is(err, rdb.ErrCorrupt) {
			t.Errorf("an error after byte %d: %v", n, err)
		}
	}
}

// failing takes so many bytes and fails from then on.
type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	n := min(f.left, len(p))
	f.left -= n
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

func TestTheWriterKeepsItsFirstError(t *testing.T) {
	w := rdb.NewWriter(&failing{left: 100})
	w.Database(0, 1, 0)
	if err := w.String("k", make([]byte, 1<<20), 0); !errors.Is(err, io.ErrShortWrite) {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, io.ErrShortWrite) || w.Written() != 100 {
		t.Fatalf("%v after %d bytes", err, w.Written())
	}
	misuse := map[string]func(w *rdb.Writer) error{
		"a field after a database":   func(w *rdb.Writer) error { w.Database(0, 0, 0); return w.Aux("a", nil) },
		"an object without database": func(w *rdb.Writer) error { return w.String("k", nil, 0) },
		"too many fields": func(w *rdb.Writer) error {
			w.Database(0, 1, 0)
			return w.String("k", nil, 0, make([]rdb.Field, 65)...)
		},
	}
	for name, call := range misuse {
		w := rdb.NewWriter(io.Discard)
		if err := call(w); err == nil || w.Close() == nil {
			t.Errorf("%s is no error", name)
		}
	}
}

func TestADamagedPayloadIsRefused(t *testing.T) {
	for _, value := range []string{"", "12", "short", strings.Repeat("compressible ", 50)} {
		payload := rdb.AppendDump([]byte("prefix"), []byte(value))[len("prefix"):]
		if got, err := rdb.ParseDump(payload, math.MaxInt64); err != nil || string(got) != value {
			t.Fatalf("%q: %q, %v", value, got, err)
		}
		for i := range payload {
			if _, err := rdb.ParseDump(payload[:i], math.MaxInt64); !errors.Is(err, rdb.ErrChecksum) {
				t.Fatalf("cut at %d: %v", i, err)
			}
			for bit := range 8 {
				payload[i] ^= 1 << bit
				if _, err := rdb.ParseDump(payload, math.MaxInt64); !errors.Is(err, rdb.ErrChecksum) {
					t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
				}
				payload[i] ^= 1 << bit
			}
		}
	}
	older := []byte("\x00\x01v\x06\x00")
	if got, err := rdb.ParseDump(binary.LittleEndian.AppendUint64(older, rdb.Checksum(0, older)), math.MaxInt64); err != nil || string(got) != "v" {
		t.Errorf("an older version: %q, %v", got, err)
	}
	for _, body := range []string{"", "\x00", "\x00\x05v", "\x00\xC3\x01\x50\x00"} {
		bad := append([]byte(body), rdb.Version, 0)
		if _, err := rdb.ParseDump(binary.LittleEndian.AppendUint64(bad, rdb.Checksum(0, bad)), math.MaxInt64); !errors.Is(err, rdb.ErrCorrupt) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// A payload does not make a string that is longer than any command may make.
func TestAPayloadOfTooLongAStringIsRefused(t *testing.T) {
	for _, value := range []string{"some more than a few bytes", strings.Repeat("compressible ", 50)} {
		payload := rdb.AppendDump(nil, []byte(value))
		if got, err := rdb.ParseDump(payload, int64(len(value))); err != nil || string(got) != value {
			t.Errorf("%d bytes, all of them allowed: %v", len(value), err)
		}
		if _, err := rdb.ParseDump(payload, int64(len(value))-1); !errors.Is(err, rdb.ErrCorrupt) {
			t.Errorf("%d bytes, one less allowed: %v", len(value), err)
		}
	}
}

func TestTheChecksumIsRedis(t *testing.T) {
	if sum := rdb.Checksum(0, []byte("123456789")); sum != 0xe9c6d914c4b8d9ca { // crc64.c's own test
		t.Errorf("%#x", sum)
	}
}

// FuzzReader: no input panics or allocates beyond its size, and what is read
// whole is written and read again as the same.
func FuzzReader(f *testing.F) {
	f.Add(write(f, append(everything()[:1:1], everything()[2:11]...)))
	f.Add(write(f, []rdb.Event{{Kind: rdb.End}}))
	f.Add([]byte("REDIS0010\xFE\x00\x00\x01k\xC3\x05\x19\x01aa\xE0\x0A\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fixed := data
		if len(data) > 9 && data[len(data)-1] == 0xFF { // give the fuzzer a way past the checksum
			fixed = binary.LittleEndian.AppendUint64(bytes.Clone(data), rdb.Checksum(0, data))
		}
		events, err := read(bytes.NewReader(fixed))
		if err != nil {
			return
		}
		var writable []rdb.Event
		for i := range events {
			e := &events[i]
			e.IdleS, e.Freq = -1, -1
			if e.Kind == rdb.Size && (e.Objects > 1<<40 || e.Deadlines > 1<<40) {
				e.Objects, e.Deadlines = 1, 1
			}
			switch e.Kind {
			case rdb.Database: // Database writes both
				writable = append(writable, rdb.Event{Kind: rdb.Size, DB: e.DB})
			case rdb.Size:
			default:
				writable = append(writable, *e)
			}
		}
		again, err := read(bytes.NewReader(write(t, writable)))
		if err != nil {
			t.Fatal(err)
		}
		var a, b []rdb.Event
		for _, e := range events {
			if e.Kind == rdb.String || e.Kind == rdb.Aux {
				a = append(a, e)
			}
		}
		for _, e := range again {
			if e.Kind == rdb.String || e.Kind == rdb.Aux {
				b = append(b, e)
			}
		}
		if !equalEvents(a, b) {
			t.Fatalf("%v was read again as %v", a, b)
		}
	})
}

// FuzzParseDump: no payload panics, and what parses is dumped as a payload of the same value.
func FuzzParseDump(f *testing.F) {
	for _, value := range []string{"", "-129", "short", strings.Repeat("compressible ", 50)} {
		f.Add(rdb.AppendDump(nil, []byte(value)))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > 8 {
			body := payload[:len(payload)-8]
			payload = binary.LittleEndian.AppendUint64(bytes.Clone(body), rdb.Checksum(0, body))
		}
		value, err := rdb.ParseDump(payload, math.MaxInt64)
		if err != nil {
			return
		}
		again, err := rdb.ParseDump(rdb.AppendDump(nil, value), math.MaxInt64)
		if err != nil || !bytes.Equal(again, value) {
			t.Fatalf("%q was read again as %q, %v", value, again, err)
		}
	})
}

// FuzzLZF: what is compressed decompresses to itself.
func FuzzLZF(f *testing.F) {
	f.Add([]byte(strings.Repeat("compressible ", 50)))
	f.Add(bytes.Repeat([]byte{7}, 22))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, value := range [][]byte{data, bytes.Repeat(data, 3)} {
			got, err := rdb.ParseDump(rdb.AppendDump(nil, value), math.MaxInt64)
			if err != nil || !bytes.Equal(got, value) {
				t.Fatalf("%q became %q, %v", value, got, err)
			}
		}
	})
}
