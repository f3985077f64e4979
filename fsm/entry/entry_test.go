package entry_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/entry"
)

func args(words ...string) [][]byte {
	var out [][]byte
	for _, w := range words {
		out = append(out, []byte(w))
	}
	return out
}

var session = entry.Session{Server: "n1@c0ffee", Boot: 3}

// samples has a batch of each kind, and of each kind's border cases.
func samples() []entry.Batch {
	return []entry.Batch{
		{Session: session, Kind: entry.Register, ClientAddr: "host:6379"},
		{Session: session, Kind: entry.Commands, Number: 1, Commands: []entry.Command{
			{DB: 0, Args: args("set", "k", "v\x00\r\n\xff")},
			{DB: 15, Args: args("incr", "")},
		}},
		{Session: session, Kind: entry.Commands, Number: 300, Acked: 299},
		{Session: session, Kind: entry.Part, Number: 2, Acked: 1, PartIndex: 1, PartTotal: 3, PartBytes: []byte("piece")},
	}
}

func encode(t testing.TB, b *entry.Batch) []byte {
	t.Helper()
	data, err := entry.AppendBatch(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The layout of version 1 is what logs on disks hold: these bytes must never change.
func TestVersion1IsTheseBytes(t *testing.T) {
	golden := []string{
		"0102096e3140633066666565030000" + "09686f73743a36333739" + "eb5c62b3",
		"0101096e3140633066666565030100" + "02" + "000303736574016b0576000d0aff" + "0f0204696e637200" + "81424898",
		"0101096e314063306666656503ac02ab02" + "00" + "53866dbd",
		"0103096e3140633066666565030201" + "0103057069656365" + "f5ce4d9b",
	}
	var batches [][]byte
	for i, b := range samples() {
		data := encode(t, &b)
		batches = append(batches, data)
		if got := hex.EncodeToString(data); got != golden[i] {
			t.Errorf("batch %d is\n%s, want\n%s", i, got, golden[i])
		}
	}
	got, err := entry.AppendEntry(nil, entry.Head{StampMS: 1_700_000_000_123, Seed: 0x0102030405060708}, batches[:1])
	if err != nil {
		t.Fatal(err)
	}
	want := "01" + "fbd095ffbc31" + "0807060504030201" + "01" + "cb75db2c" + "1d" + golden[0]
	if hex.EncodeToString(got) != want {
		t.Errorf("the entry is\n%x, want\n%s", got, want)
	}
}

// The layout of version 2 is that of version 1 with what is asked for before the stamp.
func TestVersion2IsTheseBytes(t *testing.T) {
	for digest, want := range map[entry.Digest]string{
		entry.HashDigest:  "0201" + "fbd095ffbc31" + "0807060504030201" + "00" + "7577e4f9",
		entry.WholeDigest: "0202" + "fbd095ffbc31" + "0807060504030201" + "00" + "86171cea",
	} {
		head := entry.Head{StampMS: 1_700_000_000_123, Seed: 0x0102030405060708, Digest: digest}
		got, err := entry.AppendEntry(nil, head, nil)
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("the entry is\n%x, %v, want\n%s", got, err, want)
		}
		e, err := entry.Decode(got)
		if err != nil || e.Head != head {
			t.Errorf("it came back as %+v, %v", e, err)
		}
	}
	for _, digest := range []byte{0, 3, 255} {
		bad := entry.WithHeadChecksum([]byte{2, digest, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0})
		if _, err := entry.Decode(bad); err == nil {
			t.Errorf("version 2 with digest %d was decoded", digest)
		}
	}
	if _, err := entry.Decode(entry.WithHeadChecksum([]byte{2, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0})); err != nil {
		t.Errorf("a sound one was not: %v", err)
	}
}

// newSamples are batches that machine version 2 begins with.
func newSamples() []entry.Batch {
	return []entry.Batch{
		{Session: session, Kind: entry.Part, Number: 300, Acked: 1, First: 299, PartIndex: 1, PartTotal: 3, PartBytes: []byte("piece")},
		{Session: session, Kind: entry.Part, Number: 2, Acked: 1, First: 2, PartTotal: 1, PartBytes: []byte("piece")},
		{Session: session, Kind: entry.Abandon, Number: 300, Acked: 1, First: 299},
	}
}

func TestMachineVersion2IsTheseBytes(t *testing.T) {
	golden := []string{
		"0203096e3140633066666565" + "03ac0201" + "ab02" + "0103057069656365" + "18f8bf48",
		"0203096e3140633066666565" + "030201" + "02" + "0001057069656365" + "924c0c3d",
		"0204096e3140633066666565" + "03ac0201" + "ab02" + "a089d57f",
	}
	for i, b := range newSamples() {
		if got := hex.EncodeToString(encode(t, &b)); got != golden[i] {
			t.Errorf("batch %d is\n%s, want\n%s", i, got, golden[i])
		}
		if b.MachineVersion() != 2 {
			t.Errorf("batch %d needs machine version %d", i, b.MachineVersion())
		}
	}
	for _, b := range samples() {
		if b.MachineVersion() != 1 {
			t.Errorf("%+v needs machine version %d", b, b.MachineVersion())
		}
	}
	got, err := entry.AppendEntry(nil, entry.Head{StampMS: 1_700_000_000_123, Seed: 0x0102030405060708, Raise: 2}, nil)
	if want := "0302" + "fbd095ffbc31" + "0807060504030201" + "00" + "d9cbf8b5"; err != nil || hex.EncodeToString(got) != want {
		t.Errorf("the entry that raises is\n%x, %v, want\n%s", got, err, want)
	}
	if e, err := entry.Decode(got); err != nil || e.Raise != 2 {
		t.Errorf("it came back as %+v, %v", e, err)
	}
}

func TestALayoutCarriesItsOwnBatchesOnly(t *testing.T) {
	abandon, part := encode(t, &newSamples()[2]), encode(t, &newSamples()[0])
	commands := encode(t, &samples()[1])
	for name, data := range map[string][]byte{
		"Abandon in layout 1":         append([]byte{1}, abandon[1:]...),
		"Commands in layout 2":        append([]byte{2}, commands[1:]...),
		"layout 3":                    append([]byte{3}, part[1:]...),
		"a part that began at 0":      bytes.Replace(part, []byte{0xab, 0x02, 1, 3}, []byte{0, 1, 3, 0}, 1),
		"a part before its beginning": bytes.Replace(part, []byte{0xab, 0x02, 1, 3}, []byte{0xad, 0x02, 1, 3}, 1),
	} {
		if b, err := entry.DecodeBatch(entry.WithChecksum(data)); err == nil {
			t.Errorf("%s was decoded: %+v", name, b)
		}
	}
	for name, data := range map[string][]byte{
		"a raise to 0":      {3, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0},
		"a raise to 1":      {3, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0},
		"a raise and more":  {3, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1},
		"an unknown layout": {4, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0},
	} {
		if e, err := entry.Decode(entry.WithHeadChecksum(data)); err == nil {
			t.Errorf("%s was decoded: %+v", name, e)
		}
	}
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	var encoded [][]byte
	for _, b := range append(samples(), newSamples()...) {
		data := encode(t, &b)
		encoded = append(encoded, data)
		got, err := entry.DecodeBatch(data)
		if err != nil {
			t.Fatal(err)
		}
		if !equal(&got, &b) {
			t.Errorf("decoded %+v, want %+v", got, b)
		}
		h, err := entry.PeekHeader(data)
		want := entry.Header{Session: b.Session, Kind: b.Kind, Number: b.Number, Acked: b.Acked, Bytes: len(data)}
		if err != nil || h != want {
			t.Errorf("header %+v, %v, want %+v", h, err, want)
		}
	}
	var d entry.Decoder
	for range 3 { // the buffers of one decoding must not leak into the next
		checkEntry(t, &d, encoded)
		checkEntry(t, &d, encoded[1:2])
		checkEntry(t, &d, nil)
	}
}

func checkEntry(t *testing.T, d *entry.Decoder, encoded [][]byte) {
	t.Helper()
	data, err := entry.AppendEntry(nil, entry.Head{StampMS: 5, Seed: 7}, encoded)
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if e.StampMS != 5 || e.Seed != 7 || len(e.Batches) != len(encoded) {
		t.Fatalf("decoded %+v", e)
	}
	for i := range e.Batches {
		if got := encode(t, &e.Batches[i]); !bytes.Equal(got, encoded[i]) {
			t.Errorf("batch %d came back as %x, want %x", i, got, encoded[i])
		}
	}
}

func equal(a, b *entry.Batch) bool {
	x, y := *a, *b
	same := slices.EqualFunc(x.Commands, y.Commands, func(p, q entry.Command) bool {
		return p.DB == q.DB && slices.EqualFunc(p.Args, q.Args, bytes.Equal)
	}) && bytes.Equal(x.PartBytes, y.PartBytes)
	x.Commands, y.Commands, x.PartBytes, y.PartBytes = nil, nil, nil, nil
	return same && reflect.DeepEqual(x, y)
}

func TestEveryCutAndEveryFlippedBitIsAnError(t *testing.T) {
	for _, digest := range []entry.Digest{entry.NoDigest, entry.HashDigest, entry.WholeDigest} {
		checkCutsAndFlips(t, entry.Head{StampMS: 1_700_000_000_123, Seed: 9, Digest: digest})
	}
}

func checkCutsAndFlips(t *testing.T, head entry.Head) {
	t.Helper()
	var batches [][]byte
	for _, b := range append(samples(), newSamples()...) {
		batches = append(batches, encode(t, &b))
	}
	data, err := entry.AppendEntry(nil, head, batches)
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if _, err := entry.Decode(data[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were decoded", n, len(data))
		}
	}
	for bit := range 8 * len(data) {
		bad := bytes.Clone(data)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, err := entry.Decode(bad); err == nil {
			t.Errorf("bit %d flipped was decoded", bit)
		}
	}
	if _, err := entry.Decode(append(bytes.Clone(data), 0)); err == nil {
		t.Error("a byte after the end was accepted")
	}
}

func TestWhatIsOverALimitOrDoesNotFitItsKindIsRefused(t *testing.T) {
	long := strings.Repeat("x", entry.NameBytesMax+1)
	some := []entry.Command{{Args: args("ping")}}
	for name, b := range map[string]entry.Batch{
		"no kind":           {Session: session, Number: 1},
		"no server":         {Kind: entry.Commands, Number: 1},
		"a long server":     {Session: entry.Session{Server: long}, Kind: entry.Commands, Number: 1},
		"number 0":          {Session: session, Kind: entry.Commands, Commands: some},
		"acked itself":      {Session: session, Kind: entry.Commands, Number: 4, Acked: 4},
		"no arguments":      {Session: session, Kind: entry.Commands, Number: 1, Commands: make([]entry.Command, 1)},
		"a negative db":     {Session: session, Kind: entry.Commands, Number: 1, Commands: []entry.Command{{DB: -1, Args: args("ping")}}},
		"too many commands": {Session: session, Kind: entry.Commands, Number: 1, Commands: slices.Repeat(some, entry.CommandsMax+1)},
		"too many bytes": {Session: session, Kind: entry.Commands, Number: 1, Commands: []entry.Command{
			{Args: [][]byte{make([]byte, entry.BatchBytesMax)}}}},
		"a numbered Register":  {Session: session, Kind: entry.Register, Number: 1},
		"a long address":       {Session: session, Kind: entry.Register, ClientAddr: long},
		"a part without total": {Session: session, Kind: entry.Part, Number: 1},
		"a part past total":    {Session: session, Kind: entry.Part, Number: 1, PartIndex: 2, PartTotal: 2},
		"too many parts":       {Session: session, Kind: entry.Part, Number: 1, PartTotal: entry.PartsMax + 1},
		"a part before first":  {Session: session, Kind: entry.Part, Number: 3, First: 4, PartIndex: 1, PartTotal: 2},
		"a part too early":     {Session: session, Kind: entry.Part, Number: 5, First: 4, PartIndex: 2, PartTotal: 3},
		"a part 0 after first": {Session: session, Kind: entry.Part, Number: 5, First: 4, PartTotal: 3},
		"a part 1 at first":    {Session: session, Kind: entry.Part, Number: 4, First: 4, PartIndex: 1, PartTotal: 3},
		"abandons itself":      {Session: session, Kind: entry.Abandon, Number: 4, First: 4},
		"abandons nothing":     {Session: session, Kind: entry.Abandon, Number: 4},
		"a long part":          {Session: session, Kind: entry.Part, Number: 1, PartTotal: 1, PartBytes: make([]byte, entry.PartBytesMax+1)},
	} {
		if _, err := entry.AppendBatch(nil, &b); err == nil {
			t.Errorf("%s was encoded", name)
		}
	}
	if _, err := entry.AppendEntry(nil, entry.Head{StampMS: -1}, nil); err == nil {
		t.Error("a negative stamp was encoded")
	}
	if _, err := entry.AppendEntry(nil, entry.Head{Digest: entry.WholeDigest + 1}, nil); err == nil {
		t.Error("an unknown digest was encoded")
	}
	if _, err := entry.AppendEntry(nil, entry.Head{}, make([][]byte, entry.BatchesMax+1)); err == nil {
		t.Error("too many batches were encoded")
	}
}

func TestTheLimitsFitEachOther(t *testing.T) {
	full := entry.Batch{
		First:   1<<64 - 1 - entry.PartsMax,
		Session: entry.Session{Server: strings.Repeat("s", entry.NameBytesMax), Boot: 1<<64 - 1},
		Kind:    entry.Part, Number: 1<<64 - 1, Acked: 1<<64 - 2,
		PartIndex: entry.PartsMax - 1, PartTotal: entry.PartsMax, PartBytes: make([]byte, entry.PartBytesMax),
	}
	data := encode(t, &full)
	if over := len(data) - entry.PartBytesMax; over > entry.BodyOverheadMax {
		t.Errorf("a batch takes %d bytes beside its body, over %d", over, entry.BodyOverheadMax)
	}
	two, err := entry.AppendEntry(nil, entry.Head{StampMS: 1<<63 - 1, Digest: entry.WholeDigest}, [][]byte{data, data})
	if err != nil {
		t.Error(err)
	}
	if bound := entry.EntryBytes(2, 2*len(data)); len(two) > bound || bound > entry.EntryBytesMax {
		t.Errorf("an entry of %d bytes, bound to %d", len(two), bound)
	}
	if entry.PartsMax*entry.PartBytesMax < entry.SplitBytesMax {
		t.Error("the largest body does not fit its parts")
	}
}

func TestABodyMayTravelInParts(t *testing.T) {
	commands := []entry.Command{{DB: 3, Args: [][]byte{[]byte("set"), []byte("k"), bytes.Repeat([]byte("v"), 3*entry.PartBytesMax)}}}
	body := entry.AppendBody(nil, commands)
	if want := entry.CommandBytes(&commands[0]) + 1; len(body) != want {
		t.Errorf("the body has %d bytes, foretold %d", len(body), want)
	}
	var joined []byte
	for piece := range slices.Chunk(body, entry.PartBytesMax) {
		b := entry.Batch{Session: session, Kind: entry.Part, Number: 1, PartTotal: 4, PartBytes: piece}
		got, err := entry.DecodeBatch(encode(t, &b))
		if err != nil {
			t.Fatal(err)
		}
		joined = append(joined, got.PartBytes...)
	}
	got, err := entry.DecodeBody(joined)
	if err != nil || len(got) != 1 || got[0].DB != 3 || !bytes.Equal(got[0].Args[2], commands[0].Args[2]) {
		t.Errorf("decoded %d commands, %v", len(got), err)
	}
	for _, bad := range [][]byte{nil, {1}, {1, 0, 0}, {1, 0, 1}, append(bytes.Clone(body), 0)} {
		if _, err := entry.DecodeBody(bad); err == nil {
			t.Errorf("a body of %d bytes was decoded", len(bad))
		}
	}
}

func FuzzDecode(f *testing.F) {
	var batches [][]byte
	for _, b := range append(samples(), newSamples()...) {
		data, err := entry.AppendBatch(nil, &b)
		if err != nil {
			f.Fatal(err)
		}
		batches = append(batches, data)
		f.Add(data)
	}
	data, err := entry.AppendEntry(nil, entry.Head{StampMS: 17, Seed: 4}, batches)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	for _, digest := range []entry.Digest{entry.HashDigest, entry.WholeDigest} {
		asking, err := entry.AppendEntry(nil, entry.Head{StampMS: 17, Seed: 4, Digest: digest}, batches)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(asking)
	}
	f.Add(entry.AppendBody(nil, samples()[1].Commands))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := entry.Decode(data); err == nil {
			var again [][]byte
			for i := range e.Batches {
				again = append(again, encode(t, &e.Batches[i]))
			}
			if out, err := entry.AppendEntry(nil, e.Head, again); err != nil || !bytes.Equal(out, data) {
				t.Errorf("%x came back as %x, %v", data, out, err)
			}
		}
		if commands, err := entry.DecodeBody(data); err == nil {
			if out := entry.AppendBody(nil, commands); !bytes.Equal(out, data) {
				t.Errorf("body %x came back as %x", data, out)
			}
		}
		// Give the fuzzer a way past the checksums.
		head := entry.WithHeadChecksum(data)
		if e, err := entry.Decode(head); err == nil {
			if out, err := entry.AppendEntry(nil, e.Head, nil); err != nil || !bytes.Equal(out, head) {
				t.Errorf("the entry without batches %x came back as %x, %v", head, out, err)
			}
		}
		b := entry.Batch{}
		if fixed := entry.WithChecksum(data); fixed != nil {
			var err error
			if b, err = entry.DecodeBatch(fixed); err == nil && !bytes.Equal(encode(t, &b), fixed) {
				t.Errorf("batch %x came back otherwise", fixed)
			}
			if _, peekErr := entry.PeekHeader(fixed); err == nil && peekErr != nil {
				t.Errorf("batch %x can be decoded, and not be peeked at: %v", fixed, peekErr)
			}
		}
	})
}

func sampleEntry(b *testing.B) []byte {
	var commands []entry.Command
	for i := range 50 {
		commands = append(commands, entry.Command{Args: [][]byte{
			[]byte("set"), fmt.Appendf(nil, "key:%012d", i), bytes.Repeat([]byte("v"), 64)}})
	}
	batch := entry.Batch{Session: session, Kind: entry.Commands, Number: 1, Commands: commands}
	data, err := entry.AppendEntry(nil, entry.Head{StampMS: 1, Seed: 1}, [][]byte{encode(b, &batch)})
	if err != nil {
		b.Fatal(err)
	}
	return data
}

func BenchmarkDecode50Sets(b *testing.B) {
	data := sampleEntry(b)
	b.ReportAllocs()
	var d entry.Decoder
	for b.Loop() {
		if _, err := d.Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
