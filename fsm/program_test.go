package fsm_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/reply"
)

var (
	programSeeds   = flag.Int("fsm.seeds", 12, "how many random programs to run")
	programEntries = flag.Int("fsm.entries", 400, "how many entries a random program has")
)

// templates are commands in which capital letters stand for something random:
// K a key, V a value, N a number, T a time to live in ms, A an absolute deadline
// in ms, S one in seconds, D a database, P a pattern, X a payload of DUMP.
var templates = strings.Split(strings.TrimSpace(`
set K V
set K V px T
set K V ex N get
set K V nx
set K V xx keepttl
set K V pxat A
set K V exat S
set K N
append K V
setrange K N V
getrange K N N
substr K N N
strlen K
get K
getdel K
getex K px T
getex K persist
getset K V
incr K
incrby K N
decr K
decrby K N
incrbyfloat K N
mset K V K V K V
msetnx K V K V
mget K K K
setnx K V
setex K N V
psetex K T V
lcs K K
lcs K K idx withmatchlen
copy K K
copy K K replace
copy K K db D
copy K K db D replace
del K K
unlink K
exists K K K
expire K N
expire K N gt
pexpire K T
pexpire K T nx
pexpireat K A
expireat K S
expiretime K
pexpiretime K
ttl K
pttl K
persist K
keys P
scan N count N
scan 0 match P count N type string
randomkey
rename K K
renamenx K K
move K D
touch K K
type K
object encoding K
object idletime K
object refcount K
dump K
restore K 0 X
restore K T X replace
restore K A X absttl replace idletime N
dbsize
swapdb D D
flushdb
memory usage K
debug digest
debug digest-value K K
raft set proto-max-bulk-len 1mb
raft set proto-max-bulk-len 2mb
time
`), "\n")

// program makes random batches.
type program struct {
	random  *rand.Rand
	names   [][]string // every command that the table runs
	payload []byte     // of the last DUMP seen
	clockMS int64
	version uint8           // of the machines
	parted  []partedCommand // under way
}

func newProgram(t testing.TB, seed uint64) *program {
	p := &program{random: rand.New(rand.NewPCG(seed, 1)), payload: []byte("no payload"), clockMS: epochMS}
	list := command.CommandCommand([][]byte{[]byte("command"), []byte("list")})
	for _, v := range list.Elems {
		p.names = append(p.names, strings.Split(string(v.Bytes), "|"))
	}
	slices.SortFunc(p.names, slices.Compare)
	if len(p.names) < 50 {
		t.Fatalf("the table lists %d commands", len(p.names))
	}
	return p
}

func (p *program) pick(words ...string) string { return words[p.random.IntN(len(words))] }

func (p *program) key() string { return fmt.Sprintf("k%d", p.random.IntN(12)) }

func (p *program) number() string {
	if p.random.IntN(8) == 0 {
		return p.pick("-1", "0", "9223372036854775807", "-9223372036854775808", "1.5", "x", "007", "3.0e3")
	}
	return fmt.Sprint(p.random.IntN(40))
}

func (p *program) value() string {
	switch p.random.IntN(6) {
	case 0:
		return p.number()
	case 1:
		return strings.Repeat(p.pick("a", "ab", "\x00\xff"), p.random.IntN(80))
	case 2:
		return strings.Repeat("long ", p.random.IntN(3000))
	}
	return fmt.Sprintf("value %d\r\n", p.random.IntN(1000))
}

func (p *program) word(w string) string {
	switch w {
	case "K":
		return p.key()
	case "V":
		return p.value()
	case "N":
		return p.number()
	case "T":
		return fmt.Sprint(1 + p.random.IntN(60))
	case "A":
		return fmt.Sprint(p.clockMS - 5 + int64(p.random.IntN(60)))
	case "S":
		return fmt.Sprint(p.clockMS/1000 + int64(p.random.IntN(2)))
	case "D":
		return fmt.Sprint(p.random.IntN(4))
	case "P":
		return p.pick("*", "k?", "k[0-5]", "*1*")
	case "X":
		return string(p.payload)
	}
	return w
}

