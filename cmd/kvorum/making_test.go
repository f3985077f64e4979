package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/node/seal"
	"github.com/kvorum/kvorum/node/store"
	"github.com/kvorum/kvorum/scripts/damage/tracer"
)

var everyKill = flag.Bool("every-kill", false, "kill what makes a directory at each of its changes, and not at some")

// survivor is a directory of n1, which holds keys and was alone in its cluster.
func survivor(t *testing.T, kind store.LogStore, keys int) (data string, port int) {
	t.Helper()
	port = freePorts(t, 1)
	data = initialised(t, "n1", port, "--log-store="+string(kind))
	n1 := startServe(t, "n1", port, data)
	n1.awaitReady(port)
	conn := client(n1.addr)
	defer conn.Close()
	for i := range keys {
		if err := conn.Set(t.Context(), fmt.Sprint("key", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	n1.stop()
	return data, port
}

// A kill at any change of what init or recover make leaves nothing that is served, or
// all of it; and the same command, asked again, makes it.
func TestWhatMakesADirectoryMayBeKilledAtAnyChange(t *testing.T) {
	t.Parallel()
	if !tracer.Supported {
		t.Skip("only Linux on amd64 can trace")
	}
	kind := store.Bolt // of which there are fewer
	if *everyKill {
		kind = store.WAL
	}
	old, port := survivor(t, kind, 10)
	init := []string{"init", "--id=n1", "--peer-advertise=" + loopback(port+peerPortOffset)}
	recovery := append([]string{"recover", "--from=" + old, "--accept-loss"}, init[1:]...)
	t.Run("init", func(t *testing.T) { killed{t, init, port}.everywhere() })
	t.Run("recover", func(t *testing.T) { killed{t, recovery, port}.everywhere() })
}

// killed is a command that makes a directory, and is killed.
type killed struct {
	*testing.T
	command []string
	port    int
}

func (k killed) everywhere() {
	all := k.at(0, tracer.Kill)
	if all < 5 {
		k.Fatalf("it makes %d changes only", all)
	}
	step := 1
	if !*everyKill {
		step = max(1, all/5)
	}
	for at := 1; at <= all; at += step {
		if at+step > all-3 { // the last matter most
			step = 1
		}
		k.at(at, tracer.Kill)
		if *everyKill {
			k.at(at, tracer.Tear)
		}
	}
}

// at kills it at one change, wants what is left to be refused or whole, and has it made
// again; it returns how many changes there were.
func (k killed) at(change int, deed tracer.Deed) int {
	k.Helper()
	data := filepath.Join(k.TempDir(), "data")
	order := tracer.Order{Dir: data, At: change, Deed: deed, Armed: true, Repeats: 2, Report: filepath.Join(k.TempDir(), "report")}
	command := append(k.command[:len(k.command):len(k.command)], "--data="+data)
	cmd, err := tracer.Command(order, kvorumBinary(k.T), command...)
	if err != nil {
		k.Fatal(err)
	}
	text, _ := cmd.CombinedOutput()
	changes, done, err := tracer.Changes(order.Report)
	if err != nil || done != (change > 0) {
		k.Fatalf("killed: %v, after %q, %v: %s", done, changes, err, text)
	}
	where := fmt.Sprintf("%s at change %d", deed, change)
	if done {
		where += ", " + changes[len(changes)-1]
	}
	whole := k.wholeOrRefused(data, where)
	if change == 0 && !whole {
		k.Errorf("it has made nothing: %s", text)
	}
	if _, err := runWith(k.T, command...); err == nil == whole {
		k.Errorf("%s: whole: %v; asked again: %v", where, whole, err)
	}
	if !k.wholeOrRefused(data, where+", and again") {
		k.Errorf("%s: it is not made by asking again", where)
	}
	return len(changes)
}

// wholeOrRefused reports whether a directory is whole. Else it must be refused, however
// it is served, and by what finds no other node.
func (k killed) wholeOrRefused(data, where string) bool {
	k.Helper()
	dir, err := store.Open(store.Options{Path: data, ID: "n1", NoMint: true, Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		defer dir.Close()
		if own := dir.Identity(); own.Cluster == "" {
			k.Errorf("%s: it is a server of no cluster: %+v", where, own)
		}
		return true
	}
	_, err = runWith(k.T, "serve", "--id=n1", "--data="+data, "--listen="+loopback(k.port))
	if err == nil || !strings.Contains(err.Error(), "kvorum init --id n1") && !strings.Contains(err.Error(), "kvorum "+k.command[0]+" was cut short") {
		k.Errorf("%s: served: %v", where, err)
	}
	return false
}

// A recovery that is killed in the middle of its work, and then served as the page says,
// is no empty cluster.
func TestARecoveryThatIsCutShortIsNotServed(t *testing.T) {
	t.Parallel()
	old, port := survivor(t, store.WAL, 1)
	data := t.TempDir() // as a mount: it is there, and not quite empty
	if err := os.Mkdir(filepath.Join(data, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	o := storesOf(data, "n1")
	o.MadeBy = "kvorum recover"
	begun, err := store.Begin(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := begun.Stores(); err != nil {
		t.Fatal(err)
	}
	if err := begun.Close(); err != nil {
		t.Fatal(err)
	}
	startServe(t, "n1", port, data).ends("is unfinished", "kvorum recover", "run that again")
	// To make a new cluster there would serve the half of a recovery as an empty one.
	if _, err := runWith(t, "init", "--id", "n1", "--data", data, "--peer-advertise", "a:1"); err == nil || !strings.Contains(err.Error(), "kvorum recover was cut short") {
		t.Errorf("init in an unfinished recovery: %v", err)
	}
	mustDo(t, "recover", "--id", "n1", "--from", old, "--data", data, "--peer-advertise", loopback(port+peerPortOffset), "--accept-loss")
	n1 := startServe(t, "n1", port, data)
	conn := client(n1.addr)
	defer conn.Close()
	eventually(t, 20*time.Second, func() error {
		got, err := conn.Get(t.Context(), "key0").Result()
		if err == nil && got != "0" {
			err = fmt.Errorf("key0 is %q", got)
		}
		return err
	})
}

// One malformed entry stops every node; recover names it, and stops before it if asked to.
func TestARecoveryStopsBeforeAnEntryThatCannotBeApplied(t *testing.T) {
	t.Parallel()
	old, port := survivor(t, store.WAL, 10)
	bad := spoilLog(t, old, "\x01\xff")
	first, last := strconv.FormatUint(bad, 10), strconv.FormatUint(bad+2, 10)
	give := func(more ...string) (out, data string, err error) {
		data = filepath.Join(t.TempDir(), "recovered")
		out, err = runWith(t, append([]string{"recover", "--id", "n1", "--from", old, "--data", data, "--peer-advertise", loopback(port + peerPortOffset), "--accept-loss"}, more...)...)
		return out, data, err
	}
	for _, c := range []struct{ before, says string }{
		{"0", "entry " + first + " cannot be applied"},
		{"0", "with --before " + first + " this one is recovered without entries " + first + " to " + last + " (3 in all)"},
		{last, "entry " + first + " cannot be applied"},
		{strconv.FormatUint(bad+3, 10), "ends at entry " + last},
		{"1", "nothing before entry 1"},
	} {
		if _, _, err := give("--before", c.before); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("--before %s: %v", c.before, err)
		}
	}
	out, data, err := give("--before", first)
	for _, words := range []string{"recovered 10 keys up to entry " + strconv.FormatUint(bad-1, 10), "gave up entries " + first + " to " + last + " (3 in all)", "lost"} {
		if err != nil || !strings.Contains(out, words) {
			t.Errorf("%q does not say %q: %v", out, words, err)
		}
	}
	startServe(t, "n1", port, old).ends("entry " + first)
	n1 := startServe(t, "n1", port, data)
	conn := client(n1.addr)
	defer conn.Close()
	eventually(t, 20*time.Second, func() error {
		n, err := conn.DBSize(t.Context()).Result()
		if err == nil && n != 10 {
			err = fmt.Errorf("%d keys", n)
		}
		return err
	})
}

// An entry of a later release is no malformed one: nothing is given up for it.
func TestARecoveryOfALaterReleasesLogAsksForThat(t *testing.T) {
	newer := &node.UnappliedError{Index: 7, Last: 9, Err: &fsm.NewerError{What: "the cluster was raised, by an entry", Version: 3, Newest: 2}}
	err := unrecoverable("old", "recover old", newer)
	if !strings.Contains(err.Error(), "run the release that this node ran before, or a later one") || strings.Contains(err.Error(), "--before") {
		t.Error(err)
	}
}

// spoilLog appends an entry to a log that no node can apply, and two behind it; it
// returns the first one's index.
func spoilLog(t *testing.T, data, bad string) uint64 {
	t.Helper()
	dir, err := store.Open(storesOf(data, "n1"))
	if err != nil {
		t.Fatal(err)
	}
	stores, err := dir.Stores()
	if err != nil {
		t.Fatal(err)
	}
	last, err := stores.Logs.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	var end raft.Log
	if err := stores.Logs.GetLog(last, &end); err != nil {
		t.Fatal(err)
	}
	for i, content := range []string{bad, "", ""} {
		l := &raft.Log{Index: last + 1 + uint64(i), Term: end.Term, Type: raft.LogNoop, Data: []byte(content)}
		if content != "" {
			l.Type = raft.LogCommand
		}
		seal.Put(l)
		if err := stores.Logs.StoreLog(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := dir.Close(); err != nil && !errors.Is(err, syscall.EBADF) {
		t.Fatal(err)
	}
	return last + 1
}
