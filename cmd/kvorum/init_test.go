package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kvorum/kvorum/node/store"
)

// initialised makes the data directory of a cluster of one whose clients are at a port.
func initialised(t *testing.T, id string, port int, more ...string) (data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	if _, err := runWith(t, append([]string{"init", "--id", id, "--data", data, "--peer-advertise", loopback(port + peerPortOffset)}, more...)...); err != nil {
		t.Fatal(err)
	}
	return data
}

// awaitReady waits until a node whose clients are at a port is ready.
func (s *served) awaitReady(port int) {
	s.t.Helper()
	eventually(s.t, 30*time.Second, func() error {
		_, err := askReady(s.t.Context(), address{"127.0.0.1", port + httpPortOffset})
		return err
	})
}

// refusesToServe wants serve to end at once, with these words, and to leave the
// directory as it is.
func refusesToServe(t *testing.T, data string, flags []string, words ...string) {
	t.Helper()
	before, _ := os.ReadDir(data)
	_, err := runWith(t, append([]string{"serve", "--id", "n1", "--data", data}, flags...)...)
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v: %v does not say %q", flags, err, word)
		}
	}
	if after, _ := os.ReadDir(data); len(after) != len(before) {
		t.Errorf("%v: the directory held %v, and holds %v", flags, before, after)
	}
}

// An empty directory, or none, is a lost one as likely as a new one: whatever a unit
// file says to a founder, it says it again after the loss.
func TestANodeThatIsToldOfNoOtherRefusesAnEmptyDirectory(t *testing.T) {
	port := freePorts(t, 1)
	at, peer := loopback(port), loopback(port+peerPortOffset)
	missing := filepath.Join(t.TempDir(), "not", "mounted")
	for _, flags := range [][]string{
		{"--listen", at},
		{"--listen", at, "--cluster", "n1=" + peer},
		{"--listen", at, "--peer-advertise", peer, "--rebuild-damaged"},
	} {
		for _, data := range []string{missing, t.TempDir()} {
			refusesToServe(t, data, flags, "--data "+data+" is empty, or does not exist", "--join", "is a disk not mounted",
				"kvorum init --id n1 --data "+data+" --peer-advertise "+peer)
		}
	}
	if _, err := os.Stat(filepath.Dir(missing)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory was made: %v", err)
	}
	refusesToServe(t, missing, []string{"--listen", ":7000"}, "--peer-advertise HOST:17000")
}

// The same for a directory whose node has never come into a cluster: the first release
// made one at each start.
func TestANodeThatHasNeverBeenInAClusterFoundsNone(t *testing.T) {
	o := store.Options{Path: t.TempDir(), ID: "n1", Logger: slog.New(slog.DiscardHandler)}
	d, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	port := freePorts(t, 1)
	_, err = runWith(t, "serve", "--id", "n1", "--data", o.Path, "--listen", loopback(port), "--http", "none")
	if err == nil || !strings.Contains(err.Error(), "has never been in a cluster") || !strings.Contains(err.Error(), "kvorum init --id n1") {
		t.Error(err)
	}
}

