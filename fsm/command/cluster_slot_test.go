package command_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/internal/corpus"
	"github.com/kvorum/kvorum/internal/oracle"
)

func TestSlotsAreThoseOfTheSpecification(t *testing.T) {
	for key, want := range map[string]int{
		"123456789": 0x31c3, "": 0, "foo": 12182, "{user1000}.following": command.KeySlot([]byte("user1000")),
		"foo{}{bar}": command.KeySlot([]byte("foo{}{bar}")), "foo{{bar}}zap": command.KeySlot([]byte("{bar")), "foo{bar}{zap}": command.KeySlot([]byte("bar")),
	} {
		if got := command.KeySlot([]byte(key)); got != want {
			t.Errorf("%q: slot %d, want %d", key, got, want)
		}
	}
	if command.KeySlot([]byte("foo{}{bar}")) == command.KeySlot([]byte("bar")) {
		t.Error("an empty tag was taken for one")
	}
}

func TestKeysOfASlotAreRediss(t *testing.T) {
	redis := dialRedis(t, oracle.Start(t, oracle.Options{Port: true, Flags: []string{"--cluster-enabled", "yes"}}).Socket)
	mustDo(t, redis, "cluster", "addslotsrange", "0", "16383")
	for deadline := time.Now().Add(20 * time.Second); mustDo(t, redis, "set", "a", "1").IsError(); {
		if time.Now().After(deadline) {
			t.Fatal("the real server does not serve")
		}
	}
	machine := newBareMachine()
	for i := range 40 {
		key := fmt.Sprintf("{%c}%d", 'a'+i%4, i)
		mustDo(t, redis, "set", key, "x")
		mustDo(t, machine, "set", key, "x")
	}
	mustDo(t, machine, "set", "a", "1")
	for _, line := range []string{
		"cluster countkeysinslot 15495", "cluster countkeysinslot 0", "cluster countkeysinslot x", "cluster countkeysinslot -1",
		"cluster countkeysinslot 16384", "cluster countkeysinslot", "cluster getkeysinslot 15495 100", "cluster getkeysinslot 15495 0",
		"cluster getkeysinslot 0 3", "cluster getkeysinslot x 1", "cluster getkeysinslot 0 x", "cluster getkeysinslot 16384 1",
		"cluster getkeysinslot 0 -1", "cluster getkeysinslot 0",
	} {
		theirs, mine := mustDo(t, redis, strings.Fields(line)...), mustDo(t, machine, strings.Fields(line)...)
		sortElems(theirs)
		sortElems(mine)
		if corpus.Print(mine) != corpus.Print(theirs) {
			t.Errorf("%s:\nours   %s\ntheirs %s", line, corpus.Print(mine), corpus.Print(theirs))
		}
	}
	if some := mustDo(t, machine, "cluster", "getkeysinslot", "15495", "3").Elems; len(some) != 3 {
		t.Errorf("asked for three keys, got %v", some)
	}
}

// sortElems orders keys, which Redis lists in the order of their arrival.
func sortElems(v reply.Value) {
	slices.SortFunc(v.Elems, func(a, b reply.Value) int { return bytes.Compare(a.Bytes, b.Bytes) })
}
