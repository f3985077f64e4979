package rdb_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/kvorum/kvorum/fsm/rdb"
)

// everything returns one event of each kind and shape that the writer can make.
func everything() []rdb.Event {
	object := func(db int, key, value string, deadlineMS int64, fields ...rdb.Field) rdb.Event {
		return rdb.Event{Kind: rdb.String, DB: db, Key: key, Value: []byte(value), DeadlineMS: deadlineMS, IdleS: -1, Freq: -1, Fields: fields}
	}
	binary := string([]byte{0, 255, 13, 10, 0xFE})
	return []rdb.Event{
		{Kind: rdb.Aux, Key: "redis-ver", Value: []byte("7.0.15")},
		{Kind: rdb.Aux, Key: "kvorum-state", Value: []byte(strings.Repeat("state", 50_000))},
		{Kind: rdb.Database, DB: 0},
		{Kind: rdb.Size, DB: 0, Objects: 9, Deadlines: 2},
		object(0, "", "", 0),
		object(0, "int8", "-128", 0),
		object(0, "int16", "32767", 0),
		object(0, "int32", "-2147483648", 1_700_000_000_000),
		object(0, "int33", "2147483648", math.MaxInt64),
		object(0, "not an int", "007", 0, rdb.Field{Name: "a", Value: []byte("1")}, rdb.Field{Name: "b", Value: []byte(binary)}),
		object(0, binary, binary, 0),
		object(0, strings.Repeat("k", 70_000), strings.Repeat("v", 16_383), 0),
		object(0, "123", strings.Repeat("v", 3<<20), 1),
		{Kind: rdb.Database, DB: 15},
		{Kind: rdb.Size, DB: 15, Objects: 1},
		object(15, "k", strings.Repeat("x", 64), 0),
		{Kind: rdb.End},
	}
}

func write(t testing.TB, events []rdb.Event) []byte {
	t.Helper()
	var file bytes.Buffer
	w := rdb.NewWriter(&file)
	for _, e := range events {
		var err error
		switch e.Kind {
		case rdb.Aux:
			err = w.Aux(e.Key, e.Value)
		case rdb.Size:
			err = w.Database(e.DB, int(e.Objects), int(e.Deadlines))
		case rdb.String:
			err = w.String(e.Key, e.Value, e.DeadlineMS, e.Fields...)
		case rdb.End:
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if w.Written() != int64(file.Len()) {
		t.Fatalf("Written is %d for a file of %d bytes", w.Written(), file.Len())
	}
	return file.Bytes()
}

// read reads a file twice, the second time without the values: that must come to the
// same but for them.
func read(r io.Reader) ([]rdb.Event, error) {
	var seen bytes.Buffer
	events, err := events(rdb.NewReader(io.TeeReader(r, &seen)))
	var again io.Reader = &seen
	if err != nil && !errors.Is(err, rdb.ErrCorrupt) && !errors.Is(err, rdb.ErrChecksum) {
		again = io.MultiReader(&seen, iotest.ErrReader(errors.Unwrap(err)))
	}
	return events, errors.Join(err, skipped(again, events, err))
}

// skipped reads without the values, and says what is not as it should be then.
func skipped(r io.Reader, want []rdb.Event, wantErr error) error {
	reader := rdb.NewReader(r)
	reader.SkipValues()
	got, err := events(reader)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		return fmt.Errorf("without values: %v, and with them: %v", err, wantErr)
	}
	for i := range want {
		e := want[i]
		if e.Kind == rdb.String {
			e.Value = nil
		}
		if i >= len(got) || !reflect.DeepEqual(got[i], e) {
			return fmt.Errorf("without values: event %d differs", i)
		}
	}
	return nil
}

func events(reader *rdb.Reader) (events []rdb.Event, err error) {
	for {
		event, err := reader.Next()
		if err == io.EOF {
			return events, nil
		}
		if err != nil {
			if _, again := reader.Next(); again != err {
				return events, fmt.Errorf("after %w: another error, %w", err, again)
			}
			return events, err
		}
		events = append(events, event)
	}
}

func TestTheReaderReturnsWhatTheWriterWrote(t *testing.T) {
	file := write(t, everything())
	for name, r := range map[string]io.Reader{
		"at once":      bytes.NewReader(file),
		"byte by byte": iotest.OneByteReader(bytes.NewReader(file)),
		"data and EOF": iotest.DataErrReader(bytes.NewReader(file)),
	} {
		got, err := read(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got, everything()) {
			t.Errorf("%s: the events differ", name)
		}
	}
}

func TestATruncatedFileIsAnError(t *testing.T) {
	file := write(t, append(everything()[:11:11], everything()[13:]...))
	for n := range file {
		if n%997 != 0 && n > 200 && n < len(file)-200 {
			continue // the long value between is only one case
		}
		if _, err := read(bytes.NewReader(file[:n])); !errors.Is(err, rdb.ErrCorrupt) {
			t.Fatalf("cut at byte %d of %d: %v", n, len(file), err)
		}
	}
	if _, err := read(bytes.NewReader(append(file, 0))); !errors.Is(err, rdb.ErrCorrupt) {
		t.Fatalf("a byte after the end: %v", err)
	}
}

func TestAFlippedBitIsAnError(t *testing.T) {
	events := everything()
	file := write(t, append(append(events[:1:1], events[2:11]...), rdb.Event{Kind: rdb.End}))
	for i := range file {
		for bit := range 8 {
			file[i] ^= 1 << bit
			if _, err := read(bytes.NewReader(file)); err == nil {
				t.Fatalf("bit %d of byte %d flipped and nobody noticed", bit, i)
			}
			file[i] ^= 1 << bit
		}
	}
	if _, err := read(bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
}

func equalEvents(a, b []rdb.Event) bool { return reflect.DeepEqual(a, b) }

// TestOnlyTextsThatIntegersPrintAreIntegers: any other would come back changed.
func TestOnlyTextsThatIntegersPrintAreIntegers(t *testing.T) {
	for _, text := range []string{"0", "-1", "127", "-128", "128", "-129", "32767", "-32768", "32768", "2147483647", "-2147483648",
		"2147483648", "-2147483649", "99999999999", "-9999999999", "", "-", "-0", "00", "01", "-01", "+1", "1 ", " 1", "1a", "0x1", "--1", "1-"} {
		n, err := strconv.ParseInt(text, 10, 32)
		integer := err == nil && strconv.FormatInt(n, 10) == text
		payload := rdb.AppendDump(nil, []byte(text))
		if special := payload[1] >= 0xC0; special != integer {
			t.Errorf("%q: integer form is %v", text, special)
		}
		if got, err := rdb.ParseDump(payload, math.MaxInt64); err != nil || string(got) != text {
			t.Errorf("%q came back as %q, %v", text, got, err)
		}
	}
}
