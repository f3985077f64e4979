package fsm_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/entry"
)

// ask is an empty entry that asks for a digest.
func (l *log) ask(digest entry.Digest) {
	l.t.Helper()
	l.index++
	data, err := entry.AppendEntry(nil, entry.Head{StampMS: l.stampMS, Seed: l.index, Digest: digest}, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	l.apply(data)
}

func TestOnlyTheLastEntryIsWhatAsked(t *testing.T) {
	l := newLog(t, 1)
	l.register(one)
	m := l.machines[0]
	for _, digest := range []entry.Digest{entry.HashDigest, entry.WholeDigest, entry.NoDigest} {
		l.ask(digest)
		if m.Asked() != digest {
			t.Errorf("entry %d asked for %d, the machine says %d", l.index, digest, m.Asked())
		}
	}
	l.ask(entry.HashDigest)
	l.entry(batch(one, 1, 0, "set a 1"))
	if m.Asked() != entry.NoDigest {
		t.Error("an entry that asks for nothing is taken for the one before it")
	}
	l.ask(entry.HashDigest)
	l.configure(serversOf(one, two)...)
	if m.Asked() != entry.NoDigest {
		t.Error("a configuration is taken for the entry before it")
	}
	l.ask(entry.HashDigest)
	again, err := fsm.Restore(bytes.NewReader(snapshotOf(t, m)))
	if err != nil {
		t.Fatal(err)
	}
	if again.Asked() != entry.NoDigest || again.Hash() != m.Hash() || again.Digest() != m.Digest() {
		t.Error("a restored machine is asked again, or has another hash")
	}
}

// A byte that changes in memory shows in the digest at once, and in the running
// hash, which then never agrees again, as soon as a reply depends on it.
func TestAFlippedByteShowsInDigestAndHash(t *testing.T) {
	l := newLog(t, 2)
	l.register(one)
	l.entry(batch(one, 1, 0, "set a text", "set b text"))
	sound, flipped := l.machines[0], l.machines[1]
	flipped.Keys().Get(0, []byte("a")).Str()[0] ^= 1
	l.ask(entry.WholeDigest)
	if sound.Hash() != flipped.Hash() {
		t.Error("the running hash knows what no entry has touched")
	}
	if sound.Capture().Digest() == flipped.Capture().Digest() {
		t.Error("the digests are equal")
	}
	for i, line := range []string{"set a new get", "set a text", "set b new"} {
		l.index++
		data := encodeEntry(t, l.stampMS, l.index, batch(one, uint64(2+i), 0, line))
		for _, m := range l.machines {
			if _, err := m.Apply(l.index, append([]byte(nil), data...)); err != nil {
				t.Fatal(err)
			}
		}
		if sound.Hash() == flipped.Hash() {
			t.Errorf("the hashes are equal after %q", line)
		}
	}
}

func TestADigestCanBeGivenUp(t *testing.T) {
	l := newLog(t, 1)
	l.register(one)
	for i := range 10 {
		var lines []string
		for j := range 1000 {
			lines = append(lines, fmt.Sprintf("set %d:%d v", i, j))
		}
		l.entry(batch(one, uint64(i+1), 0, lines...))
	}
	capture, asked := l.machines[0].Capture(), 0
	digest, done := capture.DigestWhile(func() bool { asked++; return true })
	if !done || asked != 2 || digest != capture.Digest() {
		t.Errorf("it was asked %d times, done %v", asked, done)
	}
	asked = 0
	if _, done := capture.DigestWhile(func() bool { asked++; return false }); done || asked != 1 {
		t.Errorf("given up, it was asked %d times, done %v", asked, done)
	}
}
