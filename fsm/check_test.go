package fsm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/keyspace"
)

func encodeBatch(t testing.TB, b entry.Batch) []byte {
	t.Helper()
	data, err := entry.AppendBatch(nil, &b)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sealed gives the bytes of a batch a fitting checksum in place of their last four.
func sealed(data []byte) []byte {
	content := data[:len(data)-4]
	return binary.LittleEndian.AppendUint32(bytes.Clone(content), crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli)))
}

func body(lines ...string) []byte {
	var commands []entry.Command
	for _, line := range lines {
		commands = append(commands, commandOf(line))
	}
	return entry.AppendBody(nil, commands)
}

// judge does what a leader does with a batch: Check, and CheckBody where that is due.
func judge(c *fsm.Checker, m *fsm.Machine, data []byte) error {
	b, err := c.Check(data, m.Version())
	if err != nil || !fsm.EndsParts(b, m.Version()) {
		return err
	}
	before, run, err := m.PartsBefore(b)
	if err != nil || !run {
		return err
	}
	return c.CheckBody(before, b, m.Version())
}

func TestWhatCannotBeAppliedIsRefused(t *testing.T) {
	register := func(addr string) []byte {
		return encodeBatch(t, entry.Batch{Session: one, Kind: entry.Register, ClientAddr: addr})
	}
	commands := func(lines ...string) []byte { return encodeBatch(t, batch(one, 1, 0, lines...)) }
	otherDB := batch(one, 1, 0, "set a 1")
	otherDB.Commands[0].DB = keyspace.Databases
	noName := batch(one, 1, 0, "set a 1")
	noName.Commands[0].Args[0] = nil
	truncated := commands("set a 1")
	truncated = sealed(truncated[:len(truncated)-1])
	unknownKind := commands("set a 1")
	unknownKind[1] = 9
	for name, c := range map[string]struct {
		data []byte
		want string // "": it passes
	}{
		"nothing at all":                 {nil, "0 bytes"},
		"a wrong checksum":               {truncated[:len(truncated)-1], "checksum"},
		"a body cut short":               {truncated, "malformed"},
		"a kind of no meaning":           {sealed(unknownKind), "11 bytes follow"},
		"an unknown command":             {commands("set a 1", "nosuch a"), "unknown command"},
		"no name":                        {encodeBatch(t, noName), "unknown command"},
		"a name too long":                {commands(strings.Repeat("n", 70)), "70 bytes"},
		"a wrong arity":                  {commands("get a b"), "wrong number of arguments"},
		"an unknown sub-command":         {commands("object nosuch a"), "unknown subcommand"},
		"a local command":                {commands("ping"), "does not belong"},
		"a database too many":            {encodeBatch(t, otherDB), "database 16"},
		"a body of no meaning":           {encodeBatch(t, partOf(one, 1, "no body")), "malformed"},
		"a body with an unknown command": {encodeBatch(t, partOf(one, 1, string(body("nosuch a")))), "unknown command"},
		"an address with a line break":   {register("h:1\r\n+OK"), "character"},
		"an address with a space":        {register("h:1 myself"), "character"},
		"an address with a comma":        {register("h:1,h"), "character"},
		"an address that is no text":     {register("h\xff:1"), "want text"},

		"commands":           {commands("set a 1", "get a", "object encoding a", "OBJECT freq a"), ""},
		"no commands":        {commands(), ""},
		"a whole body":       {encodeBatch(t, partOf(one, 1, string(body("set a 1", "get a")))), ""},
		"an address":         {register("host:6379"), ""},
		"an IPv6 address":    {register("[fe80::1%eth0]:6379"), ""},
		"no address":         {register(""), ""},
		"a number far ahead": {encodeBatch(t, batch(one, 1<<60, 0, "set a 1")), ""},
	} {
		var refusal *fsm.Refusal
		err := judge(new(fsm.Checker), fsm.New(), c.data)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: refused, %v", name, err)
		case c.want != "" && (!errors.As(err, &refusal) || refusal.Later || !strings.Contains(refusal.Reason, c.want)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// What needs a later version than the active one is not refused for ever.
func TestWhatNeedsALaterVersionMayComeAgain(t *testing.T) {
	var c fsm.Checker
	named := partOf(one, 1, "no body")
	named.First = 1
	for name, b := range map[string]entry.Batch{
		"a part that names its first":  named,
		"a command that is given up":   {Session: one, Kind: entry.Abandon, Number: 2, First: 1},
		"the same of no known session": {Session: two, Kind: entry.Abandon, Number: 2, First: 1},
	} {
		data := encodeBatch(t, b)
		_, err := c.Check(data, 1)
		var refusal *fsm.Refusal
		if !errors.As(err, &refusal) || !refusal.Later {
			t.Errorf("%s at version 1: %v", name, err)
		}
		if _, err := c.Check(data, 2); err != nil {
			t.Errorf("%s at version 2: %v", name, err)
		}
	}
}

// The body of a command in parts can be checked once the machine has applied
// all parts but the last; before that, the last part has to come again.
func TestALastPartIsCheckedWithThoseBeforeIt(t *testing.T) {
	part := func(s entry.Session, number uint64, index, total int, piece []byte) entry.Batch {
		return entry.Batch{Session: s, Kind: entry.Part, Number: number, PartIndex: index, PartTotal: total, PartBytes: piece}
	}
	good, bad := body("set a 1"), body("nosuch a")
	for name, c := range map[string]struct {
		applied []entry.Batch
		last    entry.Batch
		want    string // "": it passes
	}{
		"a good body":                {[]entry.Batch{part(one, 1, 0, 2, good[:5])}, part(one, 2, 1, 2, good[5:]), ""},
		"a bad body":                 {[]entry.Batch{part(one, 1, 0, 2, bad[:5])}, part(one, 2, 1, 2, bad[5:]), "unknown command"},
		"a body cut short":           {[]entry.Batch{part(one, 1, 0, 2, good[:5])}, part(one, 2, 1, 2, good[5:7]), "malformed"},
		"a part is under way":        {nil, part(one, 2, 1, 2, bad[5:]), "later"},
		"the session is under way":   {nil, part(two, 2, 1, 2, bad[5:]), "later"},
		"applied before":             {[]entry.Batch{part(one, 1, 0, 2, good[:5]), part(one, 2, 1, 2, good[5:])}, part(one, 2, 1, 2, bad[5:]), ""},
		"others are under way":       {[]entry.Batch{part(one, 1, 0, 3, bad[:5])}, part(one, 2, 1, 2, bad[5:]), ""},
		"not the last":               {nil, part(one, 7, 1, 3, bad), ""},
		"the boot is not registered": {nil, part(entry.Session{Server: one.Server, Boot: 2}, 1, 1, 2, bad[5:]), "later"},
	} {
		l := newLog(t, 1)
		l.register(one)
		for _, b := range c.applied {
			l.entry(b)
		}
		m := l.machines[0]
		err := judge(new(fsm.Checker), m, encodeBatch(t, c.last))
		var refusal *fsm.Refusal
		switch {
		case c.want == "":
			if err != nil {
				t.Errorf("%s: refused, %v", name, err)
			} else if _, err := m.Apply(l.index+1, encodeEntry(t, epochMS+9, 1, c.last)); err != nil {
				t.Errorf("%s: passed, and broke the machine: %v", name, err)
			}
		case !errors.As(err, &refusal) || refusal.Later != (c.want == "later") || !refusal.Later && !strings.Contains(refusal.Reason, c.want):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// hostile makes a batch that is wrong in some way, or in none, under the next
// number of a fresh session, and with a fitting checksum.
func hostile(t testing.TB, r *rand.Rand) []byte {
	lines := []string{
		"set a 1", "get a", "incr a", "mset a 1 b 2", "object encoding a", "object help", "object", "ping", "nosuch", "xadd s * a b",
		"config set maxmemory 5", "config get maxmemory", "debug sleep 0", "raft status", "flushall", "SET a 1 EX 5", "select 1", "expire a 10",
		strings.Repeat("n", 60+r.IntN(10)), "command docs", "memory usage a", "get", "wait 1 0",
	}
	b := batch(one, 1, 0)
	for range r.IntN(4) {
		c := commandOf(lines[r.IntN(len(lines))])
		c.DB = r.IntN(20) / 8 * r.IntN(10)
		b.Commands = append(b.Commands, c)
	}
	switch r.IntN(8) {
	case 0:
		b.Kind, b.Number, b.First, b.Commands = entry.Abandon, 2, 1, nil
	case 1:
		b.First = 1
		fallthrough
	case 2:
		b.Kind, b.PartTotal, b.PartBytes, b.Commands = entry.Part, 1, entry.AppendBody(nil, b.Commands), nil
	}
	data := encodeBatch(t, b)
	for range r.IntN(3) {
		at := r.IntN(len(data))
		switch r.IntN(3) {
		case 0:
			data[at] ^= 1 << r.IntN(8)
		case 1:
			data[at] = byte(r.Uint32())
		default:
			data = append(data[:at], data[min(len(data), at+1):]...)
		}
	}
	for len(data) < 4 {
		data = append(data, 0)
	}
	return sealed(data)
}

// A batch passes exactly if Apply can run it: the property for which Check exists.
func TestWhatPassesCanBeAppliedAndNothingElse(t *testing.T) {
	const rounds = 4_000
	var c fsm.Checker
	var passed, refused int
	for seed := range rounds {
		data := hostile(t, rand.New(rand.NewPCG(uint64(seed), 7)))
		if checkAgrees(t, &c, uint8(1+seed%fsm.NewestVersion), data) {
			passed++
		} else {
			refused++
		}
	}
	if passed < rounds/10 || refused < rounds/10 {
		t.Errorf("%d batches passed and %d were refused: the test sees one side only", passed, refused)
	}
}

func FuzzWhatPassesCanBeApplied(f *testing.F) {
	for seed := range 64 {
		f.Add(hostile(f, rand.New(rand.NewPCG(uint64(seed), 7))))
	}
	var c fsm.Checker
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= 4 {
			for version := uint8(fsm.OldestVersion); version <= fsm.NewestVersion; version++ {
				checkAgrees(t, &c, version, sealed(data))
			}
		}
	})
}

// checkAgrees applies a batch to a machine of a version, as the first of a
// session, and holds the outcome against the check's. It returns whether the
// batch passed.
func checkAgrees(t *testing.T, c *fsm.Checker, version uint8, data []byte) bool {
	t.Helper()
	l := newLog(t, 1)
	l.register(one)
	m := l.machines[0]
	for to := uint8(fsm.OldestVersion + 1); to <= version; to++ {
		raise, err := entry.AppendEntry(nil, entry.Head{StampMS: epochMS, Seed: 1, Raise: to}, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.index++
		l.apply(raise)
	}
	before := bytes.Clone(data)
	checked := judge(c, m, data)
	if !bytes.Equal(data, before) {
		t.Fatalf("the check has changed batch %x", before)
	}
	encoded, err := entry.AppendEntry(nil, entry.Head{StampMS: epochMS, Seed: 1}, [][]byte{data})
	if err != nil {
		t.Fatal(err)
	}
	outcomes, applied := m.Apply(l.index+1, encoded)
	if checked == nil && applied != nil {
		t.Errorf("%x passed, and stops every node: %v", data, applied)
	}
	header, peeked := entry.PeekHeader(data)
	mayRun := peeked != nil || header.Kind == entry.Commands && header.Session == one && header.Number == 1
	if checked != nil && applied == nil && mayRun {
		t.Errorf("%x was refused (%v), and can be applied: %s", data, checked, show(outcomes))
	}
	return checked == nil
}

func TestACallOfAClientIsChecked(t *testing.T) {
	call := func(db int, line string) *command.Call {
		c := commandOf(line)
		row, _ := command.Lookup(c.Args)
		return &command.Call{Command: row, DB: db, Args: c.Args}
	}
	long := call(0, "set a 1")
	long.Args[0] = bytes.Repeat([]byte("n"), 70)
	many := call(0, "mset a 1")
	many.Args = append(many.Args, make([][]byte, entry.ArgsMax)...)
	for name, c := range map[string]*command.Call{
		"no row": call(0, "nosuch"), "a local command": call(0, "ping"), "a database too many": call(16, "set a 1"),
		"a negative database": call(-1, "set a 1"), "a long name": long, "too many arguments": many,
	} {
		if fsm.CheckCall(c) == nil {
			t.Errorf("%s passed", name)
		}
	}
	for _, c := range []*command.Call{call(15, "set a 1"), call(0, "get a")} {
		if err := fsm.CheckCall(c); err != nil {
			t.Errorf("%s: %v", c.Args, err)
		}
	}
}

func BenchmarkCheck50Sets(b *testing.B) {
	var lines []string
	for i := range 50 {
		lines = append(lines, fmt.Sprintf("set key:%012d %s", i, strings.Repeat("v", 64)))
	}
	data := encodeBatch(b, batch(one, 1, 0, lines...))
	b.ReportAllocs()
	var c fsm.Checker
	for b.Loop() {
		if _, err := c.Check(data, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// Joining the parts of a large body does not keep the collector, and whoever needs it,
// waiting. The best of some tries counts: other work on the machine only adds.
func TestTheCollectorDoesNotWaitForTheCheckOfALargeBody(t *testing.T) {
	body := entry.AppendBody(nil, []entry.Command{{Args: [][]byte{[]byte("SET"), []byte("k"), make([]byte, 128<<20)}}})
	end := len(body) - 100<<10
	last := &entry.Batch{Kind: entry.Part, PartBytes: body[end:]}
	best := 1.0
	for try := 0; try < 10 && best > 0.5; try++ {
		begun, done := time.Now(), make(chan error, 1)
		go func() { done <- new(fsm.Checker).CheckBody(body[:end], last, 1) }()
		worst := time.Duration(0)
		for checking := true; checking; {
			asked := time.Now()
			runtime.GC()
			worst = max(worst, time.Since(asked))
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				checking = false
			default:
			}
		}
		best = min(best, float64(worst)/float64(time.Since(begun)))
	}
	if best > 0.5 {
		t.Errorf("the collector waited for %.2f of the check", best)
	}
}
