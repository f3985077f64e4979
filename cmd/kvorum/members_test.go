package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kvorum/kvorum/internal/oracle"
)

// kvorum runs the program in this process and returns what it printed.
func kvorum(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err = run(t.Context(), args, &stdout, &stderr)
	return stdout.String(), err
}

// wantFailure holds a failure's text and exit code against what is expected.
func wantFailure(t *testing.T, err error, code int, parts ...string) {
	t.Helper()
	var own *failure
	if !errors.As(err, &own) || own.code != code {
		t.Fatalf("ended with %v, want exit code %d", err, code)
	}
	for _, part := range parts {
		if !strings.Contains(own.text, part) {
			t.Errorf("said %q, want %q in it", own.text, part)
		}
	}
}

// nobody is an address at which nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestWhatCannotBeAskedIsExplained(t *testing.T) {
	away := nobody(t)
	for _, command := range []string{"status", "members list", "members add h:1", "members remove n1", "members promote n1", "members demote n1", "members transfer"} {
		_, err := kvorum(t, append(strings.Fields(command), "--addr", away)...)
		wantFailure(t, err, exitFailed, "no node answers at "+away, "connection refused", "--addr")
	}
	redis := oracle.Start(t, oracle.Options{Port: true}).Addr
	_, err := kvorum(t, "members", "list", "--addr", away+","+redis)
	wantFailure(t, err, exitFailed, "what answers at "+redis+" is no Kvorum node")
	for _, args := range [][]string{{"members", "remove"}, {"members", "add", "a", "b"}, {"members", "transfer", "a", "b"}, {"status", "x"}, {"members", "list", "--addr", "x"}} {
		if _, err := kvorum(t, args...); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}

// A node that has not entered its cluster yet does not stand for those that have.
func TestAStartingNodeIsPassedOver(t *testing.T) {
	t.Parallel()
	r := startLocal(t, t.TempDir(), freePorts(t, 3))
	r.awaitAllReady()
	port := freePorts(t, 1)
	waits := exec.Command(kvorumBinary(t), "serve", "--id", "n4", "--listen", loopback(port), "--data", t.TempDir(), "--await")
	if err := waits.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { waits.Process.Kill(); waits.Wait() })
	eventually(t, 20*time.Second, func() error {
		_, err := kvorum(t, "status", "--addr", loopback(port))
		if err == nil || !strings.Contains(err.Error(), loopback(port)+" (it is starting or waits for others)") {
			return fmt.Errorf("a node that waits said %v", err)
		}
		return nil
	})
	if out, err := kvorum(t, "status", "--addr", loopback(port)+","+r.addr(1)); err != nil || !strings.Contains(out, "as n2 knows it") {
		t.Errorf("%v: %s", err, out)
	}
}

// A node that takes the question and is never heard again may have done it.
func TestAChangeWithoutAnAnswerIsNotSaidToHaveFailed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answerUntil(conn, "raft")
		}
	}()
	_, err = kvorum(t, "members", "remove", "n2", "--addr", l.Addr().String())
	wantFailure(t, err, exitUnknown, "may or may not have done it", "kvorum status")
}

