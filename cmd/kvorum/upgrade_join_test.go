package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/kvorum/kvorum/internal/release/recorded"
)

// A cluster may be founded by nodes of both releases. Followers of either redirect
// to a leader of either, and nothing is raised.
func TestFollowersOfEitherReleaseRedirectToALeaderOfEither(t *testing.T) {
	t.Parallel()
	m := startMixed(t, func(old, new string) [3]string { return [3]string{old, new, old} }, "--follower", "redirect")
	for _, leader := range []int{0, 1, 2} {
		m.lead(leader)
		if err := m.client(leader).Set(t.Context(), "k", leader, 0).Err(); err != nil {
			t.Fatal(err)
		}
		for node := range m.nodes {
			if node == leader {
				continue
			}
			eventually(t, 10*time.Second, func() error { // until the follower knows who leads
				err := m.client(node).Get(t.Context(), "k").Err()
				if err == nil || !strings.HasPrefix(err.Error(), "MOVED ") || !strings.HasSuffix(err.Error(), " "+m.addr(leader)) {
					return fmt.Errorf("n%d answers %w while n%d leads", node+1, err, leader+1)
				}
				return nil
			})
		}
	}
	if active, newest := m.version(1); active != 1 || newest < 2 {
		t.Errorf("the machine is at version %d of %d", active, newest)
	}
	m.sound()
}

// Nodes of either release join leaders of either, and are caught up by their
// snapshots. What the new release has written, truncated and installed meanwhile,
// the release before goes on with.
func TestNodesOfEitherReleaseJoinLeadersOfEither(t *testing.T) {
	t.Parallel()
	for _, store := range recorded.Stores() {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			joinEither(t, store)
		})
	}
}

// joined is a cluster that grows by joining.
type joined struct {
	t     *testing.T
	dir   string
	port  int
	store string
	nodes map[int]*served
}

func (j *joined) addr(node int) string { return loopback(j.port + node - 1) }

// start starts a node, which counts from 1, on its directory.
func (j *joined) start(program string, node int, more ...string) {
	j.t.Helper()
	args := append([]string{"serve", "--id", fmt.Sprintf("n%d", node), "--listen", j.addr(node), "--data", filepath.Join(j.dir, fmt.Sprint("n", node)), patientFlag}, more...)
	if node > 1 { // what is recovered has the log store that is usual
		args = append(args, "--log-store", j.store)
	}
	j.nodes[node] = startProgram(j.t, program, args...)
	j.t.Cleanup(func() { j.nodes[node].cmd.Process.Kill() })
}

// join has a node join through another one, by its snapshot.
func (j *joined) join(program string, node, through int) {
	j.t.Helper()
	j.start(program, node, "--join", loopback(j.port+through-1+peerPortOffset))
	listed(j.t, j.addr(through), fmt.Sprintf(`n%d +(voter|leader) `, node))
	if installed := j.status(node)["snapshots-installed"]; installed == int64(0) {
		j.t.Errorf("n%d was not caught up by a snapshot", node)
	}
}

func (j *joined) client(node int) *redis.Client {
	c := client(j.addr(node))
	j.t.Cleanup(func() { c.Close() })
	return c
}

func (j *joined) status(node int) map[any]any {
	j.t.Helper()
	found, err := j.client(node).Do(j.t.Context(), "RAFT", "STATUS").Result()
	fields, ok := found.(map[any]any)
	if err != nil || !ok {
		j.t.Fatalf("RAFT STATUS: %v, %v", found, err)
	}
	return fields
}

// agree waits until the machines of so many nodes have been compared and are equal.
func (j *joined) agree(nodes int) {
	j.t.Helper()
	eventually(j.t, 20*time.Second, func() error {
		found, err := j.client(1).Do(j.t.Context(), "RAFT", "DIGEST", "FULL").Result()
		if err != nil {
			return err
		}
		fields, _ := found.(map[any]any)
		if all, _ := fields["nodes"].([]any); len(all) != nodes || fields["result"] != "all nodes agree" {
			return fmt.Errorf("RAFT DIGEST FULL: %v", found)
		}
		return nil
	})
}

func joinEither(t *testing.T, store string) {
	old, new := earlierBinary(t), kvorumBinary(t)
	j := &joined{t: t, dir: t.TempDir(), port: freePorts(t, 5), store: store, nodes: map[int]*served{}}
	written := t.TempDir()
	if err := recorded.Unpack(1, store, written); err != nil {
		t.Fatal(err)
	}
	// What was recovered begins with a snapshot, and nobody can be caught up by the log alone.
	said, err := exec.Command(old, "recover", "--id", "n1", "--from", filepath.Join(written, "snapshot"), "--data", filepath.Join(j.dir, "n1"),
		"--peer-advertise", loopback(j.port+peerPortOffset), "--accept-loss").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	j.start(old, 1)
	eventually(t, 20*time.Second, func() error { return j.client(1).Set(t.Context(), "after", "recovery", 0).Err() })
	var n counts
	j.join(new, 2, 1)
	n.through(t, j.addr(2))
	j.join(old, 3, 2)
	mustDo(t, "members", "transfer", "n2", "--addr", j.addr(1))
	if err := j.client(2).Do(t.Context(), "RAFT", "SNAPSHOT").Err(); err != nil { // one that the new release has written
		t.Fatal(err)
	}
	n.through(t, j.addr(3))
	j.join(old, 4, 2)
	j.join(new, 5, 2)
	n.through(t, j.addr(4))
	j.agree(5)
	mustDo(t, "members", "demote", "n5", "--addr", j.addr(2))
	mustDo(t, "members", "remove", "n4", "--addr", j.addr(2))
	j.nodes[4].ends("not in the configuration")
	for _, node := range []int{2, 5} {
		j.nodes[node].stop()
		j.start(old, node)
		eventually(t, 20*time.Second, func() error { return j.client(node).Get(t.Context(), "after").Err() })
		n.through(t, j.addr(node))
	}
	j.agree(4)
	if got, err := j.client(5).StrLen(t.Context(), "large").Result(); err != nil || got == 0 {
		t.Errorf("what was recorded has %d bytes, %v", got, err)
	}
}

// Directories that the release before wrote are served as they are, by this one.
func TestRecordedDirectoriesAreServed(t *testing.T) {
	t.Parallel()
	for _, store := range recorded.Stores() {
		for _, stage := range []recorded.Stage{recorded.LogOnly, recorded.AndSnapshot} {
			t.Run(store+", "+string(stage), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				if err := recorded.Unpack(1, store, dir); err != nil {
					t.Fatal(err)
				}
				facts, err := recorded.FactsOf(dir, stage)
				if err != nil {
					t.Fatal(err)
				}
				port := freePorts(t, 1)
				s := startServe(t, "n1", port, filepath.Join(dir, string(stage)), "--cluster", "n1="+loopback(port+peerPortOffset))
				c := client(s.addr)
				defer c.Close()
				eventually(t, 20*time.Second, func() error {
					keys, err := c.DBSize(t.Context()).Result()
					if err == nil && keys < int64(facts.Keys) {
						return fmt.Errorf("%d keys of %d are there", keys, facts.Keys)
					}
					return err
				})
				if got, err := c.Get(t.Context(), "again").Result(); err != nil || got == "" {
					t.Errorf("a recorded key holds %q, %v", got, err)
				}
				if err := c.Set(t.Context(), "new", "value", 0).Err(); err != nil {
					t.Error(err)
				}
				s.stop()
			})
		}
	}
}
