package fsm_test

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

func TestABrokenInvariantStopsTheMachine(t *testing.T) {
	flipped := encodeEntry(t, epochMS, 1, batch(one, 1, 0, "set a 1"))
	flipped[len(flipped)-7] ^= 1
	otherDB := batch(one, 1, 0, "set a 1")
	otherDB.Commands[0].DB = keyspace.Databases
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing at all":       {nil, "layout"},
		"a flipped bit":        {flipped, "checksum"},
		"an unknown command":   {encodeEntry(t, epochMS, 1, batch(one, 1, 0, "nosuch a")), "unknown command"},
		"a name too long":      {encodeEntry(t, epochMS, 1, batch(one, 1, 0, strings.Repeat("n", 100))), "100 bytes"},
		"a wrong arity":        {encodeEntry(t, epochMS, 1, batch(one, 1, 0, "get a b")), "wrong number of arguments"},
		"a local command":      {encodeEntry(t, epochMS, 1, batch(one, 1, 0, "ping")), "does not belong"},
		"a database too many":  {encodeEntry(t, epochMS, 1, otherDB), "database 16"},
		"a body of no meaning": {encodeEntry(t, epochMS, 1, partOf(one, 1, "no body")), "malformed"},
	} {
		l := newLog(t, 1)
		l.register(one)
		m := l.machines[0]
		_, err := m.Apply(l.index+1, c.data)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if _, again := m.Apply(l.index+2, encodeEntry(t, epochMS, 1)); again == nil || again.Error() != err.Error() {
			t.Errorf("%s: the next entry gives %v", name, again)
		}
		if again := m.Configure(l.index+3, nil); again == nil {
			t.Errorf("%s: a configuration was recorded", name)
		}
	}
}

func partOf(s entry.Session, number uint64, text string) entry.Batch {
	return entry.Batch{Session: s, Kind: entry.Part, Number: number, PartTotal: 1, PartBytes: []byte(text)}
}

func TestEntriesAtOrBelowTheIndexAreIgnored(t *testing.T) {
	l := newLog(t, 2)
	l.register(one)
	l.entry(batch(one, 1, 0, "incr a"))
	m := l.machines[0]
	for _, index := range []uint64{0, l.index - 1, l.index} {
		if out, err := m.Apply(index, encodeEntry(t, epochMS+99, 1, batch(one, 2, 0, "incr a"))); out != nil || err != nil {
			t.Errorf("entry %d: %s, %v", index, show(out), err)
		}
		if err := m.Configure(index, nil); err != nil || len(m.Servers()) != 3 {
			t.Errorf("configuration %d: %v", index, err)
		}
	}
	l.checkDigests()
}

func TestTheClockIsTheLargestStamp(t *testing.T) {
	l := newLog(t, 2)
	l.register(one)
	l.stampMS += 1000
	l.entry(batch(one, 1, 0, "set a 1 px 500"))
	clock := l.machines[0].ClockMS()
	l.stampMS -= 700 // a leader whose clock is behind
	if got := show(l.entry(batch(one, 2, 0, "pttl a"))); !strings.HasSuffix(got, "applied 500") || l.machines[0].ClockMS() != clock {
		t.Errorf("%s, clock %d after %d", got, l.machines[0].ClockMS(), clock)
	}
	due, ok := l.machines[0].NextDeadlineMS()
	if !ok || due != clock+500 {
		t.Errorf("the next deadline is %d, %v", due, ok)
	}
	if got, again := read(t, l.machines[0], clock+499, "pttl a"); got != "1" || again != 0 {
		t.Errorf("a millisecond before: %s, %d", got, again)
	}
	if _, again := read(t, l.machines[0], clock+500, "get a"); again != due {
		t.Errorf("a read past the deadline by the leader's stamp must wait for %d, not %d", due, again)
	}
	if got, _ := read(t, l.machines[0], clock-100, "pttl a"); got != "500" {
		t.Errorf("a stamp behind the machine's clock reads %s", got)
	}
	l.stampMS = clock + 499
	l.entry() // a tick at the deadline
	if got, again := read(t, l.machines[0], clock+500, "get a"); got != "nil" || again != 0 {
		t.Errorf("after the tick: %s, %d", got, again)
	}
	if _, ok := l.machines[0].NextDeadlineMS(); ok {
		t.Error("the object was not purged")
	}
}

func TestAnEntryPurgesABoundedNumberOfObjects(t *testing.T) {
	const objects = 2*fsm.PurgeMax + 1
	l := newLog(t, 2)
	l.register(one)
	l.index++
	for i := range objects {
		for _, m := range l.machines {
			m.Keys().Put(0, keyspace.Draft{Key: []byte(fmt.Sprint(i)), Str: []byte("v"), DeadlineMS: l.stampMS + 100})
		}
	}
	l.stampMS += 100
	for left := objects; left > 0; left -= min(left, fsm.PurgeMax) {
		if _, ok := l.machines[0].NextDeadlineMS(); !ok {
			t.Fatalf("nothing is due while %d objects are left", left)
		}
		l.entry()
		l.machines[1] = throughSnapshot(t, l.machines[1])
		if got, _ := read(t, l.machines[0], 0, "dbsize"); got != "0" {
			t.Fatalf("%s objects are seen past their deadline", got)
		}
	}
	if _, ok := l.machines[0].NextDeadlineMS(); ok {
		t.Error("something is still due")
	}
	l.checkDigests()
}

