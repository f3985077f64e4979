package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/internal/release/recorded"
)

// The release before goes on with directories that this one has used for a while:
// segments were rotated, snapshots taken, members demoted and promoted, an upgrade
// held, and one directory was damaged and built anew.
func TestTheReleaseBeforeGoesOnWithWhatThisOneHasUsed(t *testing.T) {
	t.Parallel()
	for _, store := range recorded.Stores() {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			goBack(t, store)
		})
	}
}

func goBack(t *testing.T, store string) {
	m := startMixed(t, allOld, "--log-store", store)
	m.write(0, 1)
	for _, node := range m.leadersLast() {
		m.flags = []string{"--log-store", store, "--rebuild-damaged"}
		m.roll(node, m.new)
	}
	if err := m.client(1).ConfigSet(t.Context(), "upgrade-hold", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	m.write(1, usedMiB)
	for node := range m.nodes {
		if err := m.client(node).Do(t.Context(), "RAFT", "SNAPSHOT").Err(); err != nil {
			t.Fatal(err)
		}
		if first, err := filepath.Glob(filepath.Join(m.data(node), "wal", "00000000000000000001-*.wal")); err != nil || *longUpgrade && len(first) > 0 {
			t.Errorf("n%d has not truncated its log: %v, %v", node+1, first, err)
		}
	}
	mustDo(t, "members", "demote", "n3", "--addr", m.addr(0))
	mustDo(t, "members", "promote", "n3", "--addr", m.addr(1))
	m.write(2, 2)
	m.lead(0)
	m.rebuild(2)
	m.write(2, 1)
	if waits := m.awaitWaits(); !strings.Contains(waits, "whose operator holds the upgrade") {
		t.Errorf("the upgrade waits for %s", waits)
	}
	m.flags = []string{"--log-store", store}
	for _, node := range m.leadersLast() {
		m.roll(node, m.old)
		m.write(node, 1)
	}
	m.sound()
	for _, node := range m.leadersLast() { // the hold and the marks of this release outlast that
		m.roll(node, m.new)
	}
	if err := m.client(2).Get(t.Context(), fmt.Sprint("used:0:", 0)).Err(); err != nil {
		t.Error(err)
	}
	if waits := m.awaitWaits(); !strings.Contains(waits, "n2@") || !strings.Contains(waits, "whose operator holds the upgrade") {
		t.Errorf("after the way back, the upgrade waits for %s", waits)
	}
	m.sound()
}

// usedMiB is more than two segments hold.
const usedMiB = 24

// write writes values of 256 KiB through a node.
func (m *mixed) write(node, mebibytes int) {
	m.t.Helper()
	value := strings.Repeat(fmt.Sprint(node, mebibytes, " "), 1<<18)[:1<<18]
	if *longUpgrade {
		mebibytes *= 8 // the log is truncated, too
	}
	c := m.client(node)
	for i := range 4 * mebibytes {
		if err := c.Set(m.t.Context(), fmt.Sprintf("used:%d:%d", node, i%32), value, 0).Err(); err != nil {
			m.t.Fatalf("write through n%d: %v", node+1, err)
		}
	}
}

// rebuild damages a node's directory, and waits until the node is back as a new server.
func (m *mixed) rebuild(node int) {
	m.t.Helper()
	m.nodes[node].stop()
	remove(m.t, filepath.Join(m.data(node), "raft.db"))
	m.start(node, m.new)
	eventually(m.t, 30*time.Second, func() error {
		if len(m.asides(node)) != 1 {
			return errors.New("nothing was set aside")
		}
		return nil
	})
	m.awaitAllReady()
	listed(m.t, m.addr(0), fmt.Sprintf(`n%d +voter `, node+1))
}

// awaitWaits returns what the leader says that the upgrade waits for.
func (m *mixed) awaitWaits() string {
	m.t.Helper()
	waits := ""
	eventually(m.t, 20*time.Second, func() error {
		found, err := m.client(m.awaitLeader()).Do(m.t.Context(), "RAFT", "STATUS").Result()
		if err != nil {
			return err
		}
		fields, _ := found.(map[any]any)
		if waits, _ = fields["upgrade-waits"].(string); waits == "" {
			return errors.New("the leader does not say what the upgrade waits for")
		}
		return nil
	})
	return waits
}

// endsEither waits until one of two nodes has ended by itself, and ends the other one.
func (m *mixed) endsEither(a, b int, word string) {
	m.t.Helper()
	var err error
	ended, other := m.nodes[a], m.nodes[b]
	select {
	case err = <-ended.exit:
	case err = <-other.exit:
		ended, other = other, ended
	case <-time.After(40 * time.Second):
		m.t.Fatalf("n%d and n%d still run", a+1, b+1)
	}
	if err == nil || !strings.Contains(ended.log.String(), word) {
		m.t.Errorf("it ended with %v and did not say %q:\n%s", err, word, ended.log)
	}
	other.cmd.Process.Kill()
	<-other.exit
}

// What the release before says when it is started on a directory of a cluster that
// was raised: docs/operations.md lists it.
func TestWhatTheReleaseBeforeSaysAfterTheRaise(t *testing.T) {
	t.Parallel()
	m := startMixed(t, func(_, new string) [3]string { return [3]string{new, new, new} })
	m.awaitVersion(fsm.NewestVersion)
	m.lead(0)
	m.write(0, 1)
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := func(text string) string {
		t.Helper()
		if !strings.Contains(string(page), text) {
			t.Errorf("docs/operations.md does not list %q", text)
		}
		return text
	}
	refused := func(node int, words ...string) {
		t.Helper()
		m.start(node, m.old)
		m.nodes[node].ends(words...)
		documented(words[0])
	}
	asked := "knows machine version 1 at most, and this cluster is at version 2: start it with the release that the other nodes run"
	m.nodes[1].stop()
	refused(1, asked)
	joins := startProgram(t, m.old, "serve", "--id", "n4", "--listen", m.addr(3), "--data", m.data(3), "--join", loopback(m.port+peerPortOffset))
	eventually(t, 10*time.Second, func() error {
		if !strings.Contains(joins.log.String(), asked) {
			return errors.New("the joining node does not say why it waits")
		}
		return nil
	})
	joins.cmd.Process.Kill()
	m.start(1, m.new)
	m.awaitAllReady()
	if err := m.client(1).Do(t.Context(), "RAFT", "SNAPSHOT").Err(); err != nil {
		t.Fatal(err)
	}
	m.nodes[1].stop()
	refused(1, asked)
	m.nodes[2].stop() // nobody leads any more
	m.nodes[0].stop()
	refused(1, "the snapshot is of machine version 2, this program's is 1", "failed to load any existing snapshots")
	m.start(2, m.old)
	m.start(0, m.old)
	m.endsEither(0, 2, documented("entry: version 3 cannot be read, only 1 and 2"))
	for node := range m.nodes {
		m.start(node, m.new)
	}
	m.awaitAllReady()
	if got, err := m.client(1).StrLen(t.Context(), "used:0:0").Result(); got != 1<<18 || err != nil {
		t.Errorf("after all that: %d, %v", got, err)
	}
	m.sound()
}