func TestAnUnfinishedDirectoryIsNotServed(t *testing.T) {
	o := store.Options{Path: t.TempDir(), ID: "n1", MadeBy: "kvorum init", Logger: slog.New(slog.DiscardHandler)}
	d, err := store.Begin(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{nil, {"--rebuild-damaged"}, {"--cluster=n1=a:1,n2=b:1"}, {"--join=a:1", "--peer-advertise=b:1"},
		{"--join=a:1", "--peer-advertise=b:1", "--rebuild-damaged"}, {"--await", "--peer-advertise=b:1"}} {
		refusesToServe(t, o.Path, flags, "is unfinished", "kvorum init was cut short", "run that again")
	}
	if _, err := runWith(t, "init", "--id", "n1", "--data", o.Path, "--peer-advertise", "a:1"); err != nil {
		t.Error(err)
	}
}

func TestInitTakesNothingButAnEmptyDirectory(t *testing.T) {
	give := func(data string) error {
		_, err := runWith(t, "init", "--id", "n1", "--data", data, "--peer-advertise", "a:1")
		return err
	}
	full := filepath.Join(t.TempDir(), "data")
	if err := give(full); err != nil {
		t.Fatal(err)
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.tex"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for data, holds := range map[string]string{full: "identity.json", foreign: "thesis.tex"} {
		if err := give(data); err == nil || !strings.Contains(err.Error(), "is not empty: "+data+" holds "+holds) {
			t.Errorf("%s: %v", data, err)
		}
	}
	if found, _ := os.ReadDir(foreign); len(found) != 1 {
		t.Errorf("left in somebody's directory: %v", found)
	}
}

// Whatever would fill a directory names what it finds there, and leaves it as it is.
func TestNothingIsMadeInSomebodysDirectory(t *testing.T) {
	port := freePorts(t, 3)
	old := initialised(t, "n1", port)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	serve := []string{"serve", "--id=n1", "--data=" + dir, "--listen=" + loopback(port)}
	for _, args := range [][]string{
		serve,
		append(serve, "--rebuild-damaged"),
		append(serve, "--join="+loopback(port+1)),
		append(serve, "--await"),
		append(serve, "--cluster=n1="+loopback(port+peerPortOffset)+",n2="+loopback(port+1)),
		{"init", "--id=n1", "--data=" + dir, "--peer-advertise=a:1"},
		{"recover", "--id=n1", "--from=" + old, "--data=" + dir, "--peer-advertise=a:1", "--accept-loss"},
		{"local", "--dir=" + dir, "--port", fmt.Sprint(port)},
		{"local", "--dir=" + filepath.Dir(dir), "--port", fmt.Sprint(port)},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err := run(ctx, args, io.Discard, io.Discard)
		cancel()
		if err == nil || !strings.Contains(err.Error(), " holds ") {
			t.Errorf("%q: %v", args, err)
		}
		if found, _ := os.ReadDir(dir); len(found) != 1 {
			t.Errorf("%q: left in it: %v", args, found)
		}
	}
}

// The founder of a cluster that others have joined loses its directory, and is started
// as it was at first. It must not be a second cluster; with --join it comes back.
func TestAWipedOnlyFounderComesBackOnlyByJoining(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 3)
	data := initialised(t, "n1", port)
	asBefore := []string{patientFlag, "--cluster", "n1=" + loopback(port+peerPortOffset)}
	n1 := startServe(t, "n1", port, data, asBefore...)
	join := []string{patientFlag, "--join", loopback(port+peerPortOffset) + "," + loopback(port+1+peerPortOffset) + "," + loopback(port+2+peerPortOffset)}
	n1.awaitReady(port)
	var n counts
	n.through(t, n1.addr)
	var others []*served
	for i, id := range []string{"n2", "n3"} {
		others = append(others, startServe(t, id, port+1+i, filepath.Join(t.TempDir(), id), join...))
		listed(t, n1.addr, id+` +(voter|leader) `)
	}
	n1.stop()
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	startServe(t, "n1", port, data, asBefore...).ends("--data "+data+" is empty, or does not exist", "--join", "kvorum init")
	startServe(t, "n1", port, data).ends("--data "+data+" is empty, or does not exist", "--join", "kvorum init")
	n.through(t, others[0].addr)
	back := startServe(t, "n1", port, data, join...)
	back.awaitReady(port)
	listed(t, others[1].addr, `n1 +(voter|leader) `)
	n.through(t, back.addr)
	back.stop()
	again := startServe(t, "n1", port, data, asBefore...) // it is in the cluster, whatever its flags say
	again.awaitReady(port)
	n.through(t, again.addr)
}

func TestALocalClusterOfOneIsMadeOnce(t *testing.T) {
	t.Parallel()
	dir, port := filepath.Join(t.TempDir(), "cluster"), freePorts(t, 1)
	r := startLocal(t, dir, port, "--nodes", "1")
	if err := r.client(0).Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	r = startLocal(t, dir, port)
	if got, err := r.client(0).Get(t.Context(), "k").Result(); got != "v" || err != nil {
		t.Fatal(got, err)
	}
	if err := r.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(r.data(0)); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(kvorumBinary(t), "local", "--dir", dir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "is empty, or does not exist") {
		t.Errorf("%v: %s", err, out)
	}
}