func TestStoredRepliesAreBoundedAndTheOldestGiveWay(t *testing.T) {
	l := newLog(t, 2)
	l.register(one)
	const size = fsm.StoredBytesMax / 4
	l.index++
	for _, m := range l.machines {
		m.Keys().Put(0, keyspace.Draft{Key: []byte("big"), Str: bytes.Repeat([]byte("x"), size), Encoding: keyspace.Raw})
	}
	for number := range uint64(4) {
		l.entry(batch(one, number+1, 0, "get big", "incr a"))
	}
	l.machines[1] = throughSnapshot(t, l.machines[1])
	want := map[uint64]fsm.Status{1: fsm.Forgotten, 2: fsm.Duplicate, 3: fsm.Duplicate, 4: fsm.Duplicate}
	for number, status := range want {
		if out := l.entry(batch(one, number, 0, "incr a")); out[0].Status != status {
			t.Errorf("sent again: %.200s", show(out))
		}
	}
	// Replies that are too large alone are not kept, and do not drive out others.
	l.entry(batch(one, 5, 2, "get big", "get big", "get big", "mget big big big", "incr a"))
	l.entry(batch(one, 6, 2, "incr a"))
	l.machines[1] = throughSnapshot(t, l.machines[1])
	for number, status := range map[uint64]fsm.Status{2: fsm.Dropped, 3: fsm.Duplicate, 5: fsm.Forgotten, 6: fsm.Duplicate} {
		if out := l.entry(batch(one, number, 0, "incr a")); out[0].Status != status {
			t.Errorf("sent again: %.200s", show(out))
		}
	}
	if got, _ := read(t, l.machines[0], 0, "get a"); got != `"6"` {
		t.Errorf("six increments were applied, the counter is %s", got)
	}
	l.checkDigests()
}

// The same long value a thousand times is one value in memory, and must stay one.
func TestRepliesThatShareAValueAreNotMultiplied(t *testing.T) {
	l := newLog(t, 1)
	l.register(one)
	l.index++
	l.machines[0].Keys().Put(0, keyspace.Draft{Key: []byte("big"), Str: make([]byte, 1<<20), Encoding: keyspace.Raw})
	line := "mget" + strings.Repeat(" big", 1000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out := l.entry(batch(one, 1, 0, line))
	runtime.ReadMemStats(&after)
	if len(out[0].Replies[0].Elems) != 1000 {
		t.Fatalf("%.100s", show(out))
	}
	allocated := after.TotalAlloc - before.TotalAlloc
	if allocated > 64<<20 {
		t.Errorf("an entry whose replies share one MiB a thousand times allocates %d MiB", allocated>>20)
	}
}

func TestAPanicIsAnErrorReplyThatIsTheSameEverywhere(t *testing.T) {
	var heard []string
	m := fsm.New()
	m.OnPanic(func(name string, cause any) { heard = append(heard, fmt.Sprint(name, ": ", cause)) })
	var answers []reply.Value
	for range 2 {
		answers = append(answers, m.Guard(func(c *command.Context) reply.Value {
			c.Keys.Put(0, keyspace.Draft{Key: []byte("half"), Str: []byte("done")})
			panic(fmt.Sprintf("at %p", c))
		}))
	}
	want := "-ERR internal error in 'test' (a bug in Kvorum, please report it)"
	for _, v := range answers {
		if showReply(v) != want {
			t.Errorf("answered %s", showReply(v))
		}
	}
	if len(heard) != 2 || !strings.HasPrefix(heard[0], "test: at 0x") {
		t.Errorf("heard of %q", heard)
	}
}

func TestReadRefusesWhatIsNotARead(t *testing.T) {
	l := newLog(t, 1)
	l.register(one)
	for _, line := range []string{"set a 1", "ping"} {
		if got, _ := read(t, l.machines[0], epochMS, line); !strings.HasPrefix(got, "-ERR") {
			t.Errorf("%s read %s", line, got)
		}
	}
}

// Every command of an entry draws other random numbers, and the order of keys
// differs between clusters.
func TestRandomnessComesFromTheSeed(t *testing.T) {
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("set k%d v", i))
	}
	draws := slicesOf(64, "randomkey")
	var all []string
	for seed := range uint64(2) {
		m := fsm.New()
		must(t, m.Configure(1, serversOf(one)))
		for i, b := range []entry.Batch{{Session: one, Kind: entry.Register}, batch(one, 1, 0, lines...)} {
			_, err := m.Apply(uint64(i+2), encodeEntry(t, epochMS, seed, b))
			must(t, err)
		}
		out, err := m.Apply(9, encodeEntry(t, epochMS, 7, batch(one, 2, 0, draws...), batch(one, 3, 0, draws...)))
		must(t, err)
		seen := map[string]bool{}
		for _, o := range out {
			for _, v := range o.Replies {
				seen[showReply(v)] = true
			}
		}
		if len(seen) < 50 {
			t.Errorf("128 draws of 100 keys gave only %d", len(seen))
		}
		keys, _ := read(t, m, 0, "keys *")
		all = append(all, keys)
	}
	if all[0] == all[1] {
		t.Error("two first seeds gave the same order of keys")
	}
}