// command makes a command that the log or a read may hold.
func (p *program) command() (entry.Command, *command.Command) {
	for {
		var words []string
		if p.random.IntN(5) > 0 {
			words = strings.Fields(p.pick(templates...))
		} else {
			words = slices.Clone(p.names[p.random.IntN(len(p.names))])
			for range p.random.IntN(6) {
				words = append(words, p.pick("K", "K", "V", "N", "T", "D", "ex", "px", "nx", "xx", "get", "replace", "count", "match", "db"))
			}
		}
		c := entry.Command{DB: p.random.IntN(3)}
		for _, w := range words {
			c.Args = append(c.Args, []byte(p.word(w)))
		}
		if row, _ := command.Lookup(c.Args); row != nil && row.Route() != command.Local {
			return c, row
		}
	}
}

func (p *program) commands(n int) []entry.Command {
	var all []entry.Command
	for range n {
		c, row := p.command()
		if row.Name == "flushall" && p.random.IntN(4) > 0 {
			continue
		}
		all = append(all, c)
	}
	return all
}

// noticed remembers a payload of DUMP for RESTORE.
func (p *program) noticed(commands []entry.Command, replies []reply.Value) {
	for i := range replies {
		if string(commands[i].Args[0]) == "dump" && replies[i].Kind == reply.Bulk {
			p.payload = replies[i].Bytes
		}
	}
}

// TestATwinRestoredAllTheTimeStaysEqual runs random programs on three
// machines: one that lives through all of it, one that is captured, written and
// restored every 50 entries, and one at every 7. Programs run at the first
// version, at the newest, and across the raise.
func TestATwinRestoredAllTheTimeStaysEqual(t *testing.T) {
	for seed := range *programSeeds {
		raiseAt := []int{-1, 0, *programEntries / 2}[seed%3]
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			runTwins(t, uint64(seed), raiseAt)
		})
	}
}

func runTwins(t *testing.T, seed uint64, raiseAt int) {
	p := newProgram(t, seed)
	l := newLog(t, 3)
	l.machines[0].OnPanic(func(name string, cause any) { t.Errorf("%s panicked: %v", name, cause) })
	sessions := []entry.Session{one, two, three}
	l.register(sessions...)
	numbers := make([]uint64, len(sessions))
	for n := range *programEntries {
		if n == raiseAt {
			l.raise(fsm.NewestVersion)
			p.version = fsm.NewestVersion
		}
		p.clockMS = l.stampMS
		if p.random.IntN(60) == 0 {
			l.stampMS += 61_000 // what waits for its parts is given up
		}
		l.stampMS += int64(p.random.IntN(8)) // deadlines pass
		var batches []entry.Batch
		for range p.random.IntN(4) {
			who := p.random.IntN(len(sessions))
			batches = append(batches, p.batch(sessions[who], &numbers[who]))
		}
		if p.random.IntN(40) == 0 {
			who := p.random.IntN(len(sessions))
			sessions[who].Boot++
			numbers[who] = 0
			batches = append(batches, entry.Batch{Session: sessions[who], Kind: entry.Register, ClientAddr: "again"})
		}
		for i, out := range l.entry(batches...) {
			if out.Status == fsm.Applied && batches[i].Kind == entry.Commands {
				p.noticed(batches[i].Commands, out.Replies)
			}
		}
		compareReads(t, p, l)
		if n%50 == 49 {
			l.machines[1] = throughSnapshot(t, l.machines[1])
		}
		if n%7 == 6 {
			l.machines[2] = throughSnapshot(t, l.machines[2])
			l.checkDigests()
		}
	}
	l.checkDigests()
}

