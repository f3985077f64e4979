package fsm_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/reply"
)

const epochMS = 1_700_000_000_000

var (
	one   = entry.Session{Server: "n1@aaaa", Boot: 1}
	two   = entry.Session{Server: "n2@bbbb", Boot: 1}
	three = entry.Session{Server: "n3@cccc", Boot: 1}
)

func serversOf(sessions ...entry.Session) []member.Server {
	var servers []member.Server
	for _, s := range sessions {
		servers = append(servers, member.Server{ID: s.Server, PeerAddr: member.ID(s.Server) + ":16379", Voter: true})
	}
	return servers
}

// log feeds machines with the same entries and makes sure that they stay equal.
type log struct {
	t        testing.TB
	machines []*fsm.Machine
	index    uint64
	stampMS  int64
}

func newLog(t testing.TB, machines int) *log {
	l := &log{t: t, index: 1, stampMS: epochMS}
	for range machines {
		l.machines = append(l.machines, fsm.New())
	}
	l.configure(serversOf(one, two, three)...)
	return l
}

func (l *log) configure(servers ...member.Server) {
	l.t.Helper()
	l.index++
	for _, m := range l.machines {
		if err := m.Configure(l.index, servers); err != nil {
			l.t.Fatal(err)
		}
	}
}

// entry applies batches as one entry, a millisecond after the last, to all machines.
func (l *log) entry(batches ...entry.Batch) []fsm.Outcome {
	l.t.Helper()
	l.index++
	l.stampMS++
	return l.apply(encodeEntry(l.t, l.stampMS, l.index*0x9e3779b97f4a7c15, batches...))
}

// raise applies an entry that raises the machines to a version.
func (l *log) raise(to uint8) {
	l.t.Helper()
	l.index++
	l.stampMS++
	data, err := entry.AppendEntry(nil, entry.Head{StampMS: l.stampMS, Seed: 1, Raise: to}, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	l.apply(data)
	for _, m := range l.machines {
		if m.Version() < to {
			l.t.Fatalf("the machine is at version %d after it was raised to %d", m.Version(), to)
		}
	}
}

func (l *log) apply(data []byte) []fsm.Outcome {
	l.t.Helper()
	var first []fsm.Outcome
	for i, m := range l.machines {
		outcomes, err := m.Apply(l.index, bytes.Clone(data))
		if err != nil {
			l.t.Fatal(err)
		}
		if i == 0 {
			first = outcomes
		} else if got, want := show(outcomes), show(first); got != want {
			l.t.Fatalf("entry %d: machine %d answered\n%s, the first\n%s", l.index, i, got, want)
		}
	}
	for i, m := range l.machines[1:] {
		if m.Hash() != l.machines[0].Hash() {
			l.t.Fatalf("entry %d: the hash of machine %d is not the first's", l.index, i+1)
		}
	}
	return first
}

func (l *log) register(sessions ...entry.Session) {
	l.t.Helper()
	for _, s := range sessions {
		out := l.entry(entry.Batch{Session: s, Kind: entry.Register, ClientAddr: member.ID(s.Server) + ":6379"})
		if out[0].Status != fsm.Registered {
			l.t.Fatalf("registering %v: %s", s, show(out))
		}
	}
}

func (l *log) checkDigests() {
	l.t.Helper()
	want := l.machines[0].Digest()
	for i, m := range l.machines[1:] {
		if got := m.Digest(); got != want {
			l.t.Fatalf("at %d the digest of machine %d is %x, the first's %x", l.index, i+1, got, want)
		}
	}
}

func encodeEntry(t testing.TB, stampMS int64, seed uint64, batches ...entry.Batch) []byte {
	t.Helper()
	var encoded [][]byte
	for i := range batches {
		data, err := entry.AppendBatch(nil, &batches[i])
		if err != nil {
			t.Fatal(err)
		}
		encoded = append(encoded, data)
	}
	data, err := entry.AppendEntry(nil, entry.Head{StampMS: stampMS, Seed: seed}, encoded)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// batch makes a Commands batch of lines of words.
func batch(s entry.Session, number, acked uint64, lines ...string) entry.Batch {
	b := entry.Batch{Session: s, Kind: entry.Commands, Number: number, Acked: acked}
	for _, line := range lines {
		b.Commands = append(b.Commands, commandOf(line))
	}
	return b
}

func commandOf(line string) entry.Command {
	var c entry.Command
	for _, word := range strings.Fields(line) {
		c.Args = append(c.Args, []byte(word))
	}
	return c
}

// show renders outcomes for people.
func show(outcomes []fsm.Outcome) string {
	var lines []string
	for _, o := range outcomes {
		line := fmt.Sprintf("%s/%d#%d %s", member.ID(o.Server), o.Boot, o.Number, statusNames[o.Status])
		if o.Status == fsm.Gap {
			line += fmt.Sprintf(" next %d", o.Next)
		}
		for _, v := range o.Replies {
			line += " " + showReply(v)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

var statusNames = map[fsm.Status]string{
	fsm.Applied: "applied", fsm.Registered: "registered", fsm.Partial: "partial", fsm.Duplicate: "duplicate",
	fsm.Forgotten: "forgotten", fsm.Dropped: "dropped", fsm.Gap: "gap", fsm.Unknown: "unknown", fsm.Stranger: "stranger",
}

func showReply(v reply.Value) string {
	switch v.Kind {
	case reply.Simple:
		return "+" + string(v.Bytes)
	case reply.Error:
		return "-" + string(v.Bytes)
	case reply.Integer:
		return fmt.Sprint(v.Int())
	case reply.Bulk:
		return fmt.Sprintf("%.40q", v.Bytes)
	case reply.Null, reply.NullArray:
		return "nil"
	}
	return fmt.Sprintf("%x", reply.AppendStored(nil, v))
}

// read runs one command as a confirmed read.
func read(t testing.TB, m *fsm.Machine, nowMS int64, line string) (string, int64) {
	t.Helper()
	call := &command.Call{Args: commandOf(line).Args}
	row, refusal := command.Lookup(call.Args)
	if row == nil {
		t.Fatalf("%s: %s", line, refusal.Bytes)
	}
	call.Command = row
	due := m.Read(call, nowMS, 1)
	return showReply(call.Reply), due
}

func BenchmarkApply50Sets(b *testing.B) {
	l := newLog(b, 1)
	l.register(one)
	const entries = 2000
	var logged [][]byte
	for i := range entries {
		batch := entry.Batch{Session: one, Kind: entry.Commands, Number: uint64(i + 1), Acked: uint64(i)}
		for j := range 50 {
			batch.Commands = append(batch.Commands, entry.Command{Args: [][]byte{
				[]byte("set"), fmt.Appendf(nil, "key:%012d", (i*50+j)*7919%100_000), bytes.Repeat([]byte("v"), 64)}})
		}
		logged = append(logged, encodeEntry(b, epochMS+int64(i), uint64(i), batch))
	}
	b.ReportAllocs()
	at := 0
	for b.Loop() {
		if at == entries {
			b.StopTimer()
			fresh := newLog(b, 1)
			fresh.register(one)
			l, at = fresh, 0
			b.StartTimer()
		}
		l.index++
		if _, err := l.machines[0].Apply(l.index, logged[at]); err != nil {
			b.Fatal(err)
		}
		at++
	}
}