func slicesOf(n int, line string) []string {
	var lines []string
	for range n {
		lines = append(lines, line)
	}
	return lines
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The digest tells apart everything that may be seen later.
func TestTheDigestSeesEveryPartOfTheState(t *testing.T) {
	base := func() *log {
		l := newLog(t, 1)
		l.register(one, two)
		l.entry(batch(one, 1, 0, "set a 1", "set b text", "set c 1 px 5000"), partOf2(two, 1))
		return l
	}
	want := base().machines[0].Digest()
	if base().machines[0].Digest() != want {
		t.Fatal("the same entries gave another digest")
	}
	put := func(change func(d *keyspace.Draft)) func(*log) {
		return func(l *log) {
			d := l.machines[0].Keys().Get(0, []byte("b")).Draft()
			change(&d)
			l.machines[0].Keys().Put(0, d)
		}
	}
	seen := map[[20]byte]string{want: "the base"}
	for name, change := range map[string]func(*log){
		"a tick":             func(l *log) { l.entry() },
		"a later tick":       func(l *log) { l.stampMS += 5; l.entry() },
		"a configuration":    func(l *log) { l.configure(serversOf(one, two)...) },
		"a registration":     func(l *log) { l.register(three) },
		"an empty batch":     func(l *log) { l.entry(batch(one, 2, 0)) },
		"an acknowledgement": func(l *log) { l.entry(batch(one, 2, 1)) },
		"a part":             func(l *log) { l.entry(partOf2(two, 2)) },
		"a setting":          func(l *log) { l.entry(batch(one, 2, 0, "raft set proto-max-bulk-len 2mb")) },
		"a value":            put(func(d *keyspace.Draft) { d.Str = []byte("tixt") }),
		"an encoding":        put(func(d *keyspace.Draft) { d.Encoding = keyspace.Raw }),
		"a deadline":         put(func(d *keyspace.Draft) { d.DeadlineMS = math.MaxInt64 }),
		"an access":          put(func(d *keyspace.Draft) { d.AccessMS-- }),
		"a key":              put(func(d *keyspace.Draft) { d.Key = []byte("B") }),
		"a database":         func(l *log) { l.machines[0].Keys().Swap(0, 1) },
		"a deletion":         func(l *log) { l.machines[0].Keys().Delete(0, []byte("c")) },
	} {
		l := base()
		change(l)
		digest := l.machines[0].Digest()
		if other, ok := seen[digest]; ok {
			t.Errorf("%s gives the digest of %s", name, other)
		}
		seen[digest] = name
		restored := throughSnapshot(t, l.machines[0])
		if restored.Digest() != digest {
			t.Errorf("%s is lost in a snapshot", name)
		}
	}
}

func partOf2(s entry.Session, number uint64) entry.Batch {
	return entry.Batch{Session: s, Kind: entry.Part, Number: number, PartTotal: 2, PartBytes: []byte("piece")}
}

func TestAValueOfManyPartsIsApplied(t *testing.T) {
	l := newLog(t, 2)
	l.register(one)
	value := strings.Repeat("0123456789abcdef", 5<<20/16)
	body := entry.AppendBody(nil, []entry.Command{commandOf("set big " + value), commandOf("strlen big")})
	total := (len(body) + entry.PartBytesMax - 1) / entry.PartBytesMax
	for i := range total {
		piece := body[i*entry.PartBytesMax : min(len(body), (i+1)*entry.PartBytesMax)]
		out := l.entry(entry.Batch{Session: one, Kind: entry.Part, Number: uint64(i + 1), Acked: uint64(i),
			PartIndex: i, PartTotal: total, PartBytes: piece})
		if i == total/2 {
			l.machines[1] = throughSnapshot(t, l.machines[1])
		}
		if i == total-1 && !strings.HasSuffix(show(out), "applied +OK 5242880") {
			t.Errorf("the last part: %s", show(out))
		}
	}
	l.checkDigests()
}

func TestTheMachineDescribesItself(t *testing.T) {
	l := newLog(t, 1)
	l.register(one)
	l.entry(batch(one, 1, 0, "set a 1", "set b 1 px 1000", "raft set proto-max-bulk-len 2mb"))
	m := l.machines[0]
	if got := m.Databases()[0]; got != (fsm.DatabaseInfo{Objects: 2, Deadlines: 1, MeanTTLMS: 1000}) {
		t.Errorf("database 0: %+v", got)
	}
	if m.Settings().BulkMax() != 2<<20 || m.Index() != l.index {
		t.Errorf("settings %v, index %d", m.Settings(), m.Index())
	}
	if servers := m.Servers(); len(servers) != 3 || servers[2] != serversOf(three)[0] {
		t.Errorf("servers %v", servers)
	}
}
