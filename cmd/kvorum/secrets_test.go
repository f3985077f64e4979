package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/kvorum/kvorum/internal/corpus"
)

// impostor answers as a node does whose only other member leads at an address.
type impostor struct {
	net.Listener
	leader string

	mu    sync.Mutex
	heard []string
}

func startImpostor(t *testing.T, leader string) *impostor {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	i := &impostor{Listener: l, leader: leader}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go i.serve(conn)
		}
	}()
	return i
}

func (i *impostor) serve(conn net.Conn) {
	defer conn.Close()
	for in := bufio.NewReader(conn); ; {
		command, err := corpus.ReadReply(in)
		if err != nil {
			return
		}
		var words []string
		for _, e := range command.Elems {
			words = append(words, string(e.Bytes))
		}
		said := strings.ToLower(strings.Join(words, " "))
		i.mu.Lock()
		i.heard = append(i.heard, said)
		i.mu.Unlock()
		answer := "+OK\r\n"
		switch {
		case strings.HasPrefix(said, "hello"):
			answer = "-ERR unknown command\r\n"
		case said == "raft status":
			answer = list(bulk("id"), bulk("n1@a"), bulk("leader"), bulk("n2@b"), bulk("servers"), list(
				list(bulk("id"), bulk("n1@a"), bulk("client-address"), bulk(i.Addr().String())),
				list(bulk("id"), bulk("n2@b"), bulk("client-address"), bulk(i.leader))))
		}
		if _, err := conn.Write([]byte(answer)); err != nil {
			return
		}
	}
}

func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

func list(elems ...string) string {
	return fmt.Sprintf("*%d\r\n%s", len(elems), strings.Join(elems, ""))
}

// told reports whether anything with the word was heard.
func (i *impostor) told(word string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return strings.Contains(strings.Join(i.heard, "\n"), word)
}

// A node can advertise any address: the password goes to those that the operator has named.
func TestThePasswordGoesWhereTheOperatorHasSaid(t *testing.T) {
	for _, c := range []struct {
		args            string
		asked, password bool
	}{
		{"status", true, false},
		{"status --password sesame", false, false},
		{"status --json --password sesame", false, false},
		{"status --password sesame --everyone", true, true},
		{"members list --password sesame", false, false},
		{"members transfer n2 --password sesame", false, false},
	} {
		thief := startImpostor(t, "127.0.0.1:1")
		node := startImpostor(t, thief.Addr().String())
		out, err := kvorum(t, append(strings.Fields(c.args), "--addr", node.Addr().String())...)
		if err != nil {
			t.Fatal(c.args, err)
		}
		if thief.told("raft status") != c.asked || thief.told("sesame") != c.password {
			t.Errorf("%s: the advertised address heard %q", c.args, thief.heard)
		}
		if strings.HasPrefix(c.args, "status") && !c.asked && (!strings.Contains(out, "--everyone") || !strings.Contains(out, thief.Addr().String())) {
			t.Errorf("%s does not say whom it has not asked:\n%s", c.args, out)
		}
		if both := node.Addr().String() + "," + thief.Addr().String(); c.args == "status --password sesame" {
			if _, err := kvorum(t, append(strings.Fields(c.args), "--addr", both)...); err != nil || !thief.told("sesame") {
				t.Errorf("an address of --addr was not asked: %v, %q", err, thief.heard)
			}
		}
	}
}

// What a change waits for is asked of the leader, if it may be.
func TestAWaitingChangeGivesThePasswordToNobodyElse(t *testing.T) {
	thief := startImpostor(t, "127.0.0.1:1")
	node := startImpostor(t, thief.Addr().String())
	f := &askFlags{password: "sesame"}
	said := f.waitsFor(t.Context(), node.Addr().String(), []string{"upgrade", "finish"})
	if thief.told("sesame") || !strings.Contains(said, "n2, which leads, is not asked at "+thief.Addr().String()) || !strings.Contains(said, "--addr") {
		t.Errorf("the advertised address heard %q, the operator %q", thief.heard, said)
	}
}

func TestWhatIsDangerousIsSaidOnTheCommandLine(t *testing.T) {
	node := startImpostor(t, "127.0.0.1:1")
	at := " --addr " + node.Addr().String()
	for variable, c := range map[string]struct{ command, flag string }{
		"KVORUM_FORCE":       {"members remove n2" + at, "--force"},
		"KVORUM_EVERYONE":    {"status" + at, "--everyone"},
		"KVORUM_ACCEPT_LOSS": {"recover --id n1 --from /old --data /new --peer-advertise n1:1", "--accept-loss"},
		"KVORUM_BEFORE":      {"recover --id n1 --from /old --data /new --peer-advertise n1:1 --accept-loss", "--before"},
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "1")
			_, err := kvorum(t, strings.Fields(c.command)...)
			if err == nil || !strings.Contains(err.Error(), variable+" is set") || !strings.Contains(err.Error(), c.flag+" is taken from the command line only") {
				t.Errorf("%s: %v", c.command, err)
			}
		})
	}
	t.Setenv("KVORUM_FORCE", "true")
	if _, err := kvorum(t, strings.Fields("members demote n2"+at)...); err == nil || node.told("raft") {
		t.Errorf("demoted by a variable: %v, %q", err, node.heard)
	}
	if _, err := kvorum(t, strings.Fields("members remove n2 --force"+at)...); err != nil || !node.told("raft remove n2 force") {
		t.Errorf("the flag itself: %v, %q", err, node.heard)
	}
}