// batch makes a session's next batch, or sometimes one of those that must not be run.
func (p *program) batch(s entry.Session, number *uint64) entry.Batch {
	b := entry.Batch{Session: s, Kind: entry.Commands}
	switch p.random.IntN(12) {
	case 0: // sent again
		b.Number = 1 + uint64(p.random.IntN(int(*number)+1))
		if b.Number <= *number {
			b.Commands = p.commands(1)
			return b
		}
	case 1: // a gap
		b.Number = *number + 2
		return b
	case 2: // another boot
		b.Boot, b.Number = s.Boot+1, *number+1
		return b
	case 4:
		if p.version >= 2 {
			*number++
			b.Number = *number
			p.part(&b)
			return b
		}
	case 3: // a part, seldom of something whole
		body := entry.AppendBody(nil, p.commands(1))
		*number++
		half := len(body) / 2
		b.Kind, b.Number, b.PartTotal, b.PartIndex = entry.Part, *number, 2, p.random.IntN(2)
		b.PartBytes = [][]byte{body[:half], body[half:]}[b.PartIndex]
		if b.PartIndex == 1 {
			b.PartIndex, b.PartTotal = 0, 3 // never complete: halves of different bodies would not decode
		}
		return b
	}
	*number++
	b.Number = *number
	b.Acked = uint64(max(0, int(*number)-1-p.random.IntN(6)))
	b.Commands = p.commands(p.random.IntN(6))
	return b
}

// part makes a batch the next part of one of several commands, or gives one up.
func (p *program) part(b *entry.Batch) {
	b.Kind = entry.Part
	if len(p.parted) > 0 && p.random.IntN(3) > 0 {
		i := p.random.IntN(len(p.parted))
		c := &p.parted[i]
		b.First = c.first
		if b.First >= b.Number || p.random.IntN(8) == 0 { // of an earlier boot, or given up
			b.Kind, b.First = entry.Abandon, min(c.first, b.Number-1)
			if b.First == 0 {
				b.Kind = entry.Commands
			}
		} else {
			c.next++
			b.PartIndex, b.PartTotal, b.PartBytes = c.next, len(c.pieces), c.pieces[c.next]
			if uint64(c.next) > b.Number-b.First {
				b.Kind, b.First, b.PartBytes = entry.Commands, 0, nil
			}
		}
		if b.Kind != entry.Part || c.next == len(c.pieces)-1 {
			p.parted = slices.Delete(p.parted, i, i+1)
		}
		return
	}
	body := entry.AppendBody(nil, p.commands(1))
	half := (len(body) + 1) / 2
	pieces := [][]byte{body[:half], nil, body[half:]}
	p.parted = append(p.parted, partedCommand{first: b.Number, pieces: pieces})
	b.First, b.PartTotal, b.PartBytes = b.Number, len(pieces), pieces[0]
}

// partedCommand is a command that a program sends in parts.
type partedCommand struct {
	first  uint64
	next   int // the part that was sent last
	pieces [][]byte
}

// compareReads runs a few confirmed reads on every machine.
func compareReads(t *testing.T, p *program, l *log) {
	for range 3 {
		c, row := p.command()
		if row.Route() != command.Gate {
			continue
		}
		nowMS, seed := l.stampMS+int64(p.random.IntN(20)), p.random.Uint64()
		var first []byte
		var firstDue int64
		for i, m := range l.machines {
			call := &command.Call{Command: row, DB: c.DB, Args: c.Args}
			due := m.Read(call, nowMS, seed)
			stored := reply.AppendStored(nil, call.Reply)
			if i == 0 {
				first, firstDue = stored, due
			} else if due != firstDue || !bytes.Equal(stored, first) {
				t.Fatalf("%q at %d: machine %d reads %q (due %d), the first %q (due %d)", c.Args, l.index, i, stored, due, first, firstDue)
			}
		}
	}
}

func throughSnapshot(t testing.TB, m *fsm.Machine) *fsm.Machine {
	t.Helper()
	data := snapshotOf(t, m)
	restored, err := fsm.Restore(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if restored.Digest() != m.Digest() || restored.Index() != m.Index() || restored.Hash() != m.Hash() {
		t.Fatalf("the machine restored at %d is not the one captured", m.Index())
	}
	return restored
}

func snapshotOf(t testing.TB, m *fsm.Machine) []byte {
	t.Helper()
	var file bytes.Buffer
	c := m.Capture()
	n, err := c.WriteTo(&file)
	if err != nil || n != int64(file.Len()) {
		t.Fatalf("wrote %d of %d bytes: %v", n, file.Len(), err)
	}
	index, err := fsm.Verify(bytes.NewReader(file.Bytes()))
	if err != nil || index != m.Index() || c.Index() != index {
		t.Fatalf("verified index %d of %d: %v", index, m.Index(), err)
	}
	return file.Bytes()
}