// Without a connection, a node was told nothing.
func TestANodeThatCannotBeReachedWasToldNothing(t *testing.T) {
	a := &asked{addr: "10.0.0.1:6379"}
	for op, want := range map[string]string{"dial": "cannot be reached", "read": "may or may not have done it"} {
		err := a.explain(&net.OpError{Op: op, Net: "tcp", Err: syscall.ECONNREFUSED})
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "10.0.0.1:6379") {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// answerUntil answers +PONG to every command until one has the word, and ends.
func answerUntil(conn net.Conn, word string) {
	defer conn.Close()
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil || strings.Contains(string(buf[:n]), word) {
			return
		}
		// HELLO is refused, as an old server would: go-redis goes on without it.
		answer := strings.Repeat("+PONG\r\n", strings.Count(string(buf[:n]), "*"))
		if strings.Contains(strings.ToLower(string(buf[:n])), "hello") {
			answer = "-ERR unknown command\r\n"
		}
		if _, err := conn.Write([]byte(answer)); err != nil {
			return
		}
	}
}

func TestStatusAndMembersShowAWholeCluster(t *testing.T) {
	r := startLocal(t, t.TempDir(), freePorts(t, 3), "KVORUM_REQUIREPASS=secret")
	r.awaitAllReady()
	_, err := kvorum(t, "status", "--addr", r.addr(0))
	wantFailure(t, err, exitFailed, "asks for a password", "KVORUM_PASSWORD")
	_, err = kvorum(t, "members", "promote", "n1", "--addr", r.addr(0), "--password", "guess")
	wantFailure(t, err, exitFailed, "refuses the password", "KVORUM_PASSWORD")
	t.Setenv("KVORUM_PASSWORD", "secret")
	leader := r.awaitLeader()
	out, err := kvorum(t, "members", "list", "--addr", nobody(t)+","+r.addr(1))
	if err != nil {
		t.Fatal(err)
	}
	for node := range 3 {
		role := "voter"
		if node == leader {
			role = "leader"
		}
		line := fmt.Sprintf(`(?m)^n%d +%s +%s +127\.0\.0\.1:\d+ +yes +\d+ +[0-9a-f]{8}$`, node+1, role, regexp.QuoteMeta(r.addr(node)))
		if !regexp.MustCompile(line).MatchString(out) {
			t.Errorf("no line like %s in\n%s", line, out)
		}
	}
	out, err = kvorum(t, "status", "--everyone", "--addr", r.addr(2))
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("n%d leads in term ", leader+1); !strings.Contains(out, want) || strings.Count(out, "127.0.0.1:") != 3 {
		t.Errorf("status says\n%s", out)
	}
	out, err = kvorum(t, "status", "--json", "--addr", r.addr(0)+","+r.addr(1)+","+r.addr(2))
	if err != nil {
		t.Fatal(err)
	}
	var found clusterStatus
	if err := json.Unmarshal([]byte(out), &found); err != nil || len(found.Nodes) != 3 || !strings.HasPrefix(found.Leader, fmt.Sprintf("n%d@", leader+1)) {
		t.Errorf("status --json: %v, %+v", err, found)
	}
	for _, n := range found.Nodes {
		own, ok := n.Own.(map[string]any)
		if !ok || own["id"] != n.Known.ID || own["snapshots-installed-again"] == nil || own["applied-index"] == nil {
			t.Errorf("%s told %v", n.Known.ID, n.Own)
		}
	}
	down := (leader + 1) % 3
	r.signal(down, syscall.SIGKILL)
	eventually(t, 20*time.Second, func() error {
		out, err := kvorum(t, "status", "--everyone", "--addr", r.addr(leader))
		if err != nil {
			return err
		}
		if !strings.Contains(out, "unreachable") || !strings.Contains(out, fmt.Sprintf("n%d: told nothing itself", down+1)) {
			return fmt.Errorf("status says\n%s", out)
		}
		return nil
	})
	r.signal((leader+2)%3, syscall.SIGKILL)
	eventually(t, 20*time.Second, func() error {
		out, err := kvorum(t, "status", "--everyone", "--addr", r.addr(leader))
		var own *failure
		if !errors.As(err, &own) || own.code != exitNoLeader || !strings.Contains(out, fmt.Sprintf("n%d: of those that answer, it has the latest log", leader+1)) {
			return fmt.Errorf("without a majority: %v\n%s", err, out)
		}
		return nil
	})
}

// A longer log may be an older one: its end was never committed.
func TestTheLatestLogIsThatOfTheLaterTerm(t *testing.T) {
	node := func(term, index uint64) *foundNode {
		return &foundNode{own: &nodeStatus{LastTerm: term, LastIndex: index}}
	}
	long, late, later := node(3, 120), node(4, 109), node(4, 110)
	c := clusterStatus{Nodes: []*foundNode{{}, long, late, later, {}}}
	if got := c.latest(); got != later {
		t.Errorf("it is the one of term %d, index %d", got.own.LastTerm, got.own.LastIndex)
	}
}

// A node that has been removed, or has not been numbered yet, refuses HELLO:
// its answer is RESP2's, and reads the same.
func TestAStatusInRESP2ReadsTheSame(t *testing.T) {
	server := func(id string) []any {
		return []any{"id", id, "suffrage", "voter", "client-address", nil, "reachable", int64(1), "stored-index", int64(7), "clock-skew-ms", "-1.500"}
	}
	var s nodeStatus
	value := asMaps(plain([]any{"id", "n1@a", "ready", int64(1), "leader", nil, "servers", []any{server("n1@a"), server("n2@b")}}))
	if err := decodeReply(value, &s); err != nil {
		t.Fatal(err)
	}
	if m := s.Servers[1]; len(s.Servers) != 2 || m.ID != "n2@b" || !bool(m.Reachable) || *m.StoredIndex != 7 || *m.ClockSkewMS != -1.5 || m.ClientAddr != nil ||
		s.ID != "n1@a" || !bool(s.Ready) || s.leader() != "" {
		t.Errorf("read %+v", s)
	}
}
