package fsm_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
)

func TestARaiseIsTakenOnceAndNeverBack(t *testing.T) {
	l := newLog(t, 2)
	l.register(one)
	l.entry(partOf2(one, 1))
	for _, to := range []uint8{2, 2} {
		l.raise(to)
		l.machines[1] = throughSnapshot(t, l.machines[1])
		l.checkDigests()
	}
	for _, m := range l.machines {
		if m.Version() != 2 {
			t.Errorf("the machine is at version %d", m.Version())
		}
	}
}

// While the old version is active, the release before must find what it knows.
func TestAnEarlierReleaseReadsASnapshotUntilTheRaise(t *testing.T) {
	l := newLog(t, 1)
	l.machines = append(l.machines, fsm.NewLimited(1))
	for _, m := range l.machines[1:] {
		must(t, m.Configure(l.index, serversOf(one, two, three)))
	}
	l.register(one, two)
	l.entry(batch(one, 1, 0, "set a 1", "set b 2 px 100"), partOf2(two, 1))
	newer, older := snapshotOf(t, l.machines[0]), snapshotOf(t, l.machines[1])
	if !bytes.Equal(newer, older) {
		t.Error("the two programs write different snapshots of one state")
	}
	restored, err := fsm.RestoreLimited(bytes.NewReader(newer), 1)
	if err != nil || restored.Digest() != l.machines[0].Digest() {
		t.Errorf("the earlier release does not read it: %v", err)
	}
}

func TestAnEarlierReleaseSaysWhatItDoesNotKnow(t *testing.T) {
	l := newLog(t, 1)
	l.register(one)
	raise, err := entry.AppendEntry(nil, entry.Head{StampMS: epochMS, Raise: fsm.NewestVersion + 1}, nil)
	must(t, err)
	var newer *fsm.NewerError
	if _, err := l.machines[0].Apply(l.index+1, raise); !errors.As(err, &newer) || newer.Version != fsm.NewestVersion+1 {
		t.Errorf("the raise gives %v", err)
	}
	l = newLog(t, 1)
	l.raise(2)
	if _, err := fsm.RestoreLimited(bytes.NewReader(snapshotOf(t, l.machines[0])), 1); !errors.As(err, &newer) || newer.Version != 2 {
		t.Errorf("the snapshot gives %v", err)
	}
}

func TestALaterLayoutIsABrokenInvariantBeforeTheRaise(t *testing.T) {
	for _, b := range []entry.Batch{
		{Session: one, Kind: entry.Part, Number: 1, First: 1, PartTotal: 2, PartBytes: []byte("piece")},
		{Session: one, Kind: entry.Abandon, Number: 2, First: 1},
	} {
		l := newLog(t, 1)
		l.register(one)
		if _, err := l.machines[0].Apply(l.index+1, encodeEntry(t, epochMS, 1, b)); err == nil || !strings.Contains(err.Error(), "machine version 2") {
			t.Errorf("%v: %v", b.Kind, err)
		}
	}
}

// newRow makes a row one that version 2 begins with, for one test that is not parallel.
func newRow(t *testing.T, name string) *command.Command {
	t.Helper()
	row, refusal := command.Lookup([][]byte{[]byte(name), []byte("a")})
	if row == nil {
		t.Fatal(string(refusal.Bytes))
	}
	row.Version = 2
	t.Cleanup(func() { row.Version = 0 })
	return row
}

func TestANewRowIsRefusedByNameUntilTheRaise(t *testing.T) {
	read, write := newRow(t, "get"), newRow(t, "incr")
	l := newLog(t, 2)
	l.register(one)
	if got, _ := read1(l, read); !strings.Contains(got, "'get' needs machine version 2, and this cluster is at version 1") {
		t.Errorf("a read before the raise: %s", got)
	}
	if got := string(command.NotYetActive(write, 1).Bytes); !strings.HasPrefix(got, "ERR 'incr' needs") {
		t.Error(got)
	}
	m := fsm.New()
	must(t, m.Configure(1, serversOf(one)))
	_, err := m.Apply(2, encodeEntry(t, epochMS, 1, entry.Batch{Session: one, Kind: entry.Register}))
	must(t, err)
	if _, err := m.Apply(3, encodeEntry(t, epochMS, 1, batch(one, 1, 0, "incr a"))); err == nil {
		t.Error("a write that is in the log before the raise does not stop the machine")
	}
	l.raise(2)
	if got := show(l.entry(batch(one, 1, 0, "incr a"))); got != "n1/1#1 applied 1" {
		t.Error(got)
	}
	if got, _ := read1(l, read); got != `"1"` {
		t.Errorf("a read after the raise: %s", got)
	}
}

func read1(l *log, row *command.Command) (string, int64) {
	return read(l.t, l.machines[0], l.stampMS, row.Name+" a")
}
