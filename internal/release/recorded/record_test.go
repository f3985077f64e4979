package recorded_test

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/internal/corpus"
	"github.com/kvorum/kvorum/internal/corpus/folder"
	"github.com/kvorum/kvorum/internal/release"
	"github.com/kvorum/kvorum/internal/release/recorded"
)

var (
	recordInto    = flag.String("record.into", "", "the folder that gets the archives of TestRecord; none are kept by default")
	recordMachine = flag.Int("record.machine", 1, "the machine version whose release TestRecord runs")
)

// TestRecord records the directories of a release anew, and holds them against the
// present program as those that are kept. So they can be made again at any time.
func TestRecord(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	r, found := release.OfVersion(*recordMachine)
	if !found {
		t.Fatalf("there is no release of machine version %d", *recordMachine)
	}
	stores := recorded.Stores()
	if *recordInto == "" {
		stores = stores[:1] // the others differ in their files alone
	}
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			dir := record(t, r, store)
			checkRecording(t, dir)
			if *recordInto == "" {
				return
			}
			file, err := os.Create(filepath.Join(*recordInto, recorded.ArchiveName(r.Machine, store)))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(recorded.Pack(dir, file), file.Close()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// recorder runs one node of a release and writes down what it is told.
type recorder struct {
	t      *testing.T
	binary string
	store  string
	data   string
	port   int
	node   *exec.Cmd
	log    strings.Builder

	conn   net.Conn
	in     *bufio.Reader
	number int // of the connection
	reads  int
	said   []recorded.Exchange
}

// record makes an archive's content and returns the directory that holds it.
func record(t *testing.T, r release.Release, store string) string {
	binary, err := r.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(t.TempDir(), "source")
	if err := r.Source(t.Context(), source); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	w := &recorder{t: t, binary: binary, store: store, data: filepath.Join(t.TempDir(), "data"), port: freePort(t)}
	w.found(r)
	w.start()
	folder.Run(t, filepath.Join(source, "fsm", "command", "testdata", "corpus"), func() corpus.Engine { return w.dial() })
	w.dial()
	w.sendLines("testdata/more.txt")
	w.stop(syscall.SIGKILL) // another boot follows, and another session
	w.start()
	w.sendLines("testdata/again.txt")
	w.sendLarge()
	facts := w.facts().Line(recorded.LogOnly)
	w.stop(syscall.SIGTERM)
	copyTree(t, w.data, filepath.Join(out, string(recorded.LogOnly)))
	w.start()
	w.awaitSnapshot()
	facts += w.facts().Line(recorded.AndSnapshot)
	w.sendLines("testdata/again.txt") // behind the snapshot
	w.stop(syscall.SIGTERM)
	copyTree(t, w.data, filepath.Join(out, string(recorded.AndSnapshot)))
	var text []byte
	for i := range w.said {
		text = recorded.AppendExchange(text, &w.said[i])
	}
	for name, content := range map[string][]byte{"transcript": text, "facts": []byte(facts)} {
		if err := os.WriteFile(filepath.Join(out, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func freePort(t *testing.T) int {
	for range 100 {
		port := 25100 + rand.IntN(800) // the peers' port is 10000 above, and no kernel picks either
		client, err1 := net.Listen("tcp", loopback(port))
		peer, err2 := net.Listen("tcp", loopback(port+10000))
		for _, l := range []net.Listener{client, peer} {
			if l != nil {
				l.Close()
			}
		}
		if err1 == nil && err2 == nil {
			return port
		}
	}
	t.Fatal("no free ports")
	return 0
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(to, "lock")); err != nil {
		t.Fatal(err)
	}
}

// found makes the directory of a cluster of one. The first release founded such a
// cluster by serving it.
func (w *recorder) found(r release.Release) {
	if r.Machine == 1 {
		return
	}
	out, err := exec.Command(w.binary, "init", "--id", "n1", "--data", w.data, "--log-store", w.store,
		"--peer-advertise", loopback(w.port+10000)).CombinedOutput()
	if err != nil {
		w.t.Fatalf("init: %v\n%s", err, out)
	}
}

func (w *recorder) start() {
	w.t.Helper()
	w.node = exec.Command(w.binary, "serve", "--id", "n1", "--listen", loopback(w.port), "--http", "none", "--data", w.data,
		"--log-store", w.store, "--cluster", "n1="+loopback(w.port+10000), "--debug-commands")
	w.log.Reset()
	w.node.Stderr = &w.log
	if err := w.node.Start(); err != nil {
		w.t.Fatal(err)
	}
	node := w.node
	w.t.Cleanup(func() { node.Process.Kill() })
	w.await("serves", func() bool {
		v, err := w.ask("DBSIZE")
		return err == nil && !v.IsError()
	})
	w.dial()
}

// await polls until the node is as it should be.
func (w *recorder) await(what string, condition func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("the node never %s:\n%s", what, &w.log)
		}
	}
}

// ask sends a command on a connection of its own, which is not written down.
func (w *recorder) ask(words ...string) (reply.Value, error) {
	conn, err := net.DialTimeout("tcp", loopback(w.port), time.Second)
	if err != nil {
		return reply.Value{}, err
	}
	defer conn.Close()
	args := make([][]byte, len(words))
	for i := range words {
		args[i] = []byte(words[i])
	}
	if _, err := conn.Write(corpus.AppendCommand(nil, args)); err != nil {
		return reply.Value{}, err
	}
	return corpus.ReadReply(bufio.NewReader(conn))
}

func (w *recorder) stop(signal syscall.Signal) {
	w.t.Helper()
	if err := w.node.Process.Signal(signal); err != nil {
		w.t.Fatal(err)
	}
	if err := w.node.Wait(); err != nil && signal == syscall.SIGTERM {
		w.t.Fatalf("the node ended with %v:\n%s", err, &w.log)
	}
}

// dial begins a connection.
func (w *recorder) dial() *recorder {
	w.t.Helper()
	if w.conn != nil {
		w.conn.Close()
	}
	conn, err := net.DialTimeout("tcp", loopback(w.port), time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	w.conn, w.in = conn, bufio.NewReader(conn)
	w.number++
	return w
}

// Do sends a command. Every other read that may stand in the log is sent between two
// writes that change nothing, so that it comes to stand there.
func (w *recorder) Do(args [][]byte) (reply.Value, error) {
	row := rowOf(args)
	if row != nil && row.Route() == command.Gate && row.Flags&command.Fast != 0 {
		if w.reads++; w.reads%2 == 0 {
			nothing := [][]byte{[]byte("DEL"), []byte("~nothing")}
			replies, err := w.send(nothing, args, nothing)
			if err != nil {
				return reply.Value{}, err
			}
			return replies[1], nil
		}
	}
	replies, err := w.send(args)
	if err != nil {
		return reply.Value{}, err
	}
	return replies[0], nil
}

// Pass lets time go by in an until.
func (w *recorder) Pass() { <-time.After(3 * time.Millisecond) }

// rowOf is a command's row, nil if it is refused.
func rowOf(args [][]byte) *command.Command {
	owned := make([][]byte, len(args))
	for i := range args {
		owned[i] = append([]byte(nil), args[i]...)
	}
	row, _ := command.Lookup(owned)
	return row
}

func (w *recorder) send(commands ...[][]byte) ([]reply.Value, error) {
	e := recorded.Exchange{Connection: w.number}
	var wire []byte
	for _, args := range commands {
		wire = corpus.AppendCommand(wire, args)
		var line []string
		for _, arg := range args {
			line = append(line, corpus.Print(reply.Bytes(arg)))
		}
		e.Commands = append(e.Commands, strings.Join(line, " "))
	}
	e.SentMS = time.Now().UnixMilli()
	if err := w.conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := w.conn.Write(wire); err != nil {
		return nil, err
	}
	var replies []reply.Value
	for range commands {
		v, err := corpus.ReadReply(w.in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Commands, err)
		}
		replies = append(replies, v)
		e.Replies = append(e.Replies, corpus.Print(v))
	}
	e.AnsweredMS = time.Now().UnixMilli()
	w.said = append(w.said, e)
	return replies, nil
}

// sendLines sends the commands of a file: each line one, or, divided by " ; ",
// several in a pipeline.
func (w *recorder) sendLines(path string) {
	w.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		var commands [][][]byte
		for _, one := range strings.Split(line, " ; ") {
			args, err := corpus.ParseCommand(one)
			if err != nil {
				w.t.Fatal(err)
			}
			commands = append(commands, args)
		}
		if len(commands) == 1 {
			_, err = w.Do(commands[0])
		} else {
			_, err = w.send(commands...)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// sendLarge sends a command that travels in parts.
func (w *recorder) sendLarge() {
	w.t.Helper()
	value := strings.Repeat("a value that is larger than an entry ", 50_000)
	if _, err := w.send([][]byte{[]byte("set"), []byte("large"), []byte(value)}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.send([][]byte{[]byte("strlen"), []byte("large")}); err != nil {
		w.t.Fatal(err)
	}
}

// status is a field of the node's status.
func (w *recorder) status(name string) string {
	w.t.Helper()
	v, err := w.ask("RAFT", "STATUS")
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(v.Elems); i += 2 {
		if string(v.Elems[i].Bytes) == name {
			return strings.Trim(corpus.Print(v.Elems[i+1]), `:"`)
		}
	}
	w.t.Fatalf("the status has no %s: %s", name, corpus.Print(v))
	return ""
}

// facts asks twice, so that index and hash are of one moment.
func (w *recorder) facts() recorded.Facts {
	w.t.Helper()
	var index, hash string
	w.await("stands still", func() bool {
		index, hash = w.status("applied-index"), w.status("applied-hash")
		return w.status("applied-index") == index && w.status("last-log-index") == index
	})
	keys, err := w.ask("DBSIZE")
	if err != nil {
		w.t.Fatal(err)
	}
	f := recorded.Facts{Keys: int(keys.Int())}
	if f.Index, err = strconv.ParseUint(index, 10, 64); err != nil {
		w.t.Fatal(err)
	}
	if f.Hash, err = strconv.ParseUint(hash, 16, 64); err != nil {
		w.t.Fatal(err)
	}
	return f
}

func (w *recorder) awaitSnapshot() {
	w.t.Helper()
	if v, err := w.ask("RAFT", "SNAPSHOT"); err != nil || v.IsError() {
		w.t.Fatalf("RAFT SNAPSHOT: %s, %v", corpus.Print(v), err)
	}
	w.await("has a snapshot", func() bool { return w.status("snapshot-index") != "0" })
}
